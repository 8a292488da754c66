package marking

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"id", "labels.[0]", "hashes.SHA-256", "a.[01]", "a..b", "[0]", "a.[999999999]", "a.[", "é", strings.Repeat("a.", 70), strings.Repeat("\xdf", 120)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := ParseSelector(s)
		if err != nil {
			if !errors.Is(err, ErrInvalidSelector) || len(err.Error()) > 500 || parsed != nil {
				t.Fatalf("%q: %v, %v", s, parsed, err)
			}
			return
		}
		if parsed.String() != s {
			t.Fatalf("%q is written as %q", s, parsed.String())
		}
		if len(parsed) == 0 || parsed[0].Name == "" || len(s) > MaxSelectorLength {
			t.Fatalf("%q should not have been taken", s)
		}
		// What a selector says is there when it is built, and is found.
		object := []byte("1")
		for i := len(parsed) - 1; i >= 0; i-- {
			c := parsed[i]
			if c.Name != "" {
				object = []byte(`{"` + c.Name + `":` + string(object) + `}`)
			} else if c.Position > 1000 {
				return
			} else {
				object = []byte("[" + strings.Repeat("0,", c.Position) + string(object) + "]")
			}
		}
		if err := Resolve(object, s); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte(marked), "a.b.[1].c")
	f.Add([]byte(`{"n":1}`), "n")
	f.Add([]byte(" {\n \"n\" : \"\\u00e9\" ,\"object_marking_refs\":\""+red+"\"}\n"), "object_marking_refs")
	f.Add([]byte(`{"n":[1,[2]],"granular_markings":[{"lang":"en","selectors":["granular_markings.[0]"],"x":1}]}`), "granular_markings.[0].lang")
	f.Add([]byte(definition(red, `"definition_type":"tlp","definition":{"tlp":"red"}`)), "definition.tlp")
	f.Add([]byte(`{"a":1,"a":2}`), "a")
	f.Add([]byte(strings.Repeat(`{"a":`, 70)), "a.a")
	f.Add([]byte(`{"object_marking_refs":[],"granular_markings":[]}{}`), "")
	f.Fuzz(func(t *testing.T, object []byte, selector string) {
		given := bytes.Clone(object)
		for _, err := range everything(object, selector) {
			if err == nil {
				continue
			}
			if len(err.Error()) > 500 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			if !errors.Is(err, ErrInvalidObject) && !errors.Is(err, ErrInvalidSelector) && !errors.Is(err, ErrInvalidValue) && !errors.Is(err, ErrMarkingNotFound) {
				t.Fatalf("an error of no kind: %v", err)
			}
		}
		if _, err := Kind(object); err != nil && !errors.Is(err, ErrInvalidObject) {
			t.Fatal(err)
		}
		if !bytes.Equal(object, given) {
			t.Fatal("the object was written to")
		}
		whole, err := Add(object, red)
		part, partErr := AddAt(object, []Mark{{Ref: red}, {Lang: "ms"}}, []string{selector})
		for _, k := range []struct {
			changed []byte
			err     error
		}{{whole, err}, {part, partErr}} {
			if k.err != nil {
				continue
			}
			if !json.Valid(k.changed) {
				t.Fatalf("%s became %s", object, k.changed)
			}
			onlyMarkingsDiffer(t, object, k.changed)
		}
		if err == nil {
			if ok, err := IsMarked(whole, red); err != nil || !ok {
				t.Fatalf("%s is not marked: %v", whole, err)
			}
		}
		if partErr == nil {
			if ok, err := IsMarkedAt(part, []Mark{{Ref: red}, {Lang: "ms"}}, []string{selector}, Options{}); err != nil || !ok {
				t.Fatalf("%s is not marked at %s: %v", part, selector, err)
			}
		}
	})
}
