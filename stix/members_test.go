package stix

import (
	"encoding/json"
	"slices"
	"testing"
)

func readMembers(raw string) (members []string, whole bool) {
	whole = Members([]byte(raw), func(name, value []byte) bool {
		members = append(members, string(name)+"="+string(value))
		return true
	})
	return members, whole
}

func TestMembersAreYieldedAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct {
		raw   string
		want  []string
		whole bool
	}{
		{`{}`, nil, true},
		{` { "a" : 1 , "b":"x\u0041" } `, []string{`a=1`, `b="x\u0041"`}, true},
		{`{"\u0061\n":[1,{"b":2}],"a":{"c":[]}}`, []string{"a\n=[1,{\"b\":2}]", `a={"c":[]}`}, true},
		{`{"a":1,"a":null}`, []string{"a=1", "a=null"}, true},
		{`{"a":1,}`, []string{"a=1"}, false},
		{`{,"a":1}`, nil, false},
		{`{"a":1`, []string{"a=1"}, false},
		{`{"a":1}{`, []string{"a=1"}, false},
		{`{"a":[1}}`, nil, false},
		{`{"a"}`, nil, false},
		{`["a"]`, nil, false},
		{``, nil, false},
		{`{`, nil, false},
	} {
		members, whole := readMembers(c.raw)
		if !slices.Equal(members, c.want) || whole != c.whole {
			t.Errorf("%s: %q, %v", c.raw, members, whole)
		}
	}
}

func TestMembersStopWhenTheyAreToldTo(t *testing.T) {
	count := 0
	whole := Members([]byte(`{"a":1,"b":`), func(_, _ []byte) bool { count++; return false })
	if count != 1 || !whole {
		t.Errorf("%d were yielded, %v", count, whole)
	}
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"}"]},"c\u0064":null}`))
	f.Add([]byte(`{"a":1,}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := map[string]json.RawMessage{}
		whole := Members(raw, func(name, value []byte) bool {
			if !json.Valid(value) {
				t.Errorf("the value %q of %q is no JSON", value, name)
			}
			got[string(name)] = value
			return true
		})
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); (err == nil && want != nil) != whole {
			t.Fatalf("whole is %v, and the standard library says %v", whole, err)
		}
		if whole && len(got) > len(want) {
			t.Errorf("%d members, and the standard library has %d", len(got), len(want))
		}
	})
}
