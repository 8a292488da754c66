package stix

import (
	"fmt"
	"strings"
	"testing"
)

const campaignID = "campaign--00000000-0000-4000-8000-000000000001"

// campaign is what the translations of these tests translate.
func campaign(modified, more string) string {
	return fmt.Sprintf(`{"type":"campaign","spec_version":"2.1","id":%q,"created":%q,"modified":%q,"name":"Bank attack","aliases":["Vault","Safe"],"confidence":70%s}`, campaignID, day1, modified, more)
}

// inGerman is a language-content of the campaign.
func inGerman(modified, contents string) string {
	if modified != "" {
		modified = `"object_modified":"` + modified + `",`
	}
	return fmt.Sprintf(`{"type":"language-content","spec_version":"2.1","id":"language-content--00000000-0000-4000-8000-000000000002","created":%q,"modified":%q,"object_ref":%q,%s"contents":{"de":%s}}`, day1, day1, campaignID, modified, contents)
}

func TestATranslationHasTheStructureOfWhatItTranslates(t *testing.T) {
	const nested = `,"external_references":[{"source_name":"report","description":"on it"},{"source_name":"other","description":"one more"}],"x_deep":{"list":[["a"],["b","c"]]}`
	for name, c := range map[string]struct{ contents, want string }{
		"texts and lists":                       {`{"name":"Bankangriff","aliases":["Tresor","Safe"]}`, ""},
		"a part of them":                        {`{"aliases":["Tresor",""]}`, ""},
		"what is in lists":                      {`{"external_references":[{"description":"darüber"},""],"x_deep":{"list":["",["b","c"]]}}`, ""},
		"a list that is too short":              {`{"aliases":["Tresor"]}`, "language-content /objects/1/contents/de/aliases"},
		"a list that is too long":               {`{"aliases":["Tresor","Safe","Schrank"]}`, "language-content /objects/1/contents/de/aliases"},
		"a text for a list":                     {`{"aliases":"Tresor"}`, "language-content /objects/1/contents/de/aliases"},
		"a list for a text":                     {`{"name":["Bankangriff"]}`, "language-content /objects/1/contents/de/name"},
		"a number for a text":                   {`{"name":7}`, "language-content /objects/1/contents/de/name"},
		"a text for an object":                  {`{"external_references":["report",""]}`, "language-content /objects/1/contents/de/external_references/0"},
		"a list in a list, too short":           {`{"x_deep":{"list":[["a"],["b"]]}}`, "language-content /objects/1/contents/de/x_deep/list/1"},
		"a name that is not there is ignored":   {`{"headline":"Bankangriff","name":"Bankangriff"}`, "?language-content /objects/1/contents/de/headline"},
		"a number in the original is ignored":   {`{"confidence":"siebzig"}`, "?language-content /objects/1/contents/de/confidence"},
		"errors come before what is ignored":    {`{"headline":"x","name":7}`, "language-content /objects/1/contents/de/name, ?language-content /objects/1/contents/de/headline"},
		"a name written with escapes is a name": {`{"\u006eame":["x"]}`, "language-content /objects/1/contents/de/name"},
	} {
		t.Run(name, func(t *testing.T) {
			expectTogether(t, together(t, campaign(day1, nested), inGerman(day1, c.contents)), "", c.want)
		})
	}
}

func TestATranslationNamesTheVersionThatItTranslates(t *testing.T) {
	const one, two = `{"aliases":["Tresor"]}`, `{"aliases":["Tresor","Safe"]}`
	short := strings.Replace(campaign(day1, ""), `,"Safe"`, "", 1)
	ip := `{"type":"ipv4-addr","id":"ipv4-addr--00000000-0000-4000-8000-000000000001","value":"192.0.2.1"}`
	for name, c := range map[string]struct{ objects, want []string }{
		"the version named counts": {
			[]string{inGerman(day1, one), campaign(day2, ""), short}, []string{"", "", ""}},
		"whichever it is": {
			[]string{inGerman(day2, one), campaign(day2, ""), short}, []string{"language-content /objects/0/contents/de/aliases", "", ""}},
		"in any spelling": {
			[]string{inGerman("2026-01-02T00:00:00.00000Z", two), campaign(day2, ""), short}, []string{"", "", ""}},
		"without one it is the latest": {
			[]string{campaign(day2, ""), short, inGerman("", two)}, []string{"", "", ""}},
		"a version that is not here is told": {
			[]string{campaign(day2, ""), inGerman(day3, one)}, []string{"", "?language-content /objects/1/object_modified"}},
		"one before the object was made cannot be": {
			[]string{campaign(day2, ""), inGerman("2025-12-31T00:00:00.000Z", two)}, []string{"", "language-content /objects/1/object_modified"}},
		"an object that is not here is no fault": {
			[]string{noteOf(1, day1, ""), inGerman(day1, one)}, []string{"", ""}},
		"nor one that is refused": {
			[]string{campaign(day1, `,"object_marking_refs":[]`), inGerman(day1, one)},
			[]string{"invalid-marking-ref /objects/0/object_marking_refs", ""}},
		"what has no versions has none to name": {
			[]string{ip, strings.Replace(inGerman(day1, `{"value":"x"}`), "campaign--", "ipv4-addr--", 1)},
			[]string{"", "language-content /objects/1/object_modified"}},
		"and can be translated without": {
			[]string{ip, strings.Replace(inGerman("", `{"value":["x"]}`), "campaign--", "ipv4-addr--", 1)},
			[]string{"", "language-content /objects/1/contents/de/value"}},
	} {
		t.Run(name, func(t *testing.T) { expectTogether(t, together(t, c.objects...), c.want...) })
	}
}

// What is written to cost as much as it can: one large original and many
// translations of it, each in many languages.
func TestManyTranslationsOfOneLargeObjectCostNoMoreThanTheyAreLong(t *testing.T) {
	var names, items, languages strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&names, `,"x_property_%d":"text"`, i)
		items.WriteString(`,"x"`)
	}
	for i := range 500 {
		fmt.Fprintf(&languages, `,"en-x-%d":{"x_list":[""],"x_property_%d":"Text","x_no_%d":""}`, i, i, i)
	}
	objects := []string{campaign(day1, names.String()+`,"x_list":["x"`+items.String()+`]`)}
	for i := range 300 {
		lc := strings.Replace(inGerman(day1, `{"name":""}`+languages.String()), "000000000002", fmt.Sprintf("%012x", i+2), 1)
		objects = append(objects, lc)
	}
	split, err := Split([]byte(inBundle(objects...)), Limits{PayloadBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	all := pointersTo(split)
	Together(all)
	for _, o := range all[1:] {
		if len(o.Findings) != maxFindings || o.Findings[0].Code != codeLanguageContent {
			t.Fatalf("%d findings", len(o.Findings))
		}
	}
}

// FuzzTogether looks for what cannot be looked at together: whatever came, it
// ends, refuses nothing twice and holds to the bounds of findings.
func FuzzTogether(f *testing.F) {
	for _, seed := range [][]string{
		{campaign(day1, ""), inGerman(day1, `{"name":"x","aliases":["y"],"nothing":[[{}]]}`)},
		{noteOf(1, day1, `,"revoked":true`), noteOf(1, day2, ""), noteOf(1, day3, "")},
		{noteOf(1, day1, ""), strings.ReplaceAll(noteOf(1, day1, ""), "note--", "report--")},
		{inGerman("", `{"contents":{"de":{"contents":{}}}}`), campaign(day2, `,"contents":[]`)},
	} {
		f.Add([]byte(inBundle(seed...)))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		objects, err := Split(payload, Limits{})
		if err != nil {
			return
		}
		refused := make([]bool, len(objects))
		told := make([]int, len(objects))
		for i := range objects {
			refused[i], told[i] = objects[i].refused(), len(objects[i].Findings)
		}
		Together(pointersTo(objects))
		for i := range objects {
			o := &objects[i]
			if refused[i] && len(o.Findings) != told[i] {
				t.Fatalf("object %d was refused and is told more", i)
			}
			if len(o.Findings) > maxFindings {
				t.Fatalf("object %d has %d findings", i, len(o.Findings))
			}
			warned := false
			for _, f := range o.Findings {
				if f.Severity == Error && warned || len(f.Path) > 1<<16 || len(f.Message) > 1<<10 {
					t.Fatalf("object %d: %+v", i, f)
				}
				warned = warned || f.Severity == Warning
				if !strings.HasPrefix(f.Path, o.Pointer) {
					t.Fatalf("object %d: path %q", i, f.Path)
				}
			}
		}
	})
}
