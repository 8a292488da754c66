package marking

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rawMember is a member as another decoder than the package's sees it.
type rawMember struct{ Name, Raw string }

// otherMembers returns all members of an object but the marking ones, in order,
// each value with the very bytes it is written in.
func otherMembers(t rapid.TB, object []byte) []rawMember {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		t.Fatalf("no object: %v %v", tok, err)
	}
	var all []rawMember
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if name != objectRefs && name != granularMarkings {
			all = append(all, rawMember{name.(string), string(v)})
		}
	}
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("more follows: %v", err)
	}
	return all
}

// valueSpan finds the value of a member, and whether the object has it.
func valueSpan(t rapid.TB, object []byte, name string) (from, to int, there bool) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if tok == name {
			to = int(dec.InputOffset())
			return to - len(v), to, true
		}
	}
	return 0, 0, false
}

// onlyMarkingsDiffer checks that a change put in, took out or replaced one
// marking member, or nothing, and left every other byte as it was.
func onlyMarkingsDiffer(t rapid.TB, before, after []byte) {
	t.Helper()
	if d := cmp.Diff(otherMembers(t, before), otherMembers(t, after)); d != "" {
		t.Fatalf("other members changed, before -, after +:\n%s", d)
	}
	p := 0
	for p < len(before) && p < len(after) && before[p] == after[p] {
		p++
	}
	s := 0
	for s < len(before)-p && s < len(after)-p && before[len(before)-1-s] == after[len(after)-1-s] {
		s++
	}
	if p+s == len(before) || p+s == len(after) {
		return // put in or taken out, or nothing changed
	}
	for _, name := range []string{objectRefs, granularMarkings} {
		bFrom, bTo, was := valueSpan(t, before, name)
		aFrom, aTo, is := valueSpan(t, after, name)
		if was && is && bytes.Equal(before[:bFrom], after[:aFrom]) && bytes.Equal(before[bTo:], after[aTo:]) {
			return // replaced
		}
	}
	t.Fatalf("more changed than one marking member:\n%s\n%s", before, after)
}
