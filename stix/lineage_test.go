package stix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	day1, day2, day3 = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"
	anna             = "identity--00000000-0000-4000-8000-00000000000a"
	berta            = "identity--00000000-0000-4000-8000-00000000000b"
)

// step is one version as a publisher brings it.
type step struct {
	modified, by, created string // created is day1 where it says nothing
	revoked               bool
}

func (s step) object() *Object {
	created := s.created
	if created == "" {
		created = day1
	}
	return &Object{Type: "note", ID: "note--00000000-0000-4000-8000-000000000001", Pointer: "/objects/7",
		Created: created, Modified: s.modified, CreatedByRef: s.by, Revoked: s.revoked}
}

func TestWhatMayFollowInALineage(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		want  string // code and path of the last step's refusal, "" for none
	}{
		"anything comes first":                             {[]step{{modified: day2, by: anna, revoked: true}}, ""},
		"a later version follows":                          {[]step{{modified: day1}, {modified: day2}}, ""},
		"history that comes late is taken":                 {[]step{{modified: day3}, {modified: day2}, {modified: day1}}, ""},
		"the same version again is taken":                  {[]step{{modified: day1}, {modified: day1}}, ""},
		"created stays":                                    {[]step{{modified: day2}, {modified: day3, created: day2}}, "created-changed /created"},
		"created stays in history too":                     {[]step{{modified: day3}, {modified: day2, created: day2}}, "created-changed /created"},
		"created may be spelled otherwise":                 {[]step{{modified: day2}, {modified: day3, created: "2026-01-01T00:00:00.0000Z"}}, ""},
		"the creator stays":                                {[]step{{modified: day1, by: anna}, {modified: day2, by: anna}}, ""},
		"nobody else makes a version":                      {[]step{{modified: day1, by: anna}, {modified: day2, by: berta}}, "creator-changed /created_by_ref"},
		"not even an older one":                            {[]step{{modified: day2, by: anna}, {modified: day1, by: berta}}, "creator-changed /created_by_ref"},
		"a creator may hide":                               {[]step{{modified: day1, by: anna}, {modified: day2}}, ""},
		"a creator may come forward":                       {[]step{{modified: day1}, {modified: day2, by: anna}}, ""},
		"one who came forward stays":                       {[]step{{modified: day1}, {modified: day2, by: anna}, {modified: day3, by: berta}}, "creator-changed /created_by_ref"},
		"also if the last did not say":                     {[]step{{modified: day1, by: anna}, {modified: day2}, {modified: day3, by: berta}}, "creator-changed /created_by_ref"},
		"revoking ends it":                                 {[]step{{modified: day1}, {modified: day2, revoked: true}, {modified: day3}}, "revoked-final /modified"},
		"even for another revocation":                      {[]step{{modified: day2, revoked: true}, {modified: day3, revoked: true}}, "revoked-final /modified"},
		"history before the revocation is taken":           {[]step{{modified: day2, revoked: true}, {modified: day1}}, ""},
		"the revocation again is taken":                    {[]step{{modified: day2, revoked: true}, {modified: day2, revoked: true}}, ""},
		"a revocation is the newest":                       {[]step{{modified: day3}, {modified: day2, revoked: true}}, "revocation-outdated /modified"},
		"also among revocations":                           {[]step{{modified: day3, revoked: true}, {modified: day2, revoked: true}}, "revocation-outdated /modified"},
		"the latest in another spelling is the latest":     {[]step{{modified: day2, revoked: true}, {modified: "2026-01-02T00:00:00.0000Z"}}, ""},
		"finer times are later":                            {[]step{{modified: day2, revoked: true}, {modified: "2026-01-02T00:00:00.0000001Z"}}, "revoked-final /modified"},
		"what is refused by created is told that first":    {[]step{{modified: day2, by: anna, revoked: true}, {modified: day3, by: berta, created: day2}}, "created-changed /created"},
		"a version refused does not count for those after": {[]step{{modified: day1}, {modified: day3, created: day2}, {modified: day2, revoked: true}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var l Lineage
			var last string
			for _, s := range c.steps {
				o := s.object()
				last = ""
				if f := l.Admit(o); f != nil {
					last = f.Code + " " + strings.TrimPrefix(f.Path, o.Pointer)
					if f.Severity != Error || f.Section == "" || !strings.HasPrefix(f.Path, o.Pointer) {
						t.Errorf("finding %+v", f)
					}
					continue
				}
				l = l.Join(o.Lineage())
			}
			if last != c.want {
				t.Errorf("%q, want %q", last, c.want)
			}
		})
	}
}

func TestWhatHasNoVersionsHasNoLineage(t *testing.T) {
	for _, typ := range []string{"file", "ipv4-addr", "x509-certificate", "marking-definition"} {
		a, b := version(typ, day2, "a"), version(typ, day3, "b")
		a.Revoked, b.Created = true, day2
		if l := a.Lineage(); l != (Lineage{}) {
			t.Errorf("%s has the lineage %+v", typ, l)
		}
		l := Lineage{Created: day1, Latest: day2, Revoked: day2}
		if f := l.Admit(b); f != nil {
			t.Errorf("%s is refused: %v", typ, f)
		}
	}
	l := Lineage{Created: day1, Latest: day2, Revoked: day2}
	for what, o := range map[string]*Object{
		"no modified":        version("x-thing", "", "a"),
		"no timestamp":       version("note", "soon", "a"),
		"created is no time": {Type: "note", Created: "x", Modified: day1},
	} {
		if l := o.Lineage(); l != (Lineage{}) {
			t.Errorf("%s: lineage %+v", what, l)
		}
		if f := l.Admit(o); f == nil || f.Code != codeCreatedChanged {
			t.Errorf("%s: it follows versions: %v", what, f)
		}
		if f := (&Lineage{}).Admit(o); f != nil {
			t.Errorf("%s: it follows nothing and is refused: %v", what, f)
		}
	}
}

func drawStep(t *rapid.T) step {
	return step{
		modified: rapid.SampledFrom([]string{day1, day2, day3, "2026-01-02T00:00:00.0000Z", "2026-01-02T00:00:00.0001Z"}).Draw(t, "modified"),
		by:       rapid.SampledFrom([]string{"", "", anna, berta}).Draw(t, "by"),
		created:  rapid.SampledFrom([]string{day1, day1, day1, "2026-01-01T00:00:00.000000Z", "2025-12-31T00:00:00.000Z"}).Draw(t, "created"),
		revoked:  rapid.IntRange(0, 3).Draw(t, "revoked") == 0,
	}
}

func TestALineageIsTheSameInWhateverOrderItIsJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 1, 8).Draw(t, "steps")
		join := func(steps []step) (l Lineage) {
			for _, s := range steps {
				l = l.Join(s.object().Lineage())
			}
			return l
		}
		want := join(steps)
		if got := join(rapid.Permutation(steps).Draw(t, "permuted")); got != want {
			t.Fatalf("%+v, in the first order %+v", got, want)
		}
		cut := rapid.IntRange(0, len(steps)).Draw(t, "cut")
		if got := join(steps[:cut]).Join(join(steps[cut:])); got != want {
			t.Fatalf("in two parts %+v, want %+v", got, want)
		}
		if got := want.Join(want); got != want {
			t.Fatalf("joined with itself %+v, want %+v", got, want)
		}
	})
}

// What was admitted obeys the rules whatever the order of arrival, judged
// version by version.
func TestVersionsThatWereAdmittedNeverContradictEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Lineage
		var admitted []*Object
		for _, s := range rapid.SliceOfN(rapid.Custom(drawStep), 1, 12).Draw(t, "steps") {
			o := s.object()
			f := l.Admit(o)
			contradicts := slices.ContainsFunc(admitted, func(p *Object) bool { return contradiction(o, p) != "" })
			if f == nil && contradicts {
				t.Fatalf("%+v is admitted to %+v", s, l)
			}
			if f != nil && !contradicts {
				t.Fatalf("%+v is refused by %+v and contradicts no version: %v", s, l, f)
			}
			if f == nil {
				admitted = append(admitted, o)
				l = l.Join(o.Lineage())
			}
		}
		var revoked []string
		for _, o := range admitted {
			if o.Revoked {
				revoked = append(revoked, o.Modified)
			}
		}
		if len(revoked) > 0 && l.Revoked != l.Latest {
			t.Fatalf("revoked at %s, latest %s: %v", l.Revoked, l.Latest, fmt.Sprint(revoked))
		}
	})
}

// contradiction compares two versions by the words of the specification.
func contradiction(a, b *Object) string {
	if compareInstants(a.Modified, b.Modified) > 0 {
		a, b = b, a
	}
	switch {
	case compareInstants(a.Created, b.Created) != 0:
		return "created"
	case a.CreatedByRef != "" && b.CreatedByRef != "" && a.CreatedByRef != b.CreatedByRef:
		return "creator"
	case a.Revoked && compareInstants(a.Modified, b.Modified) < 0:
		return "revoked"
	}
	return ""
}
