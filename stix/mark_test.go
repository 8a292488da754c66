package stix

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	tlp1Amber   = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
	tlp1Red     = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
	tlp2Clear   = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	tlp2Red     = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
	openCTI     = "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37"
	ownMarking  = "marking-definition--" + testUUID
	knownBefore = "marking-definition--2f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b"
)

func definition(id, more string) string {
	return `{"type":"marking-definition","spec_version":"2.1","id":"` + id + `","created":"2025-01-31T12:00:00.000Z",` + more + `}`
}

// marked returns a campaign with these markings on the whole of it.
func marked(ids ...string) string {
	return domainObject(`,"object_marking_refs":["` + strings.Join(ids, `","`) + `"]`)
}

func partlyMarked(id string) string {
	return domainObject(`,"granular_markings":[{"selectors":["id"],"marking_ref":"` + id + `"}]`)
}

// markAll marks the objects of a payload as the hub does, sound or not: a
// marking is known if it comes with the payload or is knownBefore.
func markAll(t *testing.T, payload string) (ms []Marking, fs [][]string) {
	t.Helper()
	objects, err := Split([]byte(payload), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defs := map[string]*Definition{}
	for i := range objects {
		if d := objects[i].Definition; d != nil {
			defs[objects[i].ID] = d
		}
	}
	for i := range objects {
		m, f := objects[i].Mark(func(id string) (*Definition, bool) {
			d := defs[id]
			return d, d != nil || id == knownBefore
		})
		ms, fs = append(ms, m), append(fs, codes(f))
	}
	return ms, fs
}

func TestMarkTakesTheStrictestMarking(t *testing.T) {
	for _, c := range []struct {
		name, object string
		want         Level
		path         string
	}{
		{"no marking", domainObject(""), NoLevel, ""},
		{"a marking that is not TLP's", marked(knownBefore), NoLevel, ""},
		{"TLP 1.0 AMBER", marked(tlp1Amber), Amber, "/object_marking_refs/0"},
		{"TLP 1.0 WHITE", marked("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"), Clear, "/object_marking_refs/0"},
		{"TLP 2.0 AMBER+STRICT", marked("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"), AmberStrict, "/object_marking_refs/0"},
		{"OpenCTI's AMBER+STRICT", marked(openCTI), AmberStrict, "/object_marking_refs/0"},
		{"two of them", marked(tlp2Clear, tlp1Amber), Amber, "/object_marking_refs/1"},
		{"two in the other order", marked(tlp1Amber, knownBefore, tlp2Clear), Amber, "/object_marking_refs/0"},
		{"RED on a part", partlyMarked(tlp2Red), Red, "/granular_markings/0/marking_ref"},
		{"RED on a part and CLEAR on the whole",
			domainObject(`,"object_marking_refs":["` + tlp2Clear + `"],"granular_markings":[{"selectors":["id"],"marking_ref":"` + tlp1Red + `"}]`),
			Red, "/granular_markings/0/marking_ref"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ms, fs := markAll(t, c.object)
			if fs[0] != nil || ms[0].Level != c.want || ms[0].Path != c.path {
				t.Errorf("%+v %v", ms[0], fs[0])
			}
			if l, known := KnownTLP(ms[0].ID); known != (c.want != NoLevel) || l != c.want {
				t.Errorf("the marking named is %q", ms[0].ID)
			}
		})
	}
}

func TestMarkRefusesWhatOnlyLooksLikeTLP(t *testing.T) {
	for name, more := range map[string]string{
		"definition_type tlp":            `"definition_type":"tlp","definition":{"tlp":"red"}`,
		"definition_type TLP:2.0":        `"definition_type":"x-TLP-2","definition":{"level":"red"}`,
		"a name":                         `"name":"TLP:AMBER","definition_type":"statement","definition":{"statement":"x"}`,
		"a name in lower case":           `"name":" tlp amber","definition_type":"statement","definition":{"statement":"x"}`,
		"a statement":                    `"definition_type":"statement","definition":{"statement":"TLP:RED"}`,
		"a tlp in another definition":    `"definition_type":"x-own","definition":{"TLP":"red"}`,
		"the extension of TLP 2.0":       `"extensions":{"` + tlp2Extension + `":{"extension_type":"property-extension","tlp_2_0":"red"}}`,
		"the extension without a level":  `"extensions":{"` + tlp2Extension + `":{"extension_type":"property-extension"}}`,
		"a level in another extension":   `"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"property-extension","tlp_2_0":"red"}}`,
		"OpenCTI's own properties":       `"definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition_type":"TLP"`,
		"an escaped name":                `"name":"\u0054LP:RED"`,
		"a name and nothing else to say": `"name":"TLP"`,
		"a level inside a name":          `"name":"MyCERT TLP:RED"`,
		"TLP inside a name":              `"name":"Our own TLP (internal)"`,
		"a level at the end of a name":   `"name":"` + strings.Repeat("a ", 200) + `TLP:RED"`,
		"a level inside a statement":     `"definition_type":"statement","definition":{"statement":"Distribution: TLP:RED"}`,
		"a level at a statement's end":   `"definition_type":"statement","definition":{"statement":"` + strings.Repeat("a ", 200) + `tlp_amber."}`,
		"a level in another property":    `"definition_type":"x-own","definition":{"levels":[{"is":"see TLP RED"}]}`,
		"a definition that is a text":    `"definition_type":"x-own","definition":"share as TLP-GREEN"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, fs := markAll(t, inBundle(definition(ownMarking, more), marked(tlp2Clear, ownMarking), partlyMarked(ownMarking), domainObject("")))
			want := "[[tlp-lookalike /objects/0] [tlp-lookalike /objects/1/object_marking_refs/1]" +
				" [tlp-lookalike /objects/2/granular_markings/0/marking_ref] []]"
			if got := fmt.Sprint(fs); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMarkRefusesTLPThatSaysAnotherLevel(t *testing.T) {
	for name, more := range map[string]string{
		"another tlp":          `"definition_type":"tlp","name":"TLP:RED","definition":{"tlp":"green"}`,
		"another name":         `"definition_type":"tlp","name":"TLP:GREEN","definition":{"tlp":"red"}`,
		"no level there is":    `"definition_type":"tlp","definition":{"tlp":"purple"}`,
		"no level at all":      `"definition_type":"statement","definition":{"statement":"Copyright"}`,
		"a tlp that is a list": `"definition_type":"tlp","definition":{"tlp":["red"]}`,
		"another inside":       `"definition_type":"tlp","name":"MyCERT TLP:GREEN","definition":{"tlp":"red"}`,
		"another extension":    `"name":"TLP:RED","extensions":{"` + tlp2Extension + `":{"extension_type":"property-extension","tlp_2_0":"clear"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, fs := markAll(t, inBundle(definition(tlp1Red, more), marked(tlp1Red)))
			if got := fmt.Sprint(fs); got != "[[tlp-lookalike /objects/0] [tlp-lookalike /objects/1/object_marking_refs/0]]" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestMarkRefusesWhatItCannotResolve(t *testing.T) {
	ms, fs := markAll(t, inBundle(marked(ownMarking, tlp2Clear), partlyMarked(ownMarking), domainObject("")))
	want := "[[marking-unresolved /objects/0/object_marking_refs/0] [marking-unresolved /objects/1/granular_markings/0/marking_ref] []]"
	if got := fmt.Sprint(fs); got != want {
		t.Errorf("got %s", got)
	}
	if ms[1].Level != NoLevel {
		t.Errorf("%+v", ms[1])
	}
}

func TestMarkLeavesSoundDefinitionsUnmarked(t *testing.T) {
	for name, object := range map[string]string{
		"a statement":               definition(ownMarking, `"definition_type":"statement","definition":{"statement":"Copyright, Example"}`),
		"a word that holds tlp":     definition(ownMarking, `"name":"Outlplan","definition_type":"statement","definition":{"statement":"By Atlpa, red team; TLPlan"}`),
		"TLP explained":             definition(ownMarking, `"definition_type":"statement","definition":{"statement":"Handle by the TLP of each object"}`),
		"PAP":                       definition(ownMarking, `"name":"PAP:RED","extensions":{"extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b":{"extension_type":"property-extension","pap":"red"}}`),
		"OpenCTI's AMBER+STRICT":    definition(openCTI, `"definition_type":"statement","definition":{"statement":"custom"},"x_opencti_definition_type":"TLP","x_opencti_definition":"TLP:AMBER+STRICT"`),
		"OpenCTI's own, as TLP 1.0": definition(openCTI, `"definition_type":"tlp","name":"TLP:AMBER+STRICT","definition":{"tlp":"amber+strict"}`),
	} {
		ms, fs := markAll(t, object)
		if ms[0].Level != NoLevel || fs[0] != nil {
			t.Errorf("%s: %+v %v", name, ms[0], fs[0])
		}
	}
	ms, _ := markAll(t, definition(ownMarking, `"name":"x","object_marking_refs":["`+tlp2Red+`"]`))
	if ms[0].Level != Red {
		t.Errorf("a definition that is itself marked: %+v", ms[0])
	}
}

func TestMentionsTLP(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "false []",
		"TLP":                       "true []",
		"the TLP":                   "true []",
		"the tlp.":                  "true []",
		"tlps and atlp":             "false []",
		"MyTLP:red":                 "false [red]",
		"TLPRED":                    "false [red]",
		"TLP:RED":                   "true [red]",
		"(tlp_white)":               "true [clear]",
		"TLP: Clear or TLP - Green": "true [clear green]",
		"TLP:RED, I say TLP:RED":    "true [red]",
		"TLP 2.0: amber":            "true [amber]",
		"TLP:AMBER+STRICT":          "true [amber-strict]",
		"tlp amber strict":          "true [amber-strict]",
		"TLP\u00A0RED\u3002":        "true [red]",
		"TLP: redistribute":         "true []",
		"TLP is not red":            "true []",
		"red TLP":                   "true []",
		"tlptlp:red":                "false [red]",
		"\xfftlp\xffred\xff":        "true [red]",
	} {
		word, levels := mentionsTLP(text)
		if got := fmt.Sprint(word, levels); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// The definitions OASIS publishes agree with the identifiers known here.
func TestKnownTLPMatchesThePublishedDefinitions(t *testing.T) {
	data, err := os.ReadFile(shared(t, "stix", "tlp.json"))
	if err != nil {
		t.Fatal(err)
	}
	var published struct{ TLP1, TLP2 []json.RawMessage }
	if err := json.Unmarshal(data, &published); err != nil {
		t.Fatal(err)
	}
	if len(published.TLP1) != 4 || len(published.TLP2) != 5 {
		t.Fatalf("%d and %d definitions, want 4 and 5", len(published.TLP1), len(published.TLP2))
	}
	for _, raw := range append(published.TLP1, published.TLP2...) {
		objects, err := Split(raw, Limits{})
		if err != nil || len(objects[0].Findings) > 0 {
			t.Fatal(err, objects)
		}
		o := &objects[0]
		level, known := KnownTLP(o.ID)
		stated, err := ParseLevel(plainLevel(o.Definition.TLP + o.Definition.TLP2))
		if !known || err != nil || level != stated || !o.Definition.LooksTLP {
			t.Errorf("%s: %s, stated %s, %v", o.ID, level, stated, err)
		}
		if m, fs := o.Mark(func(string) (*Definition, bool) { return nil, false }); m.Level != NoLevel || fs != nil {
			t.Errorf("%s: %+v %v", o.ID, m, fs)
		}
	}
}

func TestTheMarkingOfALevelIsReadAsThatLevel(t *testing.T) {
	for _, want := range Levels {
		if got, ok := KnownTLP(want.MarkingID()); !ok || got != want {
			t.Errorf("%s is marked by %q, which is %s", want, want.MarkingID(), got)
		}
	}
	if id := NoLevel.MarkingID(); id != "" {
		t.Errorf("no level is marked by %q", id)
	}
}
