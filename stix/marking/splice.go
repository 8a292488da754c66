package marking

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// withRefs returns the object with these object markings.
func (d *document) withRefs(refs []string) ([]byte, error) {
	if len(refs) == 0 {
		return d.settle(d.without(objectRefs), nil, d.granulars)
	}
	if slices.Equal(refs, d.refs) && !d.bareRef {
		return d.raw, nil
	}
	w := d.writer()
	w.strings(refs)
	if w.err != nil {
		return nil, w.err
	}
	return d.settle(d.with(objectRefs, w.b), refs, d.granulars)
}

// withGranulars returns the object with these granular markings.
func (d *document) withGranulars(all []granular) ([]byte, error) {
	if slices.EqualFunc(all, d.granulars, func(a, b granular) bool {
		return a.mark == b.mark && slices.Equal(a.selectors, b.selectors)
	}) && len(all) > 0 {
		return d.raw, nil
	}
	for i, g := range d.granulars {
		if g.more {
			return nil, unreadable(fmt.Sprintf("/%s/%d", granularMarkings, i), "take out what is neither lang, marking_ref nor selectors, for it would be lost")
		}
	}
	if len(all) == 0 {
		return d.without(granularMarkings), nil
	}
	w := d.writer()
	w.raw("[")
	for i, g := range all {
		if i > 0 {
			w.raw("," + w.space)
		}
		w.granular(g)
	}
	w.raw("]")
	if w.err != nil {
		return nil, w.err
	}
	return d.settle(d.with(granularMarkings, w.b), d.written, all)
}

// with puts the value in the place of the member's, or after all members.
func (d *document) with(name string, value []byte) []byte {
	for _, m := range d.members {
		if m.name == name {
			return join(d.raw[:m.valueFrom], value, d.raw[m.valueTo:])
		}
	}
	quoted := []byte(`"` + name + `"`)
	n := len(d.members)
	if n == 0 {
		open := bytes.IndexByte(d.raw, '{') + 1
		return join(d.raw[:open], quoted, []byte(":"), value, d.raw[open:])
	}
	// The space around it is that around the member which was last.
	last := d.members[n-1]
	colon := d.raw[last.nameTo:last.valueFrom]
	comma := d.between()
	return join(d.raw[:last.valueTo], comma, quoted, colon, value, d.raw[last.valueTo:])
}

// between returns the comma between members and the space around it.
func (d *document) between() []byte {
	n := len(d.members)
	last := d.members[n-1]
	if n > 1 {
		return d.raw[d.members[n-2].valueTo:last.nameFrom]
	}
	open := bytes.IndexByte(d.raw, '{') + 1
	return join([]byte(","), d.raw[open:last.nameFrom])
}

// without takes the member out, and the comma that parted it.
func (d *document) without(name string) []byte {
	for i, m := range d.members {
		if m.name != name {
			continue
		}
		from, to := m.nameFrom, m.valueTo
		switch {
		case i > 0:
			from = d.members[i-1].valueTo
		case len(d.members) > 1:
			to = d.members[1].nameFrom
		}
		return join(d.raw[:from], d.raw[to:])
	}
	return d.raw
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// writer writes the value of a marking member on one line, with a space after
// commas and colons if the object has one after the colon of its last member.
type writer struct {
	b     []byte
	space string
	err   error
}

func (d *document) writer() *writer {
	w := new(writer)
	if n := len(d.members); n > 0 && d.raw[d.members[n-1].valueFrom-1] != ':' {
		w.space = " "
	}
	return w
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) string(s string) {
	b, err := jsontext.AppendQuote(w.b, s)
	if err != nil {
		w.err = fmt.Errorf("%w %s: write it in UTF-8", ErrInvalidValue, brief(s))
		return
	}
	w.b = b
}

func (w *writer) strings(all []string) {
	w.raw("[")
	for i, s := range all {
		if i > 0 {
			w.raw("," + w.space)
		}
		w.string(s)
	}
	w.raw("]")
}

func (w *writer) granular(g granular) {
	name, value := "marking_ref", g.mark.Ref
	if g.mark.Lang != "" {
		name, value = "lang", g.mark.Lang
	}
	w.raw(`{"` + name + `":` + w.space)
	w.string(value)
	w.raw("," + w.space + `"selectors":` + w.space)
	w.strings(g.selectors)
	w.raw("}")
}
