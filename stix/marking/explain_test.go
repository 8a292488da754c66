package marking

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/stix"
)

const marked = `{"a":{"b":[1,{"c":2}]},"n":1,"m":2,"object_marking_refs":["` + statement + `","` + greenTLP + `"],"granular_markings":[` +
	`{"marking_ref":"` + amber + `","selectors":["n","a.b.[1]"]},{"marking_ref":"` + clearTLP + `","selectors":["a"]},` +
	`{"lang":"vi","selectors":["a.b.[1].c"]},{"marking_ref":"` + red + `","selectors":["a.b.[1].c"]}]}`

func TestExplainTellsWhichMarkingsApplyAndWhy(t *testing.T) {
	whole := []Reason{
		{Mark: Mark{Ref: statement}, Unknown: true, Path: "/object_marking_refs/0", Inherited: true},
		{Mark: Mark{Ref: greenTLP}, Level: stix.Green, Path: "/object_marking_refs/1", Inherited: true},
	}
	part := Reason{Mark: Mark{Ref: clearTLP}, Level: stix.Clear, Path: "/granular_markings/1/selectors/0", Selector: "a"}
	item := Reason{Mark: Mark{Ref: amber}, Level: stix.Amber, Path: "/granular_markings/0/selectors/1", Selector: "a.b.[1]"}
	inherited := func(r Reason) Reason { r.Inherited = true; return r }
	for selector, want := range map[string][]Reason{
		"m":       whole,
		"a":       append(whole[:2:2], part),
		"a.b":     append(whole[:2:2], inherited(part)),
		"a.b.[0]": append(whole[:2:2], inherited(part)),
		"a.b.[1]": append(whole[:2:2], item, inherited(part)),
		"a.b.[1].c": append(whole[:2:2], inherited(item), inherited(part),
			Reason{Mark: Mark{Lang: "vi"}, Path: "/granular_markings/2/selectors/0", Selector: "a.b.[1].c"},
			Reason{Mark: Mark{Ref: red}, Level: stix.Red, Path: "/granular_markings/3/selectors/0", Selector: "a.b.[1].c"}),
	} {
		got, err := Explain([]byte(marked), selector)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: want -, got +:\n%s", selector, d)
		}
	}
	got, err := Explain([]byte(`{"n":1,"granular_markings":[{"lang":"en","selectors":["n","n"]},{"lang":"en","selectors":["n"]}]}`), "n")
	if err != nil || len(got) != 2 {
		t.Errorf("a granular marking is told of once for each selector: %v, %v", got, err)
	}
	if _, err := Explain([]byte(marked), "a.c"); !errors.Is(err, ErrInvalidSelector) {
		t.Errorf("got %v", err)
	}
}

func TestLevelsAreTheStrictestThatApply(t *testing.T) {
	got, err := Levels([]byte(marked))
	if err != nil {
		t.Fatal(err)
	}
	// The object as a whole bears a statement.
	want := []PathLevel{{"", stix.Green, true}, {"a", stix.Green, true}, {"a.b.[1]", stix.Amber, true}, {"a.b.[1].c", stix.Red, true}, {"n", stix.Amber, true}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	got, err = Levels([]byte(`{"n":1}`))
	if d := cmp.Diff([]PathLevel{{}}, got); d != "" || err != nil {
		t.Errorf("of an unmarked object: %v %s", err, d)
	}
	got, err = Levels([]byte(`{"n":1,"object_marking_refs":"` + red + `"}`))
	if d := cmp.Diff([]PathLevel{{Level: stix.Red}}, got); d != "" || err != nil {
		t.Errorf("of a string for a list: %v %s", err, d)
	}
}

func TestAMarkingThatNobodyCanReadIsNotTakenForNone(t *testing.T) {
	capitals := strings.ToUpper(red)
	object := []byte(`{"a":{"b":1},"m":1,"n":1,"granular_markings":[{"marking_ref":"` + capitals + `","selectors":["a"]},` +
		`{"marking_ref":"` + amber + `","selectors":["a.b"]},{"lang":"en","selectors":["m"]},{"marking_ref":"` + statement + `","selectors":["n"]}]}`)
	got, err := Levels(object)
	want := []PathLevel{{}, {"a", stix.NoLevel, true}, {"a.b", stix.Amber, true}, {"m", stix.NoLevel, false}, {"n", stix.NoLevel, true}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v, want -, got +:\n%s", err, d)
	}
	why, err := Explain(object, "a")
	if err != nil || len(why) != 1 || !why[0].Unknown || why[0].Level != stix.NoLevel {
		t.Errorf("explained as %v, %v", why, err)
	}
	got, err = Levels([]byte(`{"n":1,"object_marking_refs":["` + capitals + `"]}`))
	if d := cmp.Diff([]PathLevel{{Unknown: true}}, got); d != "" || err != nil {
		t.Errorf("of the whole: %v %s", err, d)
	}
}

func TestAReasonPointsAtWhereItIsWritten(t *testing.T) {
	object := []byte(`{"n":1,"object_marking_refs":["` + greenTLP + `","` + greenTLP + `","` + amber + `"]}`)
	why, err := Explain(object, "n")
	want := []Reason{
		{Mark: Mark{Ref: greenTLP}, Level: stix.Green, Path: "/object_marking_refs/0", Inherited: true},
		{Mark: Mark{Ref: amber}, Level: stix.Amber, Path: "/object_marking_refs/2", Inherited: true},
	}
	if d := cmp.Diff(want, why); d != "" || err != nil {
		t.Errorf("%v, want -, got +:\n%s", err, d)
	}
}

// The strictest of all levels is what the hub takes an object for.
func TestLevelsAgreeWithTheHubOnTheCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	objects, parts := 0, 0
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := stix.Split(payload, stix.Limits{PayloadBytes: 64 << 20, Objects: 1 << 20})
		if err != nil {
			continue // not a bundle
		}
		for i := range all {
			o := &all[i]
			if refused(o) {
				continue
			}
			want, _ := o.Mark(func(string) (*stix.Definition, bool) { return nil, true })
			levels, err := Levels(o.Raw)
			if err != nil {
				t.Errorf("%s %s: %v", file, o.Pointer, err)
				continue
			}
			got := stix.NoLevel
			for _, l := range levels {
				got = max(got, l.Level)
			}
			if got != want.Level {
				t.Errorf("%s %s: got %s, the hub has %s", file, o.Pointer, got, want.Level)
			}
			objects, parts = objects+1, parts+len(levels)-1
			if i%20 == 0 {
				addAndRemove(t, o.Raw)
			}
		}
	}
	t.Logf("%d objects, %d parts of them marked", objects, parts)
}

func refused(o *stix.Object) bool {
	for _, f := range o.Findings {
		if f.Severity == stix.Error {
			return true
		}
	}
	return false
}

// addAndRemove marks an object of the corpus and takes the marking away again.
func addAndRemove(t *testing.T, object []byte) {
	t.Helper()
	const once = "marking-definition--0a7c1d52-7f0e-4d37-9f0c-3a1c5b6d7e8f"
	after, err := Add(object, once)
	if err != nil {
		t.Fatal(err)
	}
	onlyMarkingsDiffer(t, object, after)
	back, err := Remove(after, once)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(markingsOf(t, object), markingsOf(t, back)); d != "" {
		t.Errorf("%s", d)
	}
	if after, err = AddAt(object, []Mark{{Ref: once}}, []string{"type"}); err != nil {
		t.Fatal(err)
	}
	onlyMarkingsDiffer(t, object, after)
}

func definition(id, rest string) string {
	return `{"type":"marking-definition","spec_version":"2.1","id":"` + id + `","created":"2024-01-01T00:00:00.000Z",` + rest + `}`
}

func TestKindTellsTheFamilyAndWhatItStates(t *testing.T) {
	const tlp1Red = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
	const strict = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"
	extension := func(id, rest string) string {
		return `"extensions":{"extension-definition--` + id + `":{"extension_type":"property-extension",` + rest + `}}`
	}
	for _, k := range []struct {
		name, definition string
		want             Definition
	}{
		{"TLP 1.0", definition(tlp1Red, `"definition_type":"tlp","name":"TLP:RED","definition":{"tlp":"red"}`),
			Definition{ID: tlp1Red, Name: "TLP:RED", Family: TLP1, Level: stix.Red, States: []Property{{"tlp", "red"}}}},
		{"TLP 2.0", definition(amber, `"name":"TLP:AMBER",`+extension("60a3c5c5-0d10-413e-aab3-9e08dde9e88d", `"tlp_2_0":"amber"`)),
			Definition{ID: amber, Name: "TLP:AMBER", Family: TLP2, Level: stix.Amber, States: []Property{{"tlp_2_0", "amber"}}}},
		{"OpenCTI's AMBER+STRICT", definition(strict, `"definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition_type":"TLP","x_opencti_definition":"TLP:AMBER+STRICT"`),
			Definition{ID: strict, Family: TLPOpenCTI, Level: stix.AmberStrict, States: []Property{{"x_opencti_definition", "TLP:AMBER+STRICT"}}}},
		{"TLP under an identifier of its own", definition(statement, `"definition_type":"tlp","definition":{"tlp":"red"}`),
			Definition{ID: statement, Family: TLP1, Lookalike: true, States: []Property{{"tlp", "red"}}}},
		{"TLP that states another level", definition(tlp1Red, `"definition_type":"tlp","definition":{"tlp":"green"}`),
			Definition{ID: tlp1Red, Family: TLP1, Lookalike: true, States: []Property{{"tlp", "green"}}}},
		{"a statement that says TLP", definition(statement, `"definition_type":"statement","definition":{"statement":"TLP:AMBER"}`),
			Definition{ID: statement, Family: Statement, Lookalike: true, States: []Property{{"statement", "TLP:AMBER"}}}},
		{"a statement", definition(statement, `"definition_type":"statement","definition":{"statement":"Copyright \u00a9 Example"}`),
			Definition{ID: statement, Family: Statement, States: []Property{{"statement", "Copyright © Example"}}}},
		{"PAP", definition("marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab", extension("f8d78575-edfd-406e-8e84-6162a8450f5b", `"pap":"amber"`)),
			Definition{ID: "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab", Family: PAP, States: []Property{{"pap", "amber"}}}},
		{"ACS", definition(statement, extension("3a65884d-005a-4290-8335-cb2d778a83ce", `"name":"Example","control_set":{"classification":"U","entity":["GOV"]},"identifier":"isa:guide.1"`)),
			Definition{ID: statement, Family: ACS, States: []Property{{"name", "Example"}, {"identifier", "isa:guide.1"}, {"control_set.classification", "U"}}}},
		{"ACS of old", definition(statement, `"definition_type":"x-isa-acs-3-0","definition":{"control_set":{"classification":"U"}}`),
			Definition{ID: statement, Family: ACS, States: []Property{{"control_set.classification", "U"}}}},
		{"IEP", definition(statement, extension("762e2e97-ee51-43e5-a9ea-165fbb862c4a", `"iep_id":"0224bfdf-ea3a-49c3-96f6-66d908bb1845","iep_version":2.0,"permitted_actions":"none"`)),
			Definition{ID: statement, Family: IEP, States: []Property{{"iep_id", "0224bfdf-ea3a-49c3-96f6-66d908bb1845"}, {"iep_version", "2.0"}, {"permitted_actions", "none"}}}},
		{"IEP by reference", definition(statement, `"definition_type":"iep","definition":{"id_ref":"01bc4353-4829-4d55-8d52-0ab7e0790df9","url":"https://www.example.org/iepj","iep_version":2.0}`),
			Definition{ID: statement, Family: IEP, States: []Property{{"id_ref", "01bc4353-4829-4d55-8d52-0ab7e0790df9"}, {"url", "https://www.example.org/iepj"}, {"iep_version", "2.0"}}}},
		{"TLP and a statement", definition(red, `"definition_type":"statement","definition":{"statement":"x"},`+extension("60a3c5c5-0d10-413e-aab3-9e08dde9e88d", `"tlp_2_0":"red"`)),
			Definition{ID: red, Family: TLP2, Level: stix.Red, States: []Property{{"tlp_2_0", "red"}}}},
		{"something else", definition(statement, `"name":"House rules"`),
			Definition{ID: statement, Name: "House rules", Family: Other}},
	} {
		t.Run(k.name, func(t *testing.T) {
			got, err := Kind([]byte(k.definition))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(k.want, got); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
	for _, s := range []string{``, `5`, `{}`, `{"type":"indicator"}`, `{"type":["marking-definition"]}`, marked} {
		if got, err := Kind([]byte(s)); !errors.Is(err, ErrInvalidObject) {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
}

func TestKindKnowsThePublishedDefinitions(t *testing.T) {
	f, err := os.Open(shared(t, "stix", "tlp.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all struct{ TLP1, TLP2 []json.RawMessage }
	if err := json.NewDecoder(bufio.NewReader(f)).Decode(&all); err != nil {
		t.Fatal(err)
	}
	for family, definitions := range map[Family][]json.RawMessage{TLP1: all.TLP1, TLP2: all.TLP2} {
		if len(definitions) < 4 {
			t.Errorf("%d definitions of %s", len(definitions), family)
		}
		for _, raw := range definitions {
			d, err := Kind(raw)
			if err != nil || d.Family != family || d.Level == stix.NoLevel || d.Lookalike || len(d.States) != 1 {
				t.Errorf("got %+v, %v", d, err)
			}
		}
	}
}
