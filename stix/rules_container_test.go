package stix

import (
	"strings"
	"testing"
)

// The deprecated container of cyber-observables, STIX 2.1 §2.13, §4.14, and the
// bundle, §8.
//
// That the objects of a container are all related to each other (§4.14.1) is not
// looked at.

// contained is observed-data with this container.
func contained(container string) string { return `-object_refs "objects":` + container }

const mac = `{"type":"mac-addr","value":"00:00:5e:00:53:01"}`

// containerRules expect, after what they want, that the container is deprecated.
var containerRules = []ruleCase{
	{"an observable", "observed-data", contained(`{"0":{"type":"mutex","name":"m"}}`), ""},
	{"an observable with an identifier", "observed-data", contained(`{"0":{"type":"mutex","id":` + refOf("mutex") + `,"name":"m"}}`), ""},
	{"an observable that refers to another by its key", "observed-data", contained(`{"0":{"type":"ipv4-addr","value":"198.51.100.1","resolves_to_refs":["1"]},"1":` + mac + `}`), ""},
	{"a process by its parent", "observed-data", contained(`{"0":{"type":"process","pid":1,"child_refs":["1"]},"1":{"type":"process","parent_ref":"0"}}`), ""},
	{"a reference to what is not there", "observed-data", contained(`{"0":{"type":"ipv4-addr","value":"198.51.100.1","resolves_to_refs":["1"]}}`), "invalid-reference /objects/0/resolves_to_refs/0, "},
	{"a reference to another type", "observed-data", contained(`{"0":{"type":"ipv4-addr","value":"198.51.100.1","resolves_to_refs":["0"]}}`), "wrong-target /objects/0/resolves_to_refs/0, "},
	{"a reference that is a number", "observed-data", contained(`{"0":{"type":"ipv4-addr","value":"198.51.100.1","resolves_to_refs":[1]},"1":` + mac + `}`), "wrong-type /objects/0/resolves_to_refs/0, "},
	{"an observable that breaks its rules", "observed-data", contained(`{"0":{"type":"mac-addr","value":"00-00"},"1":{"type":"file","size":-1}}`),
		"invalid-value /objects/0/value, out-of-range /objects/1/size, missing-property /objects/1/hashes, "},
	{"an observable without a type", "observed-data", contained(`{"0":{"value":"00:00:5e:00:53:01"}}`), "missing-property /objects/0/type, "},
	{"an observable whose type is a number", "observed-data", contained(`{"0":{"type":1}}`), "wrong-type /objects/0/type, "},
	{"a domain object", "observed-data", contained(`{"0":{"type":"campaign","name":"n"}}`), "invalid-type /objects/0/type, "},
	{"a text", "observed-data", contained(`{"0":"mutex"}`), "wrong-type /objects/0, "},
	{"an observable of an unknown type", "observed-data", contained(`{"0":{"type":"x-thing","any_a":1}}`), ""},
	{"an observable of an unknown type with a property in camel case", "observed-data", contained(`{"0":{"type":"x-thing","anyA":1}}`), "property-name /objects/0/anyA, "},
	{"nothing", "observed-data", contained(`{}`), "empty-value /objects, "},
	{"a list", "observed-data", contained(`[` + mac + `]`), "wrong-type /objects, "},
	{"a predefined extension", "observed-data", contained(`{"0":{"type":"file","name":"n","extensions":{"pdf-ext":{"version":"1.7"}}}}`), ""},
	{"a predefined extension of another type", "observed-data", contained(`{"0":{"type":"mutex","name":"n","extensions":{"pdf-ext":{"version":"1.7"}}}}`), "invalid-extension /objects/0/extensions/pdf-ext, "},
	{"a local reference in an extension", "observed-data", contained(`{"0":{"type":"file","name":"n","extensions":{"archive-ext":{"contains_refs":["0"]}}}}`), ""},
	{"a local reference outside of the container", "observed-data", contained(`{"0":`+mac+`}`) + `,"created_by_ref":"0"`, "invalid-reference /created_by_ref, "},
}

func TestTheContainerOfObservablesIsHeldToItsRules(t *testing.T) {
	cases := make([]ruleCase, len(containerRules))
	for i, c := range containerRules {
		c.want += "?deprecated /objects"
		cases[i] = c
	}
	checkRules(t, append(cases,
		ruleCase{"a key in words", "observed-data", contained(`{"mac":` + mac + `}`), "?deprecated /objects, ?word-form /objects/mac"},
	))
}

func TestABundleIsHeldToItsRules(t *testing.T) {
	const id = `"id":"` + testBundle + `"`
	for _, c := range []struct{ name, bundle, want string }{
		{"a bundle", `{"type":"bundle",` + id + `,"objects":[{}]}`, ""},
		{"a bundle in another order", " \n" + `{"objects":[{}],` + id + `,"type":"bundle"}`, ""},
		{"a bundle without objects", `{"type":"bundle",` + id + `}`, ""},
		{"a bundle without an id", `{"type":"bundle","objects":[{}]}`, "missing-property /id"},
		{"a bundle with the id of another type", `{"type":"bundle","id":` + refOf("campaign") + `,"objects":[{}]}`, "invalid-id /id"},
		{"a bundle whose id is no UUID", `{"type":"bundle","id":"bundle--1","objects":[{}]}`, "invalid-id /id"},
		{"a bundle whose id is in upper case", `{"type":"bundle","id":"bundle--` + strings.ToUpper(testUUID) + `","objects":[{}]}`, "invalid-id /id"},
		{"a bundle whose id is a number", `{"type":"bundle","id":5,"objects":[{}]}`, "wrong-type /id"},
		{"a bundle of STIX 2.0", `{"type":"bundle",` + id + `,"spec_version":"2.0","objects":[{}]}`, "?custom-property /spec_version"},
		{"a bundle with a property of its own", `{"type":"bundle",` + id + `,"x_a":{"b":1},"objects":[{}]}`, "?custom-property /x_a"},
		{"a bundle with a property in camel case", `{"type":"bundle",` + id + `,"xA":1,"objects":[{}]}`, "property-name /xA"},
		{"an envelope", `{"objects":[{}],"more":false}`, ""},
		{"an object", domainObject(""), ""},
		{"a list", `[]`, ""},
		{"no JSON", `{"type":"bundle"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := told(CheckBundle([]byte(c.bundle))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestABundleIsNoObjectOfABundle(t *testing.T) {
	objects, err := Split([]byte(inBundle(inBundle(domainObject("")))), Limits{})
	if err != nil || told(objects[0].Findings) != "invalid-type /objects/0/type" {
		t.Errorf("%v %s", err, told(objects[0].Findings))
	}
}
