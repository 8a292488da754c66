package marking

import (
	"fmt"
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Reason is one marking that applies at a path, and why it does.
type Reason struct {
	Mark
	// Level is the marking's TLP by its identifier, NoLevel for a language and
	// where Unknown.
	Level stix.Level
	// Unknown tells that the identifier is not one of TLP's: what the marking
	// asks for is in its definition ([Kind]), or nobody knows.
	Unknown bool
	// Path is the RFC 6901 pointer from the object to where it is marked so:
	// to an item of object_marking_refs or of a granular marking's selectors.
	Path string
	// Selector is that of the granular marking, "" for an object marking.
	Selector string
	// Inherited tells that not the path itself is marked so but what it is in.
	Inherited bool
}

// Explain returns the markings that apply to what the selector selects: those
// of the object as a whole, of each list or object that it is in, and its own,
// in the order written, first the object's. STIX leaves open which of several
// prevails; here all of them hold, and of TLP the strictest. The error is
// ErrInvalidSelector where nothing is selected.
func Explain(object []byte, selector string) ([]Reason, error) {
	d, asked, err := readAt(object, []string{selector})
	if err != nil {
		return nil, err
	}
	var why []Reason
	given := make(map[string]bool, len(d.refs))
	for i, ref := range d.written {
		if given[ref] {
			continue
		}
		given[ref] = true
		r := Reason{Mark: Mark{Ref: ref}, Path: d.refPath(i), Inherited: true}
		r.Level, r.Unknown = levelOf(r.Mark)
		why = append(why, r)
	}
	for i, g := range d.granulars {
		var given []string // at most one for each component of the selector
		for k, s := range g.selectors {
			exact, above, _ := asked.match(s)
			if !exact && !above || slices.Contains(given, s) {
				continue
			}
			given = append(given, s)
			r := Reason{
				Mark:      g.mark,
				Path:      fmt.Sprintf("/%s/%d/selectors/%d", granularMarkings, i, k),
				Selector:  s,
				Inherited: !exact,
			}
			r.Level, r.Unknown = levelOf(r.Mark)
			why = append(why, r)
		}
	}
	return why, nil
}

// PathLevel is how strict the TLP is on one path.
type PathLevel struct {
	// Selector is the path, "" for the object as a whole.
	Selector string
	// Level is the strictest TLP that applies there, what is inherited
	// included; NoLevel where there is none.
	Level stix.Level
	// Unknown tells that a marking applies there, or is inherited, whose
	// identifier is not one of TLP's. Unless its definition says that it is
	// something else, the path may be stricter than Level.
	Unknown bool
}

// join adds what another marking or path asks for.
func (p *PathLevel) join(l stix.Level, unknown bool) {
	p.Level = max(p.Level, l)
	p.Unknown = p.Unknown || unknown
}

// Levels returns the TLP of the object as a whole, and then that of each path a
// granular marking selects, sorted. A path that is not named has the level of
// the nearest above it that is. The object must be handled by the strictest of
// all, as [stix.Object.Mark] has it; Levels shows which part asks for that.
func Levels(object []byte) ([]PathLevel, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	var whole PathLevel
	for _, ref := range d.refs {
		whole.join(levelOf(Mark{Ref: ref}))
	}
	own := make(map[string]PathLevel)
	for _, g := range d.granulars {
		for _, s := range g.selectors {
			l := own[s]
			l.join(levelOf(g.mark))
			own[s] = l
		}
	}
	all := []PathLevel{whole}
	for s, l := range own {
		l.Selector = s
		l.join(whole.Level, whole.Unknown)
		// Every dot ends a path that s is below of.
		for i := range len(s) {
			if s[i] == '.' {
				above := own[s[:i]]
				l.join(above.Level, above.Unknown)
			}
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b PathLevel) int { return strings.Compare(a.Selector, b.Selector) })
	return all, nil
}

// levelOf is the TLP of a marking by its identifier. A language asks for none;
// of any other, unknown tells that nobody can tell by the identifier.
func levelOf(m Mark) (l stix.Level, unknown bool) {
	if m.Lang != "" {
		return stix.NoLevel, false
	}
	l, known := stix.KnownTLP(m.Ref)
	if !known {
		return stix.NoLevel, true
	}
	return l, false
}

// refPath is the pointer to the object marking that was written as the i-th.
func (d *document) refPath(i int) string {
	if d.bareRef {
		return "/" + objectRefs
	}
	return fmt.Sprintf("/%s/%d", objectRefs, i)
}
