package marking

import (
	"fmt"
	"slices"
)

// Options say which markings count for [GetAt] and [IsMarkedAt], and which of
// them [SetAt] and [ClearAt] take away. The zero value: those that name the very
// same selectors, references and languages alike.
type Options struct {
	// Inherited adds the markings of whatever the selected parts are in, and
	// those of the object as a whole. GetAt and IsMarkedAt alone look at it.
	Inherited bool
	// Descendants adds the markings of whatever is in the selected parts. GetAt
	// and IsMarkedAt alone look at it.
	Descendants bool
	// WithoutRefs leaves out references to marking-definitions, WithoutLangs
	// languages.
	WithoutRefs, WithoutLangs bool
}

func (o Options) counts(m Mark) bool {
	if m.Lang != "" {
		return !o.WithoutLangs
	}
	return !o.WithoutRefs
}

// GetAt returns the markings of the selected parts of the object, of all of
// them together: first the object's own under Options.Inherited, then the
// granular ones in the order written, each once. None is no error; the error is
// ErrInvalidSelector where nothing is selected.
func GetAt(object []byte, selectors []string, opt Options) ([]Mark, error) {
	d, asked, err := readAt(object, selectors)
	if err != nil {
		return nil, err
	}
	var found []Mark
	if opt.Inherited && !opt.WithoutRefs {
		for _, ref := range d.refs {
			found = append(found, Mark{Ref: ref})
		}
	}
	for _, g := range d.granulars {
		if opt.counts(g.mark) && slices.ContainsFunc(g.selectors, func(s string) bool {
			exact, above, below := asked.match(s)
			return exact || above && opt.Inherited || below && opt.Descendants
		}) {
			found = append(found, g.mark)
		}
	}
	return unique(found), nil
}

// IsMarkedAt tells whether the selected parts, taken together, bear every one
// of the markings or, if none is named, any marking at all.
func IsMarkedAt(object []byte, marks []Mark, selectors []string, opt Options) (bool, error) {
	found, err := GetAt(object, selectors, opt)
	if err != nil {
		return false, err
	}
	if len(marks) == 0 {
		return len(found) > 0, nil
	}
	return containsAll(found, marks), nil
}

// AddAt marks each selected part with each of the markings, and groups all
// granular markings as [Compress] does. It asks of the markings what [Add]
// does, of a language that it has the form of RFC 5646.
func AddAt(object []byte, marks []Mark, selectors []string) ([]byte, error) {
	d, _, err := readAt(object, selectors)
	if err != nil {
		return nil, err
	}
	if err := d.mayBear(marks); err != nil {
		return nil, err
	}
	return d.withGranulars(compress(added(d.granulars, marks, selectors)))
}

// RemoveAt takes each of the markings away from each selected part, as far as
// that very selector bears it, and groups what is left as [Compress] does. The
// error is ErrMarkingNotFound for the first marking that none of the selectors
// bears; an object without granular markings is returned as it is. A selector
// that selects nothing is taken if a granular marking has it.
func RemoveAt(object []byte, marks []Mark, selectors []string) ([]byte, error) {
	d, asked, err := readMarkedAt(object, selectors)
	if err != nil {
		return nil, err
	}
	if len(marks) == 0 || slices.ContainsFunc(marks, func(m Mark) bool { return (m.Ref == "") == (m.Lang == "") }) {
		return nil, fmt.Errorf("%w: name the marking-definitions or languages to remove", ErrInvalidValue)
	}
	if len(d.granulars) == 0 {
		return object, nil
	}
	gone, found := setOf(marks), make(map[Mark]bool, len(marks))
	left := reduced(d.granulars, func(m Mark, s string) bool {
		exact, _, _ := asked.match(s)
		if !exact || !gone[m] {
			return false
		}
		found[m] = true
		return true
	})
	for _, m := range marks {
		if !found[m] {
			return nil, fmt.Errorf("%w: %s is not on %s itself, look for it above or below", ErrMarkingNotFound, brief(m.Ref+m.Lang), briefly(selectors))
		}
	}
	return d.withGranulars(compress(left))
}

// SetAt takes away what ClearAt takes away, if anything, and then does what
// AddAt does.
func SetAt(object []byte, marks []Mark, selectors []string, opt Options) ([]byte, error) {
	d, asked, err := readAt(object, selectors)
	if err != nil {
		return nil, err
	}
	if err := d.mayBear(marks); err != nil {
		return nil, err
	}
	left := reduced(d.granulars, func(m Mark, s string) bool {
		exact, _, _ := asked.match(s)
		return exact && opt.counts(m)
	})
	return d.withGranulars(compress(added(left, marks, selectors)))
}

// ClearAt takes all markings away from each selected part, as far as that very
// selector bears them, and groups what is left as [Compress] does. The error is
// ErrMarkingNotFound if the object has granular markings but none on any of the
// selectors; one without is returned as it is. A selector that selects nothing
// is taken if a granular marking has it.
func ClearAt(object []byte, selectors []string, opt Options) ([]byte, error) {
	d, asked, err := readMarkedAt(object, selectors)
	if err != nil {
		return nil, err
	}
	if len(d.granulars) == 0 {
		return object, nil
	}
	marked := false
	left := reduced(d.granulars, func(m Mark, s string) bool {
		exact, _, _ := asked.match(s)
		marked = marked || exact
		return exact && opt.counts(m)
	})
	if !marked {
		return nil, fmt.Errorf("%w: nothing is on %s itself, look above or below", ErrMarkingNotFound, briefly(selectors))
	}
	return d.withGranulars(compress(left))
}

// added returns the granular markings with one more for each mark.
func added(all []granular, marks []Mark, selectors []string) []granular {
	all = slices.Clone(all)
	for _, m := range marks {
		all = append(all, granular{mark: m, selectors: selectors})
	}
	return all
}

// reduced returns the granular markings without the selectors that go.
func reduced(all []granular, goes func(Mark, string) bool) []granular {
	var left []granular
	for _, g := range all {
		g.selectors = slices.DeleteFunc(slices.Clone(g.selectors), func(s string) bool { return goes(g.mark, s) })
		if len(g.selectors) > 0 {
			left = append(left, g)
		}
	}
	return left
}

// briefly names the first of the selectors, and how many there are.
func briefly(selectors []string) string {
	if len(selectors) == 1 {
		return brief(selectors[0])
	}
	return fmt.Sprintf("%s or the %d others", brief(selectors[0]), len(selectors)-1)
}
