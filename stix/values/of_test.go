package values

import (
	"errors"
	"strings"
	"testing"
)

func valuesText(values []Value) string {
	var all []string
	for _, v := range values {
		all = append(all, strings.Join(strings.Fields(v.Kind.String()+" "+v.Algorithm+" "+v.Canonical+" at "+v.Path+" "+v.Operator), " "))
	}
	return strings.Join(all, ", ")
}

func TestOfGivesAllValuesOfAnObject(t *testing.T) {
	for _, c := range []struct{ typ, raw, want string }{
		{"indicator", `{"pattern":"[ipv4-addr:value NOT IN ('198.51.100.1', 'x') OR file:size > 5]","pattern_type":"stix"}`,
			"ipv4-address 198.51.100.1 at ipv4-addr:value NOT IN, other x at ipv4-addr:value NOT IN, other 5 at file:size >"},
		{"indicator", `{"pattern":"[EXISTS file:size]","pattern_type":"stix"}`, ""},
		{"file", `{"name":"a.exe","hashes":{"SHA-256":"x","MD5":"D41D8CD98F00B204E9800998ECF8427E"}}`,
			"file-hash MD5 d41d8cd98f00b204e9800998ecf8427e at file:hashes.MD5, other x at file:hashes.'SHA-256', file-name a.exe at file:name"},
		{"autonomous-system", `{"number":64496}`, "as-number 64496 at autonomous-system:number"},
		{"observed-data", `{"objects":{"1":{"type":"url","value":"http://a.example/"},"0":{"type":"file","name":"a"},"2":{"type":"network-traffic"}}}`,
			"file-name a at file:name, url http://a.example/ at url:value"},
		{"observed-data", `{"object_refs":["file--9a1f834d-2506-5367-baec-7aa63996ac43"]}`, ""},
		{"malware", `{"name":"a"}`, ""},
		{"malware", `broken`, ""},
	} {
		values, err := Of(c.typ, []byte(c.raw))
		if got := valuesText(values); err != nil || got != c.want {
			t.Errorf("%s has %s: %v", c.raw, got, err)
		}
	}
}

func TestOfSaysWhereWhatCannotBeReadIs(t *testing.T) {
	long := strings.Repeat("a", 1000)
	for _, c := range []struct{ typ, raw, want string }{
		{"indicator", `{"pattern":"[ipv4-addr:value","pattern_type":"stix"}`, "/pattern: "},
		{"indicator", `{"pattern":"[ipv4-addr:value = 'a']"}`, "/pattern_type: "},
		{"indicator", `{"pattern":5,"pattern_type":"stix"}`, "reading the indicator: "},
		{"file", `{"name":{}}`, "/name: "},
		{"file", `{"hashes":[]}`, "/hashes: "},
		{"file", `[]`, "reading the observable: "},
		{"observed-data", `{"objects":[]}`, "reading the observed data: "},
		{"observed-data", `{"objects":{"a/b":{"type":"file","name":[]}}}`, "/objects/a~1b: /name: "},
		{"observed-data", `{"objects":{"` + long + `":{"type":"file","name":[]}}}`, "/objects: /name: "},
	} {
		if _, err := Of(c.typ, []byte(c.raw)); err == nil || !strings.HasPrefix(err.Error(), c.want) || errors.Is(err, ErrOtherLanguage) {
			t.Errorf("%.80s: the error is %v, want %s", c.raw, err, c.want)
		}
	}
	if _, err := Of("indicator", []byte(`{"pattern":"alert","pattern_type":"snort"}`)); !errors.Is(err, ErrOtherLanguage) {
		t.Errorf("of another language the error is %v", err)
	}
}
