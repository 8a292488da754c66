package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// span is a piece of an object's bytes.
type span struct{ from, to int }

// wanted is a tree of the JSON pointers to look for: one node for each name or
// index on the way.
type wanted struct {
	children map[string]*wanted
	found    span // to is 0 until then
}

// locate finds the values that pointers lead to within raw, one JSON value, by
// one walk over it. A pointer to what is not there has the place of the nearest
// value around it. Of a name that is repeated the last counts.
func locate(raw []byte, pointers []string) map[string]span {
	root := &wanted{}
	for _, p := range pointers {
		root.want(p)
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	// What was found before an error is right; the rest is told by what is
	// around it.
	_ = root.walk(d, raw)
	if root.found.to == 0 {
		root.found = span{0, len(raw)}
	}
	out := make(map[string]span, len(pointers))
	for _, p := range pointers {
		out[p] = root.nearest(p)
	}
	return out
}

// tokens cuts an RFC 6901 pointer into its names, as they are in the object.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	names := strings.Split(pointer[1:], "/")
	for i, n := range names {
		names[i] = strings.ReplaceAll(strings.ReplaceAll(n, "~1", "/"), "~0", "~")
	}
	return names
}

func (w *wanted) want(pointer string) {
	for _, name := range tokens(pointer) {
		if w.children == nil {
			w.children = map[string]*wanted{}
		}
		if w.children[name] == nil {
			w.children[name] = &wanted{}
		}
		w = w.children[name]
	}
}

func (w *wanted) nearest(pointer string) span {
	found := w.found
	for _, name := range tokens(pointer) {
		if w = w.children[name]; w.found.to == 0 {
			break
		}
		found = w.found
	}
	return found
}

// walk reads the next value. It goes no deeper than the pointers do.
func (w *wanted) walk(d *jsontext.Decoder, raw []byte) error {
	kind := d.PeekKind()
	from := skipSpace(raw, int(d.InputOffset()))
	if len(w.children) == 0 || kind != '{' && kind != '[' {
		err := d.SkipValue()
		if err == nil {
			w.found = span{from, int(d.InputOffset())}
		}
		return err
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != '}' && d.PeekKind() != ']'; i++ {
		name := strconv.Itoa(i)
		if kind == '{' {
			t, err := d.ReadToken()
			if err != nil {
				return err
			}
			name = t.String()
		}
		var err error
		if child := w.children[name]; child != nil {
			err = child.walk(d, raw)
		} else {
			err = d.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	w.found = span{from, int(d.InputOffset())}
	return err
}

// skipSpace moves over what may stand between a name and its value.
func skipSpace(raw []byte, p int) int {
	for p < len(raw) && strings.IndexByte(" \t\r\n:,", raw[p]) >= 0 {
		p++
	}
	return p
}
