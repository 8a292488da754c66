package main

import (
	"bytes"
	"errors"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix"
)

// envelopes puts bundles together without their objects, from what lies
// between the objects of an input: a bundle may say something of itself before
// its list of objects and after it.
type envelopes struct {
	text []byte // of the bundle that has begun, with {} in place of its objects
	head int    // how much of it stands before the list; 0 until that is known
	at   place  // where it begins
	lost bool   // after what cannot be read, nobody knows where a bundle begins
}

// emptied is one such bundle.
type emptied struct {
	text []byte
	head int
	at   place
}

var byteOrderMark = []byte("\uFEFF")

// take reads the gap before an object, or at the end of the input, and returns
// the bundles that end in it. The gap begins at a place; first tells that an
// object comes next that is the first of its list.
func (e *envelopes) take(gap []byte, at place, first bool) (ended []emptied) {
	if e.lost {
		return nil
	}
	had := len(e.text)
	e.text = append(e.text, gap...)
	done := had // how far at has come
	if at.Byte == 0 && bytes.HasPrefix(gap, byteOrderMark) {
		e.text = e.text[:copy(e.text, gap[len(byteOrderMark):])]
		at = at.after(byteOrderMark)
	}
	began := func(i int) {
		if i >= had {
			at, done = at.after(e.text[done:i]), i
			e.at = at
		}
	}
	d := jsontext.NewDecoder(bytes.NewReader(e.text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	from := 0
	for {
		v, err := d.ReadValue()
		if err != nil {
			e.lost = !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
			break
		}
		from = int(d.InputOffset())
		began(from - len(v))
		ended = append(ended, emptied{bytes.Clone(v), e.head, e.at})
		e.head = 0
	}
	rest := bytes.TrimLeft(e.text[from:], " \t\r\n")
	began(len(e.text) - len(rest))
	e.text = append(e.text[:0], rest...)
	if first {
		e.head = len(e.text)
		e.text = append(e.text, "{}"...)
	}
	return ended
}

// item makes of the bundle something that has findings. It is nil for what
// is no bundle, and where nothing is wrong.
func (e *emptied) item(file string) *stixItem {
	findings := stix.CheckBundle(e.text)
	if len(findings) == 0 {
		return nil
	}
	it := &stixItem{file: file, number: -1, place: e.at, raw: e.text, object: &stix.Object{Type: "bundle", Findings: findings}}
	var named struct {
		ID string `json:"id"`
	}
	if err := jsonv2.Unmarshal(e.text, &named); err == nil { // else it is told without a name
		it.object.ID = named.ID
	}
	if e.head > 0 {
		it.raw = e.text[:e.head] // what follows is elsewhere in the input
	}
	return it
}
