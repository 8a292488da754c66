package stix

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// together splits a bundle of objects, looks at them together, and returns of
// each "code path" of its findings in order, with a "?" before warnings.
func together(t testing.TB, objects ...string) []string {
	t.Helper()
	return toldOf(t, Together, objects)
}

// toldOf is together with another judge.
func toldOf(t testing.TB, judge func([]*Object), objects []string) []string {
	t.Helper()
	split, err := Split([]byte(inBundle(objects...)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all := pointersTo(split)
	for _, o := range all {
		o.Findings = slices.DeleteFunc(o.Findings, func(f Finding) bool { return f.Severity == Warning })
	}
	judge(all)
	out := make([]string, len(all))
	for i, o := range all {
		var told []string
		for _, f := range o.Findings {
			mark := ""
			if f.Severity == Warning {
				mark = "?"
			}
			told = append(told, mark+f.Code+" "+f.Path)
		}
		out[i] = strings.Join(told, ", ")
	}
	return out
}

func pointersTo(objects []Object) []*Object {
	out := make([]*Object, len(objects))
	for i := range objects {
		out[i] = &objects[i]
	}
	return out
}

func expectTogether(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// note is a note of the n-th identifier with more properties.
func noteOf(n int, modified, more string) string {
	return fmt.Sprintf(`{"type":"note","spec_version":"2.1","id":"note--00000000-0000-4000-8000-%012x","created":%q,"modified":%q,"content":"x","object_refs":["note--00000000-0000-4000-8000-000000000000"]%s}`, n, day1, modified, more)
}

func TestVersionsInOneFileFollowEachOther(t *testing.T) {
	by := func(who string) string { return `,"created_by_ref":"` + who + `"` }
	const revoked = `,"revoked":true`
	other := strings.Replace(noteOf(1, day2, ""), `"created":"`+day1, `"created":"2025-12-31T00:00:00.000Z`, 1)
	for name, c := range map[string]struct{ objects, want []string }{
		"history in any order passes": {
			[]string{noteOf(1, day3, by(anna)), noteOf(2, day1, ""), noteOf(1, day1, by(anna)), noteOf(1, day2, "")},
			[]string{"", "", "", ""}},
		"nothing follows a revocation, wherever it stands": {
			[]string{noteOf(1, day3, ""), noteOf(1, day2, revoked), noteOf(1, day1, "")},
			[]string{"revoked-final /objects/0/modified", "", ""}},
		"created stays": {
			[]string{noteOf(1, day1, ""), other, noteOf(1, day3, "")},
			[]string{"", "created-changed /objects/1/created", ""}},
		"the creator stays": {
			[]string{noteOf(1, day1, by(anna)), noteOf(1, day2, by(berta)), noteOf(1, day3, by(anna))},
			[]string{"", "creator-changed /objects/1/created_by_ref", ""}},
		"one version twice, or with other bytes, is not for this": {
			[]string{noteOf(1, day1, revoked), noteOf(1, day1, revoked), noteOf(1, day1, by(anna))},
			[]string{"", "", ""}},
		"nor is one instant in two spellings": {
			[]string{noteOf(1, day1, revoked), noteOf(1, "2026-01-01T00:00:00.0000Z", "")},
			[]string{"", ""}},
		"what is refused already holds nothing up": {
			[]string{noteOf(1, day1, revoked+`,"object_marking_refs":[]`), noteOf(1, day2, "")},
			[]string{"invalid-marking-ref /objects/0/object_marking_refs", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			expectTogether(t, toldOf(t, Histories, c.objects), c.want...)
			if !slices.ContainsFunc(c.want, func(f string) bool { return strings.HasPrefix(f, "invalid-") }) {
				expectTogether(t, together(t, c.objects...), make([]string, len(c.want))...)
			}
		})
	}
}

func TestAUUIDBelongsToOneType(t *testing.T) {
	const uuid4, uuid5 = "00000000-0000-4000-8000-000000000001", "00000000-0000-5000-8000-000000000001"
	object := func(typ, uuid string) string {
		return fmt.Sprintf(`{"type":%q,"id":"%s--%s","spec_version":"2.1","created":%q,"modified":%q,"name":"x"}`, typ, typ, uuid, day1, day1)
	}
	sco := func(typ, uuid string) string {
		return fmt.Sprintf(`{"type":%q,"id":"%s--%s","value":"192.0.2.1"}`, typ, typ, uuid)
	}
	for name, c := range map[string]struct{ objects, want []string }{
		"under two types the later one is told": {
			[]string{object("campaign", uuid4), object("tool", uuid5), object("identity", uuid4), object("campaign", uuid4)},
			[]string{"", "", "?uuid-reused /objects/2/id", ""}},
		"an observable shares none that was drawn at random": {
			[]string{object("campaign", uuid4), sco("ipv4-addr", uuid4)},
			[]string{"", "?uuid-reused /objects/1/id"}},
		"observables share those that follow from their content": {
			[]string{sco("domain-name", uuid5), sco("ipv4-addr", uuid5), sco("x-new-thing", uuid5)},
			[]string{"", "", ""}},
		"other objects do not": {
			[]string{object("campaign", uuid5), object("tool", uuid5)},
			[]string{"", "?uuid-reused /objects/1/id"}},
	} {
		t.Run(name, func(t *testing.T) { expectTogether(t, together(t, c.objects...), c.want...) })
	}
}

func TestAFindingTooManyKeepsTheErrors(t *testing.T) {
	o := &Object{Type: "note"}
	for range maxFindings + 5 {
		o.tell(Finding{Severity: Warning, Code: "w"})
	}
	o.tell(Finding{Severity: Error, Code: "first"})
	o.tell(Finding{Severity: Error, Code: "second"})
	if len(o.Findings) != maxFindings || o.Findings[0].Code != "first" || o.Findings[1].Code != "second" || o.Findings[2].Code != "w" {
		t.Errorf("%d findings: %+v", len(o.Findings), o.Findings[:3])
	}
}

// Objects of few identifiers, versions and properties, compared with a judge
// that looks at all pairs.
func TestTogetherFindsWhatAllPairsShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		types := []string{"note", "report", "file", "marking-definition"}
		var all []*Object
		for i := range rapid.IntRange(0, 40).Draw(t, "objects") {
			s := drawStep(t)
			typ := rapid.SampledFrom(types).Draw(t, "type")
			o := s.object()
			o.Type, o.Index, o.Pointer, o.Raw = typ, i, fmt.Sprintf("/objects/%d", i), []byte{byte(i)}
			o.ID = fmt.Sprintf("%s--00000000-0000-%d000-8000-00000000000%d", typ, rapid.IntRange(4, 5).Draw(t, "v"), rapid.IntRange(0, 9).Draw(t, "n"))
			if unversionedType(typ) {
				o.Modified, o.Revoked = "", false
			}
			if typ == "file" {
				o.Created = ""
			}
			all = append(all, o)
		}
		Histories(all)
		refused := map[*Object]bool{}
		for _, o := range all {
			refused[o], o.Findings = o.refused(), nil
		}
		Together(all)
		drawn := func(o *Object) bool { return o.Type != "file" || !strings.Contains(o.ID, "-5000-") }
		for i, o := range all {
			first := slices.IndexFunc(all, func(p *Object) bool { return drawn(p) && p.ID[len(p.Type):] == o.ID[len(o.Type):] })
			told := slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Code == codeUUIDReused })
			if told != (drawn(o) && all[first].Type != o.Type) {
				t.Fatalf("%s at %d: told of its UUID: %v", o.ID, i, told)
			}
			for _, p := range all {
				if o.ID == p.ID && !refused[o] && !refused[p] && alone(all, o) && alone(all, p) && contradiction(o, p) != "" {
					t.Fatalf("%+v and %+v both pass", o, p)
				}
			}
		}
	})
}

// alone tells whether an object is a version that came only once.
func alone(all []*Object, o *Object) bool {
	return o.hasVersions() && !slices.ContainsFunc(all, func(p *Object) bool {
		return p != o && p.ID == o.ID && Instant(p.Modified) == Instant(o.Modified)
	})
}

// The versions of the corpus, each file as one submission, keep every rule of
// a lineage. Where UUIDs are used under two types is told of two sources only:
// of the exports of one tool, and of two threat reports.
func TestTheCorpusContradictsItselfNowhere(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	reused := map[string]int{}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := Split(payload, largeLimits)
		if err != nil {
			t.Fatal(err)
		}
		before := make([]int, len(objects))
		for i := range objects {
			before[i] = len(objects[i].Findings)
		}
		Together(pointersTo(objects))
		Histories(pointersTo(objects))
		for i := range objects {
			for _, f := range objects[i].Findings[before[i]:] {
				if f.Code != codeUUIDReused {
					t.Errorf("%s %s: %v", file, objects[i].ID, f)
				}
				reused[filepath.Base(filepath.Dir(file))]++
			}
		}
	}
	t.Logf("objects with the UUID of another type: %v", reused)
	if len(reused) != 2 || reused["misp-stix"] == 0 || reused["oasis-examples"] != 2 {
		t.Errorf("objects with the UUID of another type: %v", reused)
	}
}

func BenchmarkTogether(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		raws := make([]string, n)
		versions := make([]string, n)
		for i := range raws {
			raws[i] = noteOf(i, day1, "")
			versions[i] = noteOf(i/10, fmt.Sprintf("2026-01-01T00:00:00.%03dZ", i%10), "")
		}
		for name, bundle := range map[string][]string{"distinct": raws, "ten versions each": versions} {
			objects, err := Split([]byte(inBundle(bundle...)), Limits{})
			if err != nil {
				b.Fatal(err)
			}
			all := pointersTo(objects)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Together(all)
					Histories(all)
				}
				if all[n-1].Findings != nil {
					b.Fatal(all[n-1].Findings)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/object")
			})
		}
	}
}
