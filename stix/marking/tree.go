package marking

import (
	"fmt"
	"strings"
)

// tree holds selectors by their components, so that all of them are looked for
// in one pass through an object, and each of the object's own is compared with
// all of them at once.
type tree struct {
	below map[string]*tree
	ends  bool // a selector ends here

	// What walk found: whether the object has this, and the text of it if it is
	// a string, its JSON if it is another scalar.
	present bool
	text    string
}

// newTree takes selectors that passed checkSelector.
func newTree(selectors []string) *tree {
	root := new(tree)
	for _, s := range selectors {
		root.add(s).ends = true
	}
	return root
}

func (t *tree) add(selector string) *tree {
	for part := range strings.SplitSeq(selector, ".") {
		next := t.below[part]
		if next == nil {
			if t.below == nil {
				t.below = make(map[string]*tree)
			}
			next = new(tree)
			t.below[part] = next
		}
		t = next
	}
	return t
}

// find returns the place of a selector, nil if it has none.
func (t *tree) find(selector string) *tree {
	for part := range strings.SplitSeq(selector, ".") {
		if t = t.below[part]; t == nil {
			return nil
		}
	}
	return t
}

// match tells how a selector lies to those in the tree: whether it is one of
// them, lies above one, and lies below one.
func (t *tree) match(selector string) (exact, above, below bool) {
	for part := range strings.SplitSeq(selector, ".") {
		below = below || t.ends
		if t = t.below[part]; t == nil {
			return false, false, below
		}
	}
	return t.ends, len(t.below) > 0, below
}

// readAt reads the object and looks for what the selectors select.
func readAt(object []byte, selectors []string) (*document, *tree, error) {
	d, asked, err := look(object, selectors)
	if err != nil {
		return nil, nil, err
	}
	return d, asked, asked.missing(selectors)
}

// readMarkedAt is readAt for what takes markings away: it passes a selector
// that selects nothing if a granular marking has it, for how else would one be
// rid of it.
func readMarkedAt(object []byte, selectors []string) (*document, *tree, error) {
	d, asked, err := look(object, selectors)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range d.granulars {
		for _, s := range g.selectors {
			if n := asked.find(s); n != nil && n.ends {
				n.present = true
			}
		}
	}
	return d, asked, asked.missing(selectors)
}

func look(object []byte, selectors []string) (*document, *tree, error) {
	if len(selectors) == 0 {
		return nil, nil, fmt.Errorf("%w: name at least one property or list item", ErrInvalidSelector)
	}
	for _, s := range selectors {
		if err := checkSelector(s); err != nil {
			return nil, nil, err
		}
	}
	asked := newTree(selectors)
	d, err := read(object, asked)
	return d, asked, err
}

// missing returns an error for the first of the selectors in the tree that
// selects nothing.
func (t *tree) missing(selectors []string) error {
	for _, s := range selectors {
		if !t.find(s).present {
			return fmt.Errorf("%w %s: the object has nothing there, name a property or list item that it has", ErrInvalidSelector, brief(s))
		}
	}
	return nil
}
