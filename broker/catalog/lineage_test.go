package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

const noteID = "note--00000000-0000-4000-8000-000000000001"

// noteVersion is a stored version of a note.
func noteVersion(modified, more string) string {
	return fmt.Sprintf(`{"type":"note","spec_version":"2.1","id":%q,"created":%q,"modified":%q,"content":"x","object_refs":[%q]%s}`, noteID, day1, modified, noteID, more)
}

func lineage(t *testing.T, x *Index, origin, id string) stix.Lineage {
	t.Helper()
	_, l, known, err := x.Lookup(Key{origin, id, "none"})
	if known || err != nil {
		t.Fatal(known, err)
	}
	return l
}

func TestALineageIsOfOneOriginAndOutlivesTheIndex(t *testing.T) {
	const by = `,"created_by_ref":"identity--00000000-0000-4000-8000-00000000000a"`
	want := stix.Lineage{Created: day1, CreatedBy: "identity--00000000-0000-4000-8000-00000000000a", Latest: day3, Revoked: day3}
	streams := map[string]shelf{
		green:              {message(1, nil, noteVersion(day2, ""), address), message(2, nil, noteVersion(day3, `,"revoked":true`))},
		"CTI_REGION_CLEAR": {message(1, map[string]string{api.HeaderLevel: "clear"}, noteVersion(day1, by), marking)},
	}
	names := []string{green, "CTI_REGION_CLEAR"}
	dir := t.TempDir()
	for _, way := range []string{"in one order", "in the other order", "after it was opened again"} {
		x := opened(t, dir, Options{})
		for _, stream := range names {
			if _, err := x.CatchUp(t.Context(), streams[stream], stream, 2); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, lineage(t, x, "sg", noteID)); d != "" {
			t.Errorf("%s: %s", way, d)
		}
		for _, none := range []Key{{"my", noteID, ""}, {"sg", "note--00000000-0000-4000-8000-000000000002", ""}, {"sg", "ipv4-addr--5d8f2b86-1c55-5e51-93a1-74b7ed7c4f61", ""}, {"sg", "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", ""}} {
			if l := lineage(t, x, none.Origin, none.ID); l != (stix.Lineage{}) {
				t.Errorf("%s: %v has the lineage %+v", way, none, l)
			}
		}
		if v, err := x.Versions("sg", noteID); !slices.Equal(v, []string{day1, day2, day3}) || err != nil {
			t.Errorf("%s: versions %v, %v", way, v, err)
		}
		closed(t, x)
		if way == "in one order" {
			dir = t.TempDir()
			slices.Reverse(names)
		}
	}
}

func TestAForgottenStreamTakesItsPartOfALineage(t *testing.T) {
	dir := t.TempDir()
	x := opened(t, dir, Options{})
	first, second := one(noteID, day1, 1, 0), one(noteID, day2, 1, 0).in("CTI_ASEAN_GREEN", "asean", stix.Green)
	first.Lineage = stix.Lineage{Created: day1, Latest: day1}
	second.Lineage = stix.Lineage{Created: day1, Latest: day2, CreatedBy: "identity--a", Revoked: day2}
	apply(t, x, green, 1, first)
	apply(t, x, "CTI_ASEAN_GREEN", 1, second)
	if err := x.Forget("CTI_ASEAN_GREEN"); err != nil {
		t.Fatal(err)
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			closed(t, x)
			x = opened(t, dir, Options{})
		}
		if d := cmp.Diff(first.Lineage, lineage(t, x, "sg", noteID)); d != "" {
			t.Error(d)
		}
	}
	third := one(noteID, day3, 2, 0)
	third.Lineage = stix.Lineage{Created: day1, Latest: day3, CreatedBy: "identity--b"}
	apply(t, x, green, 2, third)
	if d := cmp.Diff(stix.Lineage{Created: day1, Latest: day3, CreatedBy: "identity--b"}, lineage(t, x, "sg", noteID)); d != "" {
		t.Error(d)
	}
	if v, err := x.Versions("sg", noteID); !slices.Equal(v, []string{day1, day3}) || err != nil {
		t.Error(v, err)
	}
	if m := x.Metrics(); m.Conflicts != 0 || m.Entries != 2 {
		t.Errorf("%+v", m)
	}
}

// Looking up an object of many versions after a stream was forgotten looks at
// all of them once, not at each look-up.
func TestAForgottenStreamCostsOneSurveyOfAnObject(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	const versions = 2 * rememberFrom
	var records []Record
	for i := range versions {
		r := one(noteID, fmt.Sprintf("2026-01-02T00:00:00.%03dZ", i), 1, i)
		r.Lineage = stix.Lineage{Created: day1, Latest: r.Key.Version}
		records = append(records, r)
	}
	few := one("note--2", day2, 1, versions)
	few.Lineage = stix.Lineage{Created: day1, Latest: day2}
	apply(t, x, green, 1, append(records, few)...)
	last := records[versions-1]
	k := Key{Origin: "sg", ID: noteID}
	for n := range 2 {
		other := one("indicator--1", "v1", 1, 0).in("CTI_ASEAN_GREEN", "asean", stix.Green)
		apply(t, x, "CTI_ASEAN_GREEN", 1, other)
		if err := x.Forget("CTI_ASEAN_GREEN"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if l := lineage(t, x, "sg", noteID); l != last.Lineage {
				t.Errorf("%+v", l)
			}
			lineage(t, x, "sg", few.Key.ID)
		}
		forgotten := x.names.Load().forgotten()
		if all, known := x.surveys.get(k, forgotten); !known || all != last.Lineage || len(x.surveys.of) != 1 {
			t.Errorf("forgotten %d: remembered %v %+v, of %d objects", n+1, known, all, len(x.surveys.of))
		}
		// A mark shows that what is remembered is what is answered.
		x.surveys.put(k, forgotten, stix.Lineage{Latest: "remembered"}, func() bool { return true })
		if l := lineage(t, x, "sg", noteID); l.Latest != "remembered" {
			t.Errorf("surveyed again: %+v", l)
		}
	}
	revoked := one(noteID, day3, 2, 0)
	revoked.Lineage = stix.Lineage{Created: day1, Latest: day3, Revoked: day3}
	apply(t, x, green, 2, revoked)
	if l := lineage(t, x, "sg", noteID); l != revoked.Lineage {
		t.Errorf("after another version: %+v", l)
	}
}

func TestALineageThatIsNotItsRecordsIsRefused(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	for name, l := range map[string]stix.Lineage{
		"of another version": {Created: day1, Latest: day2},
		"of no version":      {Created: day1},
		"too long":           {Created: day1, Latest: day1, CreatedBy: strings.Repeat("x", maxLineageText)},
	} {
		r := one(noteID, day1, 1, 0)
		r.Lineage = l
		if err := x.Apply(green, 1, []Record{r}); err == nil || places(t, x, r.Key) != nil {
			t.Errorf("%s: it was applied, %v", name, err)
		}
	}
}

func TestOneInstantIsOneKeyInWhateverSpellingItIsStored(t *testing.T) {
	x := opened(t, t.TempDir(), Options{})
	shelved := shelf{message(1, nil, noteVersion("2026-01-02T00:00:00.00000Z", "")), message(2, nil, noteVersion(day2, `,"x":1`))}
	if _, err := x.CatchUp(t.Context(), shelved, green, 2); err != nil {
		t.Fatal(err)
	}
	if v, err := x.Versions("sg", noteID); !slices.Equal(v, []string{day2}) || err != nil {
		t.Error(v, err)
	}
	if p := places(t, x, Key{"sg", noteID, day2}); len(p) != 1 || p[0].Seq != 1 || x.Metrics().Conflicts != 1 {
		t.Errorf("%+v, %d conflicts", p, x.Metrics().Conflicts)
	}
}
