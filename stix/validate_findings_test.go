package stix

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is said of an object as a whole: everything that is wrong, errors first,
// a hundred at most, and nothing of what it says.

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	object := made(t, "campaign", `-name "created":"now","modified":5,"labels":[],"confidence":200,"lang":"english","description":null,"firstSeen":1,"severity":1,"x_a":1,"aliases":[1,2],
		"created_by_ref":"me","object_marking_refs":["red"],"granular_markings":[{"selectors":["goals"]}],"first_seen":"2025-01-02T00:00:00Z","last_seen":"2025-01-01T00:00:00Z",
		"external_references":[{"url":"a b"}],"extensions":{"own":{}}`)
	want := `null /description, empty-value /labels, empty-value /extensions/own,
		invalid-timestamp /created, wrong-type /modified, invalid-reference /created_by_ref, out-of-range /confidence, invalid-value /lang, invalid-value /external_references/0/url,
		missing-property /external_references/0/source_name, invalid-marking-ref /object_marking_refs/0, invalid-selector /granular_markings/0/selectors/0,
		missing-property /granular_markings/0/lang, invalid-extension /extensions/own, wrong-type /aliases/0, wrong-type /aliases/1, property-name /firstSeen, reserved-property /severity,
		missing-property /name, time-order /last_seen, ?custom-property /x_a`
	got, wanted := strings.Split(told(findingsIn(t, object)), ", "), strings.Split(strings.Join(strings.Fields(want), " "), ", ")
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Errorf("\n got %q\nwant %q", got, wanted)
	}
}

func TestOneObjectSpoilsNoOtherInItsBundle(t *testing.T) {
	var objects []string
	var want []string
	for _, c := range allRules() {
		object := string(made(t, c.typ, c.changes))
		objects, want = append(objects, object), append(want, told(findingsIn(t, []byte(object))))
	}
	split, err := Split([]byte(inBundle(objects...)), largeLimits)
	if err != nil || len(split) != len(objects) {
		t.Fatalf("%d objects, %v", len(split), err)
	}
	for i := range split {
		for k := range split[i].Findings {
			f := &split[i].Findings[k]
			path, inside := strings.CutPrefix(f.Path, fmt.Sprintf("/objects/%d", i))
			if f.Path = path; !inside {
				t.Errorf("%s: a finding elsewhere: %+v", objects[i], f)
			}
		}
		if got := told(split[i].Findings); got != want[i] {
			t.Errorf("%s\n   alone %s\namong others %s", objects[i], want[i], got)
		}
	}
}

// allRules gathers the cases of all tables.
func allRules() []ruleCase {
	return slices.Concat(dataTypeRules, hashRules, commonPropertyRules, domainRules, relationshipRules, observableRules,
		languageRules, markingRules, extensionRules, containerRules)
}

func TestErrorsStandBeforeWarningsAndAHundredAtMost(t *testing.T) {
	for _, c := range []struct {
		name, object     string
		errors, warnings int
	}{
		{"a warning before an error", domainObject(`,"x_a":1,"firstSeen":1`), 1, 1},
		{"200 warnings", domainObject(members(200)), 0, 100},
		{"200 errors", domainObject(`,"aliases":[` + strings.Repeat("1,", 199) + `1]`), 100, 0},
		{"200 warnings and then 200 errors", domainObject(members(200) + `,"aliases":[` + strings.Repeat("1,", 199) + `1]`), 100, 0},
		{"200 warnings and then 30 errors", domainObject(members(200) + `,"aliases":[` + strings.Repeat("1,", 29) + `1]`), 30, 70},
		{"200 repeated names, 16 of which are told, and 200 errors", domainObject(strings.Repeat(`,"x_a":1`, 200) + `,"aliases":[` + strings.Repeat("1,", 199) + `1]`), 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			errors, warnings := 0, 0
			for _, f := range findingsIn(t, []byte(c.object)) {
				switch {
				case f.Severity == Warning:
					warnings++
				case warnings > 0:
					t.Fatalf("an error after a warning: %+v", f)
				default:
					errors++
				}
			}
			if errors != c.errors || warnings != c.warnings {
				t.Errorf("%d errors and %d warnings, want %d and %d", errors, warnings, c.errors, c.warnings)
			}
		})
	}
}

// A message is a sentence or two in plain words: it begins in lower case unless
// with a name, and has no line breaks.
var messageForm = regexp.MustCompile(`^[^\n\r\t]{15,300}$`)

func TestEveryMessageSaysSomething(t *testing.T) {
	codes := map[string]bool{}
	for _, c := range allRules() {
		for _, f := range findingsIn(t, made(t, c.typ, c.changes)) {
			if !messageForm.MatchString(f.Message) || !strings.HasPrefix(f.Section, "STIX 2.1 §") && !strings.HasPrefix(f.Section, "RFC ") {
				t.Errorf("%s: %+v", c.name, f)
			}
			codes[f.Code] = true
		}
	}
	if len(codes) < 30 {
		t.Errorf("the tables lead to %d codes only: %q", len(codes), slices.Sorted(maps.Keys(codes)))
	}
}

// marker is what no finding may repeat. It is written so that it can stand in
// texts, keys and identifiers; where it is the name of a property or a key it is
// in the path by right, so values only have it.
const marker = "qzqzq"

// shapes are values with the marker in them, of many types and forms.
var shapes = []string{
	`"` + marker + `"`, `"` + strings.ToUpper(marker) + ` x"`, `["` + marker + `"]`, `[["` + marker + `",5]]`, `{"key_a":"` + marker + `"}`, `[{"key_a":["` + marker + `"]}]`,
	`"identity--` + marker + `"`, `"` + marker + `--` + testUUID + `"`, `["` + marker + `--` + strings.ToUpper(testUUID) + `"]`, `"marking-definition--` + marker + `"`,
	`"https://` + marker + ` /"`, `"\u0071zqzq"`, `"` + marker + `é\n\"'<script>"`, `{"MD5":"` + marker + `"}`, `{"pdf-ext":{"version":["` + marker + `"]}}`,
	`{"extension-definition--` + testUUID + `":{"extension_type":"` + marker + `"}}`, `[{"source_name":"cve","external_id":"` + marker + `"}]`, `[{"source_name":"` + marker + `","url":"` + marker + ` "}]`,
	`[{"lang":"` + marker + `","marking_ref":"` + marker + `","selectors":["` + marker + `","` + marker + `.[0]","[` + marker + `"]}]`, `{"tlp":"` + marker + `"}`,
	`{"0":{"type":"` + marker + `","value":"` + marker + `"}}`, `{"0":{"type":"file","name":5,"contains_refs":["` + marker + `"]}}`, `"2025-01-31T12:00:00.` + marker + `Z"`,
}

func TestNoFindingRepeatsWhatAnObjectSays(t *testing.T) {
	types := slices.Sorted(maps.Keys(soundMembers))
	rapid.Check(t, func(rt *rapid.T) {
		typ := rapid.SampledFrom(types).Draw(rt, "type")
		members, order := membersOf(t, made(t, typ, ""))
		object := "{"
		for _, name := range order {
			value := members[name]
			often := 2
			if name == "type" {
				often = 9 // for all else depends on it
			}
			if rapid.IntRange(0, often).Draw(rt, "replace "+name) == 0 {
				value = rapid.SampledFrom(shapes).Draw(rt, name)
			}
			if typ == "indicator" && name == "pattern_type" {
				value = `"snort"` // of a STIX pattern, see patternMessages
			}
			object += `"` + name + `":` + value + `,`
		}
		object += `"x_a":` + rapid.SampledFrom(shapes).Draw(rt, "x_a") + `}`
		saysNothingOf(rt, object)
	})
}

// saysNothingOf fails if a finding of the object has the marker.
func saysNothingOf(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, object string) {
	objects, err := Split([]byte(object), Limits{})
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	for _, f := range append(objects[0].Findings, CheckBundle([]byte(object))...) {
		if strings.Contains(strings.ToLower(f.Message+f.Path+f.Section), marker) {
			t.Errorf("%s: %+v", object, f)
		}
		if f.Message == "" || f.Code == "" {
			t.Errorf("nothing is said: %+v", f)
		}
	}
}

func TestNoFindingOfAPatternRepeatsItsConstants(t *testing.T) {
	for _, pattern := range []string{
		`[file:name = 'a' '` + marker + `']`, `[file:name = ` + marker + `]`, marker, `[file:name = 'a'] ` + marker, `[file:name = 'a' ` + marker + `]`,
		`[file:name = '` + marker, `[file:name MATCHES '` + marker + `(']`, `[file:size = t'` + marker + `']`, `[file:name = h'` + marker + `']`, `[file:hashes.MD5 = '` + marker + `']`,
	} {
		saysNothingOf(t, string(made(t, "indicator", `"pattern":"`+pattern+`"`)))
	}
}
