package marking

import (
	"fmt"
	"regexp"
	"slices"
)

// Get returns the object markings: the identifiers in object_marking_refs, in
// the order written, each once. None is no error.
func Get(object []byte) ([]string, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	return d.refs, nil
}

// IsMarked tells whether the object as a whole bears every one of the markings
// or, if none is named, any marking at all.
func IsMarked(object []byte, refs ...string) (bool, error) {
	d, err := read(object, nil)
	if err != nil {
		return false, err
	}
	if len(refs) == 0 {
		return len(d.refs) > 0, nil
	}
	return containsAll(d.refs, refs), nil
}

// Add marks the object as a whole with these marking-definitions, besides those
// it is marked with. At least one is needed, each a well-formed identifier and
// not the object's own (STIX 2.1 §3.2), else the error is ErrInvalidValue.
func Add(object []byte, refs ...string) ([]byte, error) {
	d, err := readToMark(object, refs)
	if err != nil {
		return nil, err
	}
	return d.withRefs(unique(slices.Concat(d.refs, refs)))
}

// Remove takes these object markings away. The error is ErrMarkingNotFound,
// for the first that the object does not bear; an object without any object
// markings is returned as it is.
func Remove(object []byte, refs ...string) ([]byte, error) {
	if len(refs) == 0 || slices.Contains(refs, "") {
		return nil, fmt.Errorf("%w: name the marking-definitions to remove", ErrInvalidValue)
	}
	d, err := read(object, nil)
	if err != nil || len(d.refs) == 0 {
		return object, err
	}
	there := setOf(d.refs)
	for _, ref := range refs {
		if !there[ref] {
			return nil, fmt.Errorf("%w: the object as a whole is not marked with %s", ErrMarkingNotFound, brief(ref))
		}
	}
	gone := setOf(refs)
	return d.withRefs(slices.DeleteFunc(slices.Clone(d.refs), func(ref string) bool { return gone[ref] }))
}

// Set marks the object as a whole with these marking-definitions and no others.
// It asks of them what Add does.
func Set(object []byte, refs ...string) ([]byte, error) {
	d, err := readToMark(object, refs)
	if err != nil {
		return nil, err
	}
	return d.withRefs(unique(refs))
}

// Clear takes all object markings away. What the hub does with an object that
// bears no TLP is the hub's policy: usually it refuses it.
func Clear(object []byte) ([]byte, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	return d.withRefs(nil)
}

func readToMark(object []byte, refs []string) (*document, error) {
	d, err := read(object, nil)
	if err != nil {
		return nil, err
	}
	marks := make([]Mark, len(refs))
	for i, ref := range refs {
		marks[i].Ref = ref
	}
	return d, d.mayBear(marks)
}

var (
	definitionID = regexp.MustCompile(`^marking-definition--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	language     = regexp.MustCompile(`^(?:[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*|[xXiI](?:-[A-Za-z0-9]{1,8})+)$`)
)

// mayBear tells whether the object, or a part of it, may be marked so.
func (d *document) mayBear(marks []Mark) error {
	if len(marks) == 0 {
		return fmt.Errorf("%w: name at least one marking", ErrInvalidValue)
	}
	for _, m := range marks {
		switch {
		case m.Ref != "" && m.Lang != "":
			return fmt.Errorf("%w %s: it is a reference and a language at once, make two of it", ErrInvalidValue, brief(m.Ref))
		case m.Lang != "":
			if len(m.Lang) > maxMark || !language.MatchString(m.Lang) {
				return fmt.Errorf("%w %s: write a language as in RFC 5646, such as en or pt-BR", ErrInvalidValue, brief(m.Lang))
			}
		case !definitionID.MatchString(m.Ref):
			return fmt.Errorf("%w %s: write marking-definition-- and an RFC 4122 UUID in lower case", ErrInvalidValue, brief(m.Ref))
		case m.Ref == d.id:
			return fmt.Errorf("%w %s: a marking-definition must not be marked with itself (STIX 2.1 §3.2)", ErrInvalidValue, brief(m.Ref))
		}
	}
	return nil
}

func setOf[T comparable](all []T) map[T]bool {
	set := make(map[T]bool, len(all))
	for _, v := range all {
		set[v] = true
	}
	return set
}

func containsAll[T comparable](all, wanted []T) bool {
	set := setOf(all)
	return !slices.ContainsFunc(wanted, func(v T) bool { return !set[v] })
}
