package client

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// FuzzEnvelope holds what is read of a page against another reader of JSON.
func FuzzEnvelope(f *testing.F) {
	for _, in := range []string{
		``, `{}`, `[]`, `{"objects":[]}`, `{"more":true,"next":"a","objects":[` + object(1) + `,` + object(2) + `]}`,
		`{"objects":[{"a":{"a":1,"a":2}}],"next":7,"x":[{}]}`, `{"objects":null,"more":null,"next":null}`,
		`{"objects":[],"objects":[]}`, `{"objects":[{"id":"é` + "\xff" + `"}]} `, `{"objects":[1,2]}{}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := readEnvelope(iotest.HalfReader(bytes.NewReader(in)), "objects")
		if err != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatal("what is no JSON was read")
		}
		var want struct{ Objects []json.RawMessage }
		var members map[string]json.RawMessage
		if err := json.Unmarshal(in, &members); err != nil {
			t.Fatal(err)
		}
		if raw, ok := members["objects"]; ok {
			if err := json.Unmarshal(raw, &want.Objects); err != nil {
				t.Fatal(err)
			}
		}
		if len(want.Objects) != len(e.items) {
			t.Fatalf("%d items were read of %d", len(e.items), len(want.Objects))
		}
		for i, raw := range e.items {
			if !bytes.Equal(raw, want.Objects[i]) {
				t.Fatalf("an item was read as %q, not %q", raw, want.Objects[i])
			}
			if o, err := Identify(raw); err == nil && !bytes.Equal(o.Raw, raw) {
				t.Fatal("an object lost its bytes")
			}
		}
	})
}

// FuzzState holds that a state that can be read stays the same when it is
// written again.
func FuzzState(f *testing.F) {
	for _, in := range []string{
		`{"format":1,"collection":"https://a/","filters":"match[type]=a","limit":5,"next":"n","recent":["` + `00000000000000000000000000000000000000000000000000000000000000ff` + `"]}`,
		`{"format":1,"collection":"x","added_after":"2026-01-01T00:00:00.000000Z","date_added_last":"2026-01-01T00:00:00.000001Z","ties":3,"unordered":true,"page_limit":9}`,
		``, `{}`, `{"format":1}`, `null`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := State{path: t.TempDir() + "/state"}
		if s.data.read(in) != nil {
			return
		}
		before := s.data
		// Its own question, whatever that is.
		at, err := s.resume(s.data.Collection, url.Values{}, &Query{Limit: s.data.Limit})
		if s.data.Filters != "" {
			if err == nil {
				t.Fatal("a state of other filters was taken")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.keep(&at); err != nil {
			t.Fatal(err)
		}
		again, err := OpenState(s.path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range before.Recent {
			before.Recent[i] = string(bytes.ToLower([]byte(before.Recent[i])))
		}
		if len(before.Recent) == 0 {
			before.Recent = nil // an empty list is left out
		}
		if diff := cmp.Diff(before, again.data); diff != "" {
			t.Fatal(diff)
		}
	})
}
