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
	// Level is the marking's TLP by its identifier, NoLevel for one that is no
	// known TLP marking.
	Level stix.Level
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
	for i, ref := range d.refs {
		why = append(why, Reason{
			Mark:      Mark{Ref: ref},
			Level:     levelOf(ref),
			Path:      d.refPath(i),
			Inherited: true,
		})
	}
	for i, g := range d.granulars {
		var given []string // at most one for each component of the selector
		for k, s := range g.selectors {
			exact, above, _ := asked.match(s)
			if !exact && !above || slices.Contains(given, s) {
				continue
			}
			given = append(given, s)
			why = append(why, Reason{
				Mark:      g.mark,
				Level:     levelOf(g.mark.Ref),
				Path:      fmt.Sprintf("/%s/%d/selectors/%d", granularMarkings, i, k),
				Selector:  s,
				Inherited: !exact,
			})
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
	whole := stix.NoLevel
	for _, ref := range d.refs {
		whole = max(whole, levelOf(ref))
	}
	own := make(map[string]stix.Level)
	for _, g := range d.granulars {
		for _, s := range g.selectors {
			own[s] = max(own[s], levelOf(g.mark.Ref))
		}
	}
	all := []PathLevel{{Level: whole}}
	for s, l := range own {
		l = max(l, whole)
		// Every dot ends a path that s is below of.
		for i := range len(s) {
			if s[i] == '.' {
				l = max(l, own[s[:i]])
			}
		}
		all = append(all, PathLevel{Selector: s, Level: l})
	}
	slices.SortFunc(all, func(a, b PathLevel) int { return strings.Compare(a.Selector, b.Selector) })
	return all, nil
}

// levelOf is NoLevel for what is no known TLP marking, a language among it.
func levelOf(ref string) stix.Level {
	l, known := stix.KnownTLP(ref)
	if !known {
		return stix.NoLevel
	}
	return l
}

// refPath is the pointer to the object marking that was written as the i-th.
func (d *document) refPath(i int) string {
	if d.bareRef {
		return "/" + objectRefs
	}
	return fmt.Sprintf("/%s/%d", objectRefs, i)
}
