package stix

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// version is one version of an object, written for these tests.
func version(typ, modified, bytes string) *Object {
	return &Object{Type: typ, ID: typ + "--00000000-0000-4000-8000-000000000001",
		Created: "2026-01-01T00:00:00.000Z", Modified: modified, Raw: []byte(bytes)}
}

func TestVersionsAreComparedByTheInstantTheyWereMade(t *testing.T) {
	const at = "2026-01-02T00:00:00.100Z"
	foreign := version("note", at, "a")
	foreign.ID = "note--00000000-0000-4000-8000-000000000002"
	for name, c := range map[string]struct {
		a, b *Object
		want Ordering
	}{
		"an earlier one is older":                      {version("note", "2026-01-01T23:59:59.999Z", "a"), version("note", at, "a"), Older},
		"a later one is newer":                         {version("note", "2026-01-02T00:00:00.1001Z", "a"), version("note", at, "a"), Newer},
		"a leap second is before the minute after it":  {version("note", "2026-06-30T23:59:60.500Z", "a"), version("note", "2026-07-01T00:00:00.000Z", "a"), Older},
		"the same bytes are the same":                  {version("note", at, "a"), version("note", at, "a"), Same},
		"other bytes of one instant are a conflict":    {version("note", at, "a"), version("note", at, "ab"), Conflict},
		"one instant in two spellings is one instant":  {version("note", at, "a"), version("note", "2026-01-02T00:00:00.1000000Z", "ab"), Conflict},
		"versions of two objects have no order":        {version("note", at, "a"), foreign, Unordered},
		"observables have no order":                    {version("file", at, "a"), version("file", "2026-01-03T00:00:00.000Z", "ab"), Unordered},
		"marking-definitions have no order":            {version("marking-definition", "", "a"), version("marking-definition", "", "a"), Unordered},
		"an object without modified has no order":      {version("x-thing", "", "a"), version("x-thing", at, "a"), Unordered},
		"what is no timestamp has no order":            {version("note", "yesterday", "a"), version("note", at, "a"), Unordered},
		"custom objects with both times have versions": {version("x-thing", "2026-01-02T00:00:00.000Z", "a"), version("x-thing", at, "a"), Older},
	} {
		t.Run(name, func(t *testing.T) {
			if got := CompareVersions(c.a, c.b); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
			mirrored := map[Ordering]Ordering{Older: Newer, Newer: Older}
			want := c.want
			if m, ok := mirrored[want]; ok {
				want = m
			}
			if got := CompareVersions(c.b, c.a); got != want {
				t.Errorf("the other way round %v, want %v", got, want)
			}
		})
	}
}

func TestASetOfVersionsHasOneState(t *testing.T) {
	v1, v2, v3 := version("note", "2026-01-01T00:00:00.000Z", "a"), version("note", "2026-01-02T00:00:00.000Z", "a"), version("note", "2026-01-03T00:00:00.000Z", "a")
	v2again, v2other := version("note", "2026-01-02T00:00:00.000Z", "a"), version("note", "2026-01-02T00:00:00.0000Z", "abc")
	gone := version("note", "2026-01-02T12:00:00.000Z", "a")
	gone.Revoked = true
	for name, c := range map[string]struct {
		versions []*Object
		want     Standing
	}{
		"of nothing there is no latest":           {nil, Standing{Latest: -1}},
		"one version is the latest":               {[]*Object{v1}, Standing{Latest: 0}},
		"the newest is the latest, wherever":      {[]*Object{v3, v1, v2}, Standing{Latest: 0, Superseded: []int{1, 2}}},
		"a repeat is nothing new":                 {[]*Object{v2, v2again, v1}, Standing{Latest: 0, Superseded: []int{2}}},
		"of two in conflict the first counts":     {[]*Object{v2, v1, v2other}, Standing{Latest: 0, Superseded: []int{1}, Conflicts: []int{2}}},
		"the other first":                         {[]*Object{v2other, v2}, Standing{Latest: 0, Conflicts: []int{1}}},
		"a revoked one revokes all":               {[]*Object{v1, gone}, Standing{Latest: 1, Superseded: []int{0}, Revoked: true}},
		"and a later one cannot bring it back":    {[]*Object{gone, v3}, Standing{Latest: 1, Superseded: []int{0}, Revoked: true}},
		"observables stand beside each other":     {[]*Object{version("file", "", "a"), version("file", "", "ab")}, Standing{Latest: -1}},
		"marking-definitions stand beside others": {[]*Object{version("marking-definition", "", "a"), version("marking-definition", "", "ab")}, Standing{Latest: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Stand(c.versions)
			if got.Latest != c.want.Latest || got.Revoked != c.want.Revoked ||
				!slices.Equal(got.Superseded, c.want.Superseded) || !slices.Equal(got.Conflicts, c.want.Conflicts) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAnInstantHasOneSpelling(t *testing.T) {
	for in, want := range map[string]string{
		"2026-01-02T00:00:00Z":           "2026-01-02T00:00:00.000Z",
		"2026-01-02T00:00:00.1Z":         "2026-01-02T00:00:00.100Z",
		"2026-01-02T00:00:00.000Z":       "2026-01-02T00:00:00.000Z",
		"2026-01-02T00:00:00.120Z":       "2026-01-02T00:00:00.120Z",
		"2026-01-02T00:00:00.0000Z":      "2026-01-02T00:00:00.000Z",
		"2026-01-02T00:00:00.123456000Z": "2026-01-02T00:00:00.123456Z",
		"2026-06-30T23:59:60.50000Z":     "2026-06-30T23:59:60.500Z",
		"2026-13-02T00:00:00.0000Z":      "2026-13-02T00:00:00.0000Z",
		"2026-01-02":                     "2026-01-02",
		"v1":                             "v1",
		"":                               "",
	} {
		if got := Instant(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		spelling := rapid.StringMatching(`2026-01-02T00:00:0[01](\.[01]{1,6})?Z`)
		a, b := spelling.Draw(t, "a"), spelling.Draw(t, "b")
		if (Instant(a) == Instant(b)) != (compareInstants(a, b) == 0) || Instant(Instant(a)) != Instant(a) || compareInstants(a, Instant(a)) != 0 {
			t.Fatalf("%s is %s and %s is %s", a, Instant(a), b, Instant(b))
		}
	})
}

func TestWhatIsDatedAfterAnInstant(t *testing.T) {
	limit := time.Date(2026, 1, 2, 0, 0, 0, 5e5, time.FixedZone("", 0))
	for name, c := range map[string]struct {
		o    *Object
		want string
	}{
		"the instant itself is not":            {&Object{Type: "note", Created: day1, Modified: "2026-01-02T00:00:00.0005Z"}, ""},
		"a moment later is":                    {&Object{Type: "note", Created: day1, Modified: "2026-01-02T00:00:00.00050001Z"}, "/modified"},
		"created is told first":                {&Object{Type: "x-foo", Created: day3, Modified: day3}, "/created"},
		"a marking-definition has only that":   {&Object{Type: "marking-definition", Created: "9999-12-31T23:59:59.999Z"}, "/created"},
		"to an observable they mean nothing":   {&Object{Type: "file", Created: day3, Modified: day3}, ""},
		"what is no time is refused elsewhere": {&Object{Type: "x-foo", Created: "zzzz"}, ""},
		"nothing is after nothing":             {&Object{Type: "x-foo"}, ""},
	} {
		if got := c.o.DatedAfter(limit); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
