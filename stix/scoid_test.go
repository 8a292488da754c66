package stix

import (
	"bufio"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestDeterministicIdentifiersOfObservables(t *testing.T) {
	const md5, sha1 = `"MD5":"66e2ea40dc71d5ba701574ea215a81f1"`, `"SHA-1":"f4d5cf1f5c2d9a1a1a5e3d2b2a1f5e9b7c6d8e0f"`
	name := func(canonical string) string { return uuid.NewSHA1(scoNamespace, []byte(canonical)).String() }
	for _, c := range []struct {
		name, object, typ, canonical string
	}{
		{"one property", `{"type":"ipv4-addr","value":"198.51.100.3"}`, "ipv4-addr", `{"value":"198.51.100.3"}`},
		{"the id the object has is not looked at", `{"type":"ipv4-addr","id":1,"value":"198.51.100.3"}`, "ipv4-addr", `{"value":"198.51.100.3"}`},
		{"an integer", `{"type":"autonomous-system","number": 15139 }`, "autonomous-system", `{"number":15139}`},
		{"an integer written as a float", `{"type":"autonomous-system","number":1.5139E4}`, "autonomous-system", `{"number":15139}`},
		{"minus nought", `{"type":"autonomous-system","number":-0}`, "autonomous-system", `{"number":0}`},
		{"minus nought with a fraction", `{"type":"autonomous-system","number":-0.0}`, "autonomous-system", `{"number":0}`},
		{"a number that ECMAScript writes with an exponent", `{"type":"autonomous-system","number":1000000000000000000000.0}`, "autonomous-system", `{"number":1e+21}`},
		{"escapes that are not needed", `{"type":"url","value":"https:\/\/example.com\/\u00e9"}`, "url", `{"value":"https://example.com/é"}`},
		{"escapes that are needed", `{"type":"mutex","name":"\u005c\u0022\u000A\u001F"}`, "mutex", `{"name":"\\\"\n\u001f"}`},
		{"text beyond ASCII stays as it is", "{\"type\":\"mutex\",\"name\":\"\u007f\u2028é<&>😀\"}", "mutex", "{\"name\":\"\u007f\u2028é<&>😀\"}"},
		{"members are sorted", `{"type":"software","version":"1","name":"n","vendor":"v","languages":["en"]}`, "software", `{"name":"n","vendor":"v","version":"1"}`},
		{"values are not sorted", `{"type":"network-traffic","protocols":[ "tcp" , "ipv4" ],"src_port":80}`, "network-traffic", `{"protocols":["tcp","ipv4"],"src_port":80}`},
		{"members inside are sorted", `{"type":"file","name":"a","extensions":{"b":1,"a":{"d":[],"c":null}}}`, "file", `{"extensions":{"a":{"c":null,"d":[]},"b":1},"name":"a"}`},
		{"null is as good as absent", `{"type":"file","name":"a","parent_directory_ref":null}`, "file", `{"name":"a"}`},
		{"MD5 goes before all others", `{"type":"file","hashes":{` + sha1 + `,` + md5 + `}}`, "file", `{"hashes":{` + md5 + `}}`},
		{"SHA-1 goes before SHA-256", `{"type":"file","hashes":{"SHA-256":"1",` + sha1 + `}}`, "file", `{"hashes":{` + sha1 + `}}`},
		{"SHA-256 goes before SHA-512", `{"type":"file","hashes":{"SHA-512":"1","SHA-256":"2"}}`, "file", `{"hashes":{"SHA-256":"2"}}`},
		{"SHA-512 goes before all that is not preferred", `{"type":"file","hashes":{"SHA3-256":"1","SHA-512":"2"}}`, "file", `{"hashes":{"SHA-512":"2"}}`},
		{"else the first by name", `{"type":"file","hashes":{"TLSH":"1","SSDEEP":"2","SHA3-512":"3"}}`, "file", `{"hashes":{"SHA3-512":"3"}}`},
		{"a hash under a name of its own", `{"type":"artifact","hashes":{"x\u005f\u0022":"1"}}`, "artifact", `{"hashes":{"x_\"":"1"}}`},
		{"hashes and more", `{"type":"file","name":"a","hashes":{` + md5 + `}}`, "file", `{"hashes":{` + md5 + `},"name":"a"}`},
		{"no hash in hashes", `{"type":"file","name":"a","hashes":{}}`, "file", `{"name":"a"}`},
		{"no hash at all", `{"type":"file","hashes":{"MD5":null}}`, "file", ""},
		{"hashes that are no dictionary", `{"type":"file","hashes":["MD5"]}`, "file", ""},
		{"nothing that contributes", `{"type":"file","size":12}`, "file", ""},
		{"a process", `{"type":"process","pid":12,"command_line":"a","extensions":{}}`, "process", ""},
		{"a type of an extension", `{"type":"x-radio","value":"a","extensions":{"extension-definition--d83fce45-ef58-4c6c-a3f4-1fbc32e98c6e":{"extension_type":"new-sco"}}}`, "x-radio", ""},
		{"space around", " {\"type\" : \"url\",\n\t\"value\" : \"a\" }\r\n", "url", `{"value":"a"}`},
		{"an escaped type", `{"type":"ur\u006c","value":"a"}`, "url", `{"value":"a"}`},
		{"an escaped name", `{"type":"url","valu\u0065":"a"}`, "url", `{"value":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, contributing, err := DeterministicID([]byte(c.object))
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if c.canonical != "" {
				want = c.typ + "--" + name(c.canonical)
			}
			if id != want || contributing != (want != "") {
				t.Errorf("got %q %v, want %q", id, contributing, want)
			}
		})
	}
}

func TestWhatIsNoObservableHasNoDeterministicIdentifier(t *testing.T) {
	for _, c := range []struct{ name, object, code string }{
		{"nothing", "", codeMalformedJSON},
		{"half an object", `{"type":"url"`, codeMalformedJSON},
		{"two objects", `{"type":"url","value":"a"} {}`, codeMalformedJSON},
		{"a list", `[{"type":"url","value":"a"}]`, codeNotAnObject},
		{"no type", `{"value":"a"}`, codeInvalidType},
		{"a type that is no string", `{"type":1,"value":"a"}`, codeInvalidType},
		{"a type of a wrong form", `{"type":"URL","value":"a"}`, codeInvalidType},
		{"a domain object", `{"type":"tool","name":"a"}`, codeInvalidType},
		{"a type unknown, versioned as domain objects are", `{"type":"x-tool","created":"2025-01-31T12:00:00.000Z"}`, codeInvalidType},
		{"a bundle", `{"type":"bundle","objects":[]}`, codeInvalidType},
		{"a repeated name", `{"type":"url","value":"a","value":"b"}`, codeDuplicateKey},
		{"text that is not Unicode", "{\"type\":\"url\",\"value\":\"\xff\"}", codeInvalidUTF8},
		{"half a surrogate pair", `{"type":"url","value":"\ud800"}`, codeInvalidUTF8},
		{"a number out of range", `{"type":"autonomous-system","number":9007199254740992}`, codeNumberRange},
		{"too deep", `{"type":"file","extensions":` + strings.Repeat(`{"a":`, 70) + `1` + strings.Repeat(`}`, 71), codeTooDeep},
		{"too large", `{"type":"url","value":"` + strings.Repeat("a", DefaultLimits.ObjectBytes) + `"}`, codeObjectTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, contributing, err := DeterministicID([]byte(c.object))
			var f *Finding
			if id != "" || contributing || !errors.As(err, &f) || f.Code != c.code {
				t.Errorf("got %q %v %v, want %s", id, contributing, err, c.code)
			}
		})
	}
}

// The table is held against the document it was taken from.
func TestContributingPropertiesAreThoseOfTheSpecification(t *testing.T) {
	b, err := os.ReadFile(shared(t, "stix", "properties.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tables map[string]struct {
		Groups     map[string][]string
		Properties map[string]struct{ Description string }
	}
	if err := json.Unmarshal(b, &tables); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for title, table := range tables {
		listed, ok := table.Groups["ID Contributing Properties"]
		if !ok {
			continue
		}
		typ := scoTypeOfTable(t, title)
		names := []string{}
		for _, l := range listed {
			// The last name of a list has the sentence on hashes behind it.
			if name, _, _ := strings.Cut(l, " "); table.Properties[name].Description != "" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		got[typ] = names
	}
	if d := cmp.Diff(got, scoContributors); d != "" {
		t.Errorf("the specification (-) and the table (+): %s", d)
	}
}

// scoTypeOfTable finds the type whose properties the table with this title holds:
// "6. .../ 6.8 IPv4 Address Object / 6.8.1 Properties" is the eighth.
func scoTypeOfTable(t *testing.T, title string) string {
	t.Helper()
	inOrder := []string{"artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file",
		"ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account",
		"windows-registry-key", "x509-certificate"}
	_, rest, _ := strings.Cut(title, " / 6.")
	number, _, _ := strings.Cut(rest, " ")
	var k int
	if err := json.Unmarshal([]byte(number), &k); err != nil || k < 1 || k > len(inOrder) {
		t.Fatalf("%s: not a section of a cyber-observable", title)
	}
	return inOrder[k-1]
}

func TestDeterministicIdentifierCases(t *testing.T) {
	for _, file := range []string{"sco_ids.jsonl", "sco_ids_spec.jsonl"} {
		f, err := os.Open(shared(t, "cases", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		n, stale := 0, 0
		for ; lines.Scan(); n++ {
			var c struct {
				Name, Expect string
				ExpectID     string `json:"expect_id"`
				DeclaredID   string `json:"declared_id"`
				Object       json.RawMessage
			}
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatal(err)
			}
			id, contributing, err := DeterministicID(c.Object)
			if err != nil || id != c.ExpectID || contributing != (c.Expect != "uuidv4") {
				t.Errorf("%s: got %q %v %v, want %q", c.Name, id, contributing, err, c.ExpectID)
			}
			switch same := id == c.DeclaredID; {
			case c.Expect == "stale":
				stale++
				fallthrough
			case c.Expect == "valid":
				if same != (c.Expect == "valid") {
					t.Errorf("%s is %s, which the specification prints as %s", c.Name, id, c.DeclaredID)
				}
			}
		}
		if err := lines.Err(); err != nil || n == 0 {
			t.Fatalf("%s: %d cases, %v", file, n, err)
		}
		t.Logf("%s: %d cases, %d of them printed with another identifier", file, n, stale)
	}
}

// corpusOtherIDs is how many cyber-observables of each source bear a UUIDv5
// that is not the one of their properties. All are examples of the
// specification, or taken from it, that kept the identifier of an earlier draft
// (oasis-tcs/cti-stix2#318):
//   - misp-stix: domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5 is there for
//     "example.com", for instance, which the specification has by now under
//     domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7, as computed;
//   - oasis-spec-2.1: 7 network-traffic, an email-message and a file bear what
//     is computed with the references of the draft, such as to that domain-name;
//     12 more (4 network-traffic, 3 ipv4-addr, 2 domain-name, an email-addr, an
//     email-message and a file) come of no choice of their properties, such as
//     ipv4-addr--2ccfc50f-b0f0-5e06-ba9b-2aa51e23af61, which has but a value.
var corpusOtherIDs = map[string]int{"misp-stix": 21, "oasis-spec-2.1": 21}

func TestCorpusIdentifiersOfObservables(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in the corpus: %v", err)
	}
	same, other := map[string]int{}, map[string]int{}
	for _, file := range files {
		source := filepath.Base(filepath.Dir(file))
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := Split(payload, largeLimits)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range objects {
			o := &objects[i]
			_, u, ok := splitID([]byte(o.ID))
			if _, isSCO := scoContributors[o.Type]; !isSCO || !ok || u[14] != '5' {
				continue
			}
			id, _, err := DeterministicID(o.Raw)
			if err != nil {
				t.Errorf("%s: %s: %v", file, o.ID, err)
			}
			if id == o.ID {
				same[source]++
			} else {
				other[source]++
			}
		}
	}
	for _, source := range slices.Sorted(maps.Keys(same)) {
		t.Logf("%-18s %3d of %3d have the identifier that is computed", source, same[source], same[source]+other[source])
	}
	if d := cmp.Diff(corpusOtherIDs, other); d != "" {
		t.Errorf("UUIDv5 that are not those computed (- want, + got): %s", d)
	}
}

func TestIdentifierOfOnePlainPropertyAllocatesNothing(t *testing.T) {
	s := newScanner([]byte(scoIPv4), DefaultLimits)
	defer s.release()
	s.value(0)
	if n := testing.AllocsPerRun(100, func() { s.scoUUID("ipv4-addr") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

const scoIPv4 = `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4","value":"198.51.100.3"}`

func BenchmarkIdentifierOfObservable(b *testing.B) {
	for _, c := range []struct{ name, object string }{
		{"ipv4-addr", scoIPv4},
		{"file", `{"type":"file","spec_version":"2.1","id":"file--7cdc1fbe-5cfd-5e09-8e87-648a1cf1080c","name":"qwerty.dll","size":25536,"hashes":{"SHA-256":"ceafbfd424be2ca4a5f0402cae090dda2fb0526cf521b60b60077c0f622b285a"}}`},
		{"network-traffic", `{"type":"network-traffic","spec_version":"2.1","id":"network-traffic--4b5892a5-540f-5847-9bfe-ff8f2d9621ae","src_ref":"ipv4-addr--6d39dd0b-1f74-5faf-8d76-d8762c2a57cb","dst_ref":"ipv4-addr--29a591d9-533a-5ecd-a5a1-cadee4411e88","src_port":2487,"protocols":["ipv4","tcp"]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newScanner([]byte(c.object), DefaultLimits)
			defer s.release()
			s.value(0)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.scoUUID(c.name); !ok {
					b.Fatal("no identifier")
				}
			}
		})
	}
}
