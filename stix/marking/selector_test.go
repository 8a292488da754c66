package marking

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASelectorIsNamesAndPositionsPartedByDots(t *testing.T) {
	for s, want := range map[string]Selector{
		"id":                      {{Name: "id"}},
		"description":             {{Name: "description"}},
		"labels.[0]":              {{Name: "labels"}, {Position: 0}},
		"c.[12].g":                {{Name: "c"}, {Position: 12}, {Name: "g"}},
		"m.[999999999].[3]":       {{Name: "m"}, {Position: 999999999}, {Position: 3}},
		"hashes.SHA-256":          {{Name: "hashes"}, {Name: "SHA-256"}},
		"x_a.0.1_":                {{Name: "x_a"}, {Name: "0"}, {Name: "1_"}},
		"extensions.windows-pe.x": {{Name: "extensions"}, {Name: "windows-pe"}, {Name: "x"}},
		strings.Repeat("n", 250):  {{Name: strings.Repeat("n", 250)}},
	} {
		got, err := ParseSelector(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", s, d)
		}
		if got.String() != s {
			t.Errorf("%s is written as %s", s, got)
		}
	}
}

func TestASelectorOfAnotherFormIsRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                     "",
		"a dot":                       ".",
		"a dot at the start":          ".name",
		"a dot at the end":            "name.",
		"two dots":                    "a..b",
		"a position first":            "[0]",
		"a capital in a property":     "A-B",
		"a hyphen in a property":      "a-b",
		"a digit first":               "0a.b",
		"an underscore first":         "_a",
		"a position without a dot":    "labels[0]",
		"a position without a number": "labels.[]",
		"a negative position":         "x.z.[-2]",
		"a position with a sign":      "labels.[+1]",
		"a position with a zero":      "labels.[01]",
		"two zeros":                   "labels.[00]",
		"a position out of bounds":    "labels.[1000000000]",
		"an open position":            "labels.[1",
		"a star":                      "labels.[*]",
		"a space":                     "external references",
		"a space before":              " name",
		"a slash":                     "labels/0",
		"a letter outside ASCII":      "naïve",
		"bytes that are no text":      "a\xff",
		"a line end":                  "name\n",
		"a zero byte":                 "a\x00",
		"a name too long":             strings.Repeat("n", 251),
		"too many components":         strings.Repeat("a.", 64) + "a",
		"too many bytes":              strings.Repeat(strings.Repeat("a", 200)+".", 30) + "a",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseSelector(s)
			if !errors.Is(err, ErrInvalidSelector) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestTheDeepestSelectorIsTaken(t *testing.T) {
	s := strings.Repeat("a.", 63) + "a"
	if _, err := ParseSelector(s); err != nil {
		t.Error(err)
	}
	object := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	if err := Resolve([]byte(object), s); err != nil {
		t.Error(err)
	}
}

func TestASelectorSelectsWhatIsThereWhateverItsValue(t *testing.T) {
	const object = `{"a":false,"b":0,"c":"","d":null,"e":[],"f":{},"g":[[1,[2]],{"h":[3]}],"\u0069":1,"[0]":{"x":1},"j":{"[0]":1,"":2,"k.l":3}}`
	there := []string{"a", "b", "c", "d", "e", "f", "g", "g.[0]", "g.[0].[0]", "g.[0].[1].[0]", "g.[1].h.[0]", "i", "j"}
	if err := Resolve([]byte(object), there...); err != nil {
		t.Error(err)
	}
	for _, s := range there {
		if err := Resolve([]byte(object), s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"z", "a.b", "a.[0]", "c.[0]", "d.x", "e.[0]", "f.[0]", "f.x", "g.[2]", "g.h", "g.[0].[1].[1]", "g.0", "j.[0]", "j.k.l", "A"} {
		err := Resolve([]byte(object), "a", s, "b")
		if !errors.Is(err, ErrInvalidSelector) || !strings.Contains(err.Error(), `"`+s+`"`) {
			t.Errorf("%s: got %v", s, err)
		}
	}
}

func TestNothingSelectedIsNoSelection(t *testing.T) {
	object := []byte(`{"object_marking_refs":["` + red + `"]}`)
	if err := Resolve(object); !errors.Is(err, ErrInvalidSelector) {
		t.Errorf("got %v", err)
	}
	if got, err := ClearAt(object, nil, Options{}); !errors.Is(err, ErrInvalidSelector) {
		t.Errorf("got %s, %v", got, err)
	}
}
