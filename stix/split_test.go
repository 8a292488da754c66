package stix

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	testUUID   = "1f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b"
	testBundle = "bundle--44af6c39-c09b-49c5-9de2-394224b04982"
	testTimes  = `"created":"2025-01-31T12:00:00.000Z","modified":"2025-01-31T12:00:00.000Z"`
)

// domainObject returns a sound campaign with more members.
func domainObject(more string) string {
	return `{"type":"campaign","spec_version":"2.1","id":"campaign--` + testUUID + `",` + testTimes + `,"name":"C"` + more + `}`
}

func inBundle(objects ...string) string {
	return `{"type":"bundle","id":"` + testBundle + `","objects":[` + strings.Join(objects, ",") + `]}`
}

// codes lists the errors.
func codes(fs []Finding) (all []string) {
	for _, f := range fs {
		if f.Severity == Error {
			all = append(all, f.Code+" "+f.Path)
		}
	}
	return all
}

func TestSplitRefusesMalformedJSONInOneObject(t *testing.T) {
	deep := strings.Repeat("[", 64) + strings.Repeat("]", 64)
	deeper := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	checkRefused(t, []refusal{
		{"a number", `5`, "not-an-object "},
		{"null", `null`, "not-an-object "},
		{"a list", `[{}]`, "not-an-object "},
		{"a name twice", domainObject(`,"x_a":1,"x_b":2,"x_a":3`), "duplicate-key /x_a"},
		{"a name twice, once escaped", domainObject(`,"x_a":1,"x_\u0061":3`), "duplicate-key /x_a"},
		{"a name twice among a hundred", domainObject(members(100) + `,"m_7":1`), "duplicate-key /m_7"},
		{"a name twice deep inside", domainObject(`,"x_a":[0,{"b":1,"b":1}]`), "duplicate-key /x_a/1/b"},
		{"bytes that are not UTF-8", domainObject(",\"description\":\"a\xff\""), "invalid-utf8 /description"},
		{"a key that a pointer escapes", domainObject(`,"x_a":[0,{"~/":1}]`), "dictionary-key /x_a/1/~0~1"},
		{"a name that is not UTF-8", domainObject(",\"x_a\xff\":1"), "invalid-utf8 /x_a\uFFFD, property-name /x_a\uFFFD"},
		{"half a surrogate pair", domainObject(`,"description":"\ud800"`), "invalid-utf8 /description"},
		{"65 levels", domainObject(`,"x_a":` + deep), "too-deep /x_a" + strings.Repeat("/0", 62)},
		{"10,000 levels", domainObject(`,"x_a":` + deeper), "too-deep /x_a" + strings.Repeat("/a", 62)},
		{"an integer of 2^53", domainObject(`,"x_a":9007199254740992`), "number-range /x_a"},
		{"an integer of -2^53", domainObject(`,"x_a":[-9007199254740992]`), "number-range /x_a/0"},
		{"an integer of 20 digits", domainObject(`,"x_a":10000000000000000000`), "number-range /x_a"},
		{"a float beyond float64", domainObject(`,"x_a":1e309`), "number-range /x_a"},
	})
}

func TestSplitRefusesWrongCommonProperties(t *testing.T) {
	checkRefused(t, []refusal{
		{"an empty object", `{}`, "missing-property /type, missing-property /id"},
		{"no common properties", `{"type":"campaign","id":"campaign--` + testUUID + `"}`,
			"missing-property /spec_version, missing-property /created, missing-property /modified, missing-property /name"},
		{"a bundle", `{"type":"bundle","id":"` + testBundle + `","objects":[]}`, "invalid-type /type"},
		{"a type in upper case", `{"type":"Campaign","spec_version":"2.1","id":"Campaign--` + testUUID + `",` + testTimes + `}`, "invalid-type /type"},
		{"a type of two letters", `{"type":"ab","spec_version":"2.1","id":"ab--` + testUUID + `",` + testTimes + `}`, "invalid-type /type"},
		{"a type with two hyphens in a row", `{"type":"a--b","spec_version":"2.1","id":"a--b--` + testUUID + `",` + testTimes + `}`, "invalid-type /type"},
		{"a type that is a number", `{"type":5,"id":"campaign--` + testUUID + `"}`, "wrong-type /type, invalid-id /id"},
		{"an id of another type", strings.Replace(domainObject(""), "campaign--", "malware--", 1), "invalid-id /id"},
		{"an id without a UUID", strings.Replace(domainObject(""), testUUID, "7", 1), "invalid-id /id"},
		{"an id of UUID version 6", strings.Replace(domainObject(""), "-4e7f-", "-6e7f-", 1), "invalid-id /id"},
		{"an id of another UUID variant", strings.Replace(domainObject(""), "-8a9b-", "-7a9b-", 1), "invalid-id /id"},
		{"an id in upper case", strings.Replace(domainObject(""), testUUID, strings.ToUpper(testUUID), 1), "invalid-id /id"},
		{"STIX 2.0", strings.Replace(domainObject(""), "2.1", "2.0", 1), "invalid-spec-version /spec_version"},
		{"STIX 2.0 on an observable", `{"type":"mutex","spec_version":"2.0","id":"mutex--` + testUUID + `","name":"m"}`, "invalid-spec-version /spec_version"},
		{"a spec_version that is a number", strings.Replace(domainObject(""), `"2.1"`, "2.1", 1), "wrong-type /spec_version"},
		{"30 February", strings.ReplaceAll(domainObject(""), "2025-01-31", "2025-02-30"), "invalid-timestamp /created, invalid-timestamp /modified"},
		{"29 February of 1900", strings.ReplaceAll(domainObject(""), "2025-01-31", "1900-02-29"), "invalid-timestamp /created, invalid-timestamp /modified"},
		{"a time of too many digits", strings.Replace(domainObject(""), "\"modified\":\"2025-01-31T12:00:00.000Z", "\"modified\":\"2025-01-31T12:00:00."+strings.Repeat("1", 50)+"Z", 1), "invalid-timestamp /modified"},
		{"times to the second", strings.ReplaceAll(domainObject(""), ".000Z", "Z"), "invalid-timestamp /created, invalid-timestamp /modified"},
		{"a time zone", strings.Replace(domainObject(""), ".000Z", ".000+08:00", 1), "invalid-timestamp /created"},
		{"modified before created", strings.Replace(domainObject(""), ".000Z", ".0001Z", 1), "time-order /modified"},
		{"revoked in words", domainObject(`,"revoked":"false"`), "wrong-type /revoked"},
		{"a marking without created", `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--` + testUUID + `","definition_type":"statement","definition":{"statement":"s"}}`, "missing-property /created"},
		{"an unknown type with created only", `{"type":"x-foo","id":"x-foo--` + testUUID + `","created":"2025-01-31T12:00:00.000Z"}`, "missing-property /spec_version, missing-property /modified"},
	})
}

func TestSplitRefusesWrongReferences(t *testing.T) {
	upper := strings.ToUpper(testUUID)
	checkRefused(t, []refusal{
		{"a created_by_ref that is no identifier", domainObject(`,"created_by_ref":"me"`), "invalid-reference /created_by_ref"},
		{"a created_by_ref that is a list", domainObject(`,"created_by_ref":[5]`), "wrong-type /created_by_ref"},
		{"no markings in the list of them", domainObject(`,"object_marking_refs":[]`), "invalid-marking-ref /object_marking_refs"},
		{"markings that are no list", domainObject(`,"object_marking_refs":"marking-definition--` + testUUID + `"`), "wrong-type /object_marking_refs"},
		{"markings that are no markings", domainObject(`,"object_marking_refs":["identity--` + testUUID + `",7,"TLP:RED"]`),
			"invalid-marking-ref /object_marking_refs/0, invalid-marking-ref /object_marking_refs/1, invalid-marking-ref /object_marking_refs/2"},
		{"granular markings that are no list", domainObject(`,"granular_markings":{"x":1}`), "wrong-type /granular_markings"},
		{"a granular marking that is no object", domainObject(`,"granular_markings":["x"]`), "wrong-type /granular_markings/0"},
		{"a granular marking of no marking", domainObject(`,"granular_markings":[{"marking_ref":"red","selectors":["name"]}]`), "invalid-marking-ref /granular_markings/0/marking_ref"},
		{"a created_by_ref in upper case", domainObject(`,"created_by_ref":"identity--` + upper + `"`), "invalid-reference /created_by_ref"},
		{"one letter in upper case", domainObject(`,"created_by_ref":"identity--` + strings.Replace(testUUID, "f", "F", 1) + `"`), "invalid-reference /created_by_ref"},
		{"upper case written with an escape", domainObject(`,"created_by_ref":"identity--` + strings.Replace(testUUID, "f", `\u0046`, 1) + `"`), "invalid-reference /created_by_ref"},
		{"markings in upper case", domainObject(`,"object_marking_refs":["marking-definition--` + upper + `"],"granular_markings":[{"selectors":["name"],"marking_ref":"marking-definition--` + upper + `"}]`),
			"invalid-marking-ref /object_marking_refs/0, invalid-marking-ref /granular_markings/0/marking_ref"},
		{"references deep inside in upper case", domainObject(`,"x_a":[{"b_ref":"url--` + upper + `","c_refs":[7,"url--` + testUUID + `","url--` + upper + `"]}]`),
			"invalid-reference /x_a/0/b_ref, invalid-reference /x_a/0/c_refs/2"},
		{"an extension in upper case", domainObject(`,"extensions":{"extension-definition--` + upper + `":{"extension_type":"property-extension"}}`), "invalid-reference /extensions/extension-definition--" + upper},
	})
}

// refusal is an object and the findings it is refused with.
type refusal struct{ name, object, want string }

// checkRefused splits each object alone and between two sound ones.
func checkRefused(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			sound := domainObject("")
			payload := inBundle(sound, c.object, sound)
			objects, err := Split([]byte(payload), Limits{})
			if err != nil || len(objects) != 3 {
				t.Fatalf("%d objects, %v", len(objects), err)
			}
			if len(objects[0].Findings) > 0 || len(objects[2].Findings) > 0 {
				t.Errorf("its neighbours are refused too: %v %v", objects[0].Findings, objects[2].Findings)
			}
			want := "/objects/1"
			got := strings.ReplaceAll(strings.Join(codes(objects[1].Findings), ", "), want, "")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if string(objects[1].Raw) != c.object {
				t.Error("its bytes changed")
			}
			lone, err := Split([]byte(c.object), Limits{})
			if strings.HasPrefix(c.object, `{"type":"bundle"`) || c.object[0] != '{' {
				return
			}
			if err != nil || strings.Join(codes(lone[0].Findings), ", ") != c.want {
				t.Errorf("alone: %v %v", codes(lone[0].Findings), err)
			}
		})
	}
}

// members returns n members m0, m1 and so on.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m_%d":%d`, i, i)
	}
	return b.String()
}

func TestSplitTakesWhatTheSpecificationAllows(t *testing.T) {
	for name, object := range map[string]string{
		"an object":                         domainObject(""),
		"an observable with only its name":  `{"type":"mutex","id":"mutex--` + testUUID + `","name":"m"}`,
		"an observable of a new type":       `{"type":"x-foo","id":"x-foo--` + testUUID + `"}`,
		"an object of a new type":           strings.ReplaceAll(domainObject(""), "campaign", "x-foo"),
		"a new observable that has created": `{"type":"x-foo","id":"x-foo--` + testUUID + `","created":"2025-01-31T12:00:00.000Z","extensions":{"extension-definition--` + testUUID + `":{"extension_type":"new-sco"}}}`,
		"a marking without modified":        `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--` + testUUID + `","created":"2025-01-31T12:00:00.000Z","definition_type":"statement","definition":{"statement":"s"}}`,
		"a leap day and a leap second":      strings.ReplaceAll(domainObject(""), "2025-01-31T12:00:00.000Z", "2016-02-29T23:59:60.000000001Z"),
		"the largest numbers":               domainObject(`,"x_a":[9007199254740991,-9007199254740991,1.7976931348623157e308,1e-999,-0,0.5E+2]`),
		"64 levels":                         domainObject(`,"x_a":` + strings.Repeat("[", 63) + strings.Repeat("]", 63)),
		"a pair of surrogates":              domainObject(`,"x_a":"\ud83d\ude00 \u00e9 é 日本 \\ \" \/ \b\f\n\r\t"`),
		"space wherever it may be":          " \t\r\n{ \"type\" : \"mutex\" ,\n\"id\" : \"mutex--" + testUUID + "\" , \"name\" : \"m\" , \"x_a\" : [ 1 , { } , [ ] ] } \n",
		"no modified later to the digit":    strings.Replace(domainObject(""), ".000Z", ".0000Z", 1),
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := Split([]byte(object), Limits{})
			if err != nil || len(objects) != 1 {
				t.Fatalf("%d objects, %v", len(objects), err)
			}
			if o := &objects[0]; len(codes(o.Findings)) > 0 || o.Pointer != "" || string(o.Raw) != strings.TrimSpace(object) {
				t.Errorf("%+v", o.Findings)
			}
		})
	}
}

func TestSplitRefusesThePayload(t *testing.T) {
	sound := domainObject("")
	for _, c := range []struct{ name, payload, want string }{
		{"nothing", "", "malformed-json "},
		{"space", " \n", "malformed-json "},
		{"a list of objects", "[" + sound + "]", "not-an-object "},
		{"a string", `"bundle"`, "not-an-object "},
		{"no JSON", "hello", "malformed-json "},
		{"a byte order mark", "\uFEFF" + sound, "malformed-json "},
		{"an object cut short", sound[:50], "malformed-json "},
		{"a bundle cut short", inBundle(sound)[:100], "malformed-json "},
		{"a bundle without its last brace", strings.TrimSuffix(inBundle(sound), "}"), "malformed-json "},
		{"a comma too many", inBundle(sound, ""), "malformed-json "},
		{"a comma too few", strings.Replace(inBundle(sound, sound), "},{", "}{", 1), "malformed-json "},
		{"a raw line break in a string", domainObject(",\"x_a\":\"\n\""), "malformed-json "},
		{"a leading zero", domainObject(`,"x_a":01`), "malformed-json "},
		{"a number with no digits after the point", domainObject(`,"x_a":1.`), "malformed-json "},
		{"NaN", domainObject(`,"x_a":NaN`), "malformed-json "},
		{"a wrong escape", domainObject(`,"x_a":"\x"`), "malformed-json "},
		{"a wrong bracket", domainObject(`,"x_a":[1}`), "malformed-json "},
		{"two objects", sound + "\n" + sound, "malformed-json "},
		{"a bundle and more", inBundle(sound) + "x", "malformed-json "},
		{"a bundle without objects", `{"type":"bundle","id":"` + testBundle + `"}`, "missing-property /objects"},
		{"a bundle whose objects are an object", `{"type":"bundle","objects":{}}`, "wrong-type /objects"},
		{"a bundle with two lists", `{"type":"bundle","objects":[],"objects":[]}`, "duplicate-key /objects"},
		{"a bundle with two ids", `{"type":"bundle","id":"a","id":"b","objects":[]}`, "duplicate-key /id"},
		{"a bundle with a bad string", "{\"type\":\"bundle\",\"x_a\":[\"\xff\"],\"objects\":[]}", "invalid-utf8 /x_a/0"},
		{"a bundle with a thousand properties", `{"type":"bundle"` + members(1001) + `,"objects":[]}`, "object-too-large "},
		{"too many objects", inBundle(strings.Split(strings.Repeat(" {}", 11)[1:], " ")...), "too-many-objects /objects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Split([]byte(c.payload), Limits{Objects: 10})
			var f *Finding
			if !errors.As(err, &f) {
				t.Fatalf("want a finding, got %v", err)
			}
			if got := f.Code + " " + f.Path; got != c.want || f.Message == "" {
				t.Errorf("got %s (%s), want %s", got, f.Message, c.want)
			}
		})
	}
	if _, err := Split(make([]byte, 101), Limits{PayloadBytes: 100}); err == nil || err.(*Finding).Code != "payload-too-large" {
		t.Errorf("101 bytes over a limit of 100: %v", err)
	}
}

func TestSplitRefusesOnlyTheObjectThatIsTooLarge(t *testing.T) {
	large := domainObject(`,"x_a":"` + strings.Repeat("x", 1000) + `","b":[` + strings.Repeat("0,", 1000) + `0],"b":1`)
	objects, err := Split([]byte(inBundle(domainObject(""), large, domainObject(""))), Limits{ObjectBytes: 500})
	if err != nil || len(objects) != 3 || len(objects[0].Findings) > 0 || len(objects[2].Findings) > 0 {
		t.Fatal(err, objects)
	}
	o := &objects[1]
	if got := codes(o.Findings); len(got) != 1 || got[0] != "object-too-large /objects/1" || string(o.Raw) != large {
		t.Errorf("%v", got)
	}
	if o.ID != "campaign--"+testUUID {
		t.Errorf("its id is read as %q", o.ID)
	}
}

func TestSplitReadsWhatRoutingNeeds(t *testing.T) {
	object := domainObject(`,"created_by_ref":"identity--` + testUUID + `","revoked":true,` +
		`"object_marking_refs":["marking-definition--` + testUUID + `"],` +
		`"granular_markings":[{"lang":"en","selectors":["name"]},{"marking_ref":"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9","selectors":["name"]}],` +
		`"x_deep":[{"host_ref":"\u0069pv4-addr--` + testUUID + `","host_refs":["url--` + testUUID + `","not-an-id",5]}],` +
		`"extensions":{"extension-definition--` + testUUID + `":{"extension_type":"property-extension","a_ref":"identity--` + testUUID + `"},"x-other-ext":{"abc":1}}`)
	objects, err := Split([]byte(`{"objects":[`+object+`],"more":false}`), Limits{})
	if err != nil || len(codes(objects[0].Findings)) > 0 {
		t.Fatal(err, codes(objects[0].Findings))
	}
	o := &objects[0]
	if !o.Revoked || o.CreatedByRef != "identity--"+testUUID || o.Pointer != "/objects/0" || o.SpecVersion != "2.1" {
		t.Errorf("%+v", o)
	}
	wantMarks := []MarkingRef{
		{"marking-definition--" + testUUID, "/objects/0/object_marking_refs/0"},
		{"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "/objects/0/granular_markings/1/marking_ref"},
	}
	if fmt.Sprint(o.MarkingRefs) != fmt.Sprint(wantMarks) {
		t.Errorf("marking refs %v", o.MarkingRefs)
	}
	wantRefs := []string{"identity--" + testUUID, "marking-definition--" + testUUID,
		"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "ipv4-addr--" + testUUID,
		"url--" + testUUID, "extension-definition--" + testUUID}
	if fmt.Sprint(o.Refs) != fmt.Sprint(wantRefs) {
		t.Errorf("refs %v", o.Refs)
	}
	if o.Version() != "2025-01-31T12:00:00.000Z" {
		t.Errorf("version %q", o.Version())
	}
}

func TestSplitFindingsAreBounded(t *testing.T) {
	name := strings.Repeat("n", 10_000)
	object := domainObject(`,"object_marking_refs":[` + strings.Repeat("5,", 100_000) + `5],"` + name + `":{"a":1,"a":2}`)
	objects, err := Split([]byte(object), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	fs := objects[0].Findings
	if len(fs) != maxFindings || fs[0].Code != "duplicate-key" || fs[0].Path != "" {
		t.Errorf("%d findings, the first %+v", len(fs), fs[0])
	}
}

func TestSplitSurvivesHostileShapes(t *testing.T) {
	wide := Limits{PayloadBytes: 16 << 20, ObjectBytes: 16 << 20}
	for name, payload := range map[string]string{
		"a million names":           "{" + strings.TrimPrefix(members(1_000_000), ",") + "}",
		"a million times one name":  `{"a":0` + strings.Repeat(`,"a":0`, 1_000_000) + `}`,
		"eight million brackets":    strings.Repeat("[", 8<<20),
		"a million nested objects":  strings.Repeat(`{"a":`, 1_000_000) + "0" + strings.Repeat("}", 1_000_000),
		"a million tiny objects":    inBundle(strings.Repeat("{},", 1_000_000) + "{}"),
		"eight megabytes of string": `{"type":"` + strings.Repeat("x", 8<<20) + `"}`,
		"a million escapes":         `{"type":"` + strings.Repeat(`\u0041`, 1_000_000) + `"}`,
		"a number of a megabyte":    `{"a":` + strings.Repeat("9", 1<<20) + `e1}`,
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := Split([]byte(payload), wide)
			if err == nil && len(objects[0].Findings) == 0 {
				t.Error("it passes")
			}
		})
	}
}

func TestBundleOverheadIsWhatABundleAdds(t *testing.T) {
	raw := []byte(domainObject(""))
	if got := len(AppendBundle(nil, testBundle, raw)) - len(raw); got != BundleOverhead() {
		t.Errorf("a bundle of one adds %d bytes, want %d", got, BundleOverhead())
	}
	if got := AppendBundle([]byte("x"), testBundle, raw, raw); string(got) != "x"+inBundle(domainObject(""), domainObject("")) {
		t.Errorf("%s", got)
	}
	if bytes.Contains(raw, []byte("bundle")) {
		t.Error("the object was written to")
	}
}
