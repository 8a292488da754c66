package marking

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	objectRefs       = "object_marking_refs"
	granularMarkings = "granular_markings"
)

// maxMark bounds the identifier or language of a marking, in bytes; that of a
// marking-definition has 56. It also bounds what Expand makes of an object.
const maxMark = 100

// Mark is one marking: a reference to a marking-definition or the language that
// something is written in, never both (STIX 2.1 §7.2.3.1).
type Mark struct {
	// Ref is the identifier of a marking-definition.
	Ref string
	// Lang is an RFC 5646 language. Only parts of an object are marked with
	// one; the object as a whole has its property lang for that.
	Lang string
}

// document is an object and what it says of its markings.
type document struct {
	raw       []byte
	members   []member
	id        string
	written   []string // the object markings, as they stand
	refs      []string // the same, each once
	bareRef   bool     // object_marking_refs is a string instead of a list of one
	granulars []granular
}

// granular is one granular marking.
type granular struct {
	mark      Mark
	selectors []string
	more      bool // it has members that the specification does not know
}

// read reads an object, and marks in the tree, which may be nil, what it has.
func read(object []byte, wanted *tree) (*document, error) {
	members, err := walk(object, wanted)
	if err != nil {
		return nil, err
	}
	d := &document{raw: object, members: members}
	for _, m := range members {
		v := jsontext.Value(object[m.valueFrom:m.valueTo])
		switch m.name {
		case "id":
			if v.Kind() == '"' {
				if d.id, err = text(v); err != nil {
					return nil, unreadable("/id", "write a string")
				}
			}
		case objectRefs:
			d.written, err = readRefs(v)
			d.refs = unique(d.written)
			d.bareRef = v.Kind() == '"'
		case granularMarkings:
			d.granulars, err = readGranulars(v)
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

func unreadable(path, do string) error {
	return fmt.Errorf("%w: at %s: %s", ErrInvalidObject, path, do)
}

// readRefs reads object_marking_refs. A single identifier instead of a list is
// read as a list of one: to take it for nothing would unmark the object.
func readRefs(v jsontext.Value) ([]string, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	var refs []string
	var err error
	if v.Kind() == '"' {
		refs = make([]string, 1)
		refs[0], err = readString(dec, maxMark)
	} else {
		refs, err = readStrings(dec, maxMark)
	}
	if err != nil {
		return nil, unreadable("/"+objectRefs, "write a list of identifiers")
	}
	return refs, nil
}

// readGranulars reads granular_markings.
func readGranulars(v jsontext.Value) ([]granular, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if v.Kind() != '[' {
		return nil, unreadable("/"+granularMarkings, "write a list of granular markings")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, unreadable("/"+granularMarkings, "write a list of granular markings")
	}
	var all []granular
	for dec.PeekKind() != ']' {
		path := fmt.Sprintf("/%s/%d", granularMarkings, len(all))
		g, err := readGranular(dec)
		if err != nil {
			return nil, unreadable(path, "write a list of selectors, and one of lang and marking_ref")
		}
		for i, s := range g.selectors {
			if checkSelector(s) != nil {
				return nil, unreadable(fmt.Sprintf("%s/selectors/%d", path, i), "write a selector of the syntax of STIX 2.1 §7.2.3.1")
			}
		}
		all = append(all, g)
	}
	return all, nil
}

// readGranular reads one granular marking. What its error says is of no use to
// anyone, that there is one is.
func readGranular(dec *jsontext.Decoder) (g granular, err error) {
	if dec.PeekKind() != '{' {
		return g, ErrInvalidObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return g, err
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return g, err
		}
		switch name.String() {
		case "selectors":
			g.selectors, err = readStrings(dec, MaxSelectorLength)
		case "marking_ref":
			g.mark.Ref, err = readString(dec, maxMark)
		case "lang":
			g.mark.Lang, err = readString(dec, maxMark)
		default:
			g.more = true
			err = dec.SkipValue()
		}
		if err != nil {
			return g, err
		}
	}
	if (g.mark.Ref == "") == (g.mark.Lang == "") || len(g.selectors) == 0 {
		return g, ErrInvalidObject
	}
	_, err = dec.ReadToken()
	return g, err
}

// readStrings reads a list of strings, none of them empty or of more than most
// bytes.
func readStrings(dec *jsontext.Decoder, most int) ([]string, error) {
	if dec.PeekKind() != '[' {
		return nil, ErrInvalidObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var all []string
	for dec.PeekKind() != ']' {
		s, err := readString(dec, most)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	_, err := dec.ReadToken()
	return all, err
}

func readString(dec *jsontext.Decoder, most int) (string, error) {
	if dec.PeekKind() != '"' {
		return "", ErrInvalidObject
	}
	t, err := dec.ReadToken()
	if err != nil {
		return "", err
	}
	s := t.String()
	if s == "" || len(s) > most {
		return "", ErrInvalidObject
	}
	return s, nil
}

// unique keeps the first of what is equal, and the order.
func unique[T comparable](all []T) []T {
	seen := make(map[T]bool, len(all))
	kept := make([]T, 0, len(all))
	for _, v := range all {
		if !seen[v] {
			seen[v] = true
			kept = append(kept, v)
		}
	}
	return kept
}
