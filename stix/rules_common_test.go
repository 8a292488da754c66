package stix

import (
	"strings"
	"testing"
)

// Sections 2, 3, 10.7 of STIX 2.1: the common data types and what all objects
// have in common.
//
// These sentences cannot be held against the bytes of one object:
//   - §2.1, §2.8, §3.1, §11.1: a custom property with a binary value, a
//     hexadecimal one or references ends in _bin, _hex, _ref or _refs: what its
//     value is meant to be is not written anywhere;
//   - §2.9: no UUID under two types is for Together; that a producer does not use
//     the namespace of observables for other objects would have to be guessed
//     from a hash;
//   - §2.11: the kill_chain_name is the name of that kill chain: there is no list;
//   - §3.1: words in a name are parted by underscores: what is a word is not known;
//   - §3.2, §3.5, §3.6: what a new version may change, who may make it, and that
//     revoking is for good, are for Lineage;
//   - §3.2 labels not used where there is a property of its own, and the mapping of
//     confidence to other scales: a matter of meaning;
//   - §3.6: created equals modified in the first version: which one is the first
//     is not known from the object.

var dataTypeRules = []ruleCase{
	// §2.1
	{"base64 with padding", "artifact", `"payload_bin":"aGVsbG8="`, ""},
	{"base64 without padding", "artifact", `"payload_bin":"aGVsbG8"`, "invalid-value /payload_bin"},
	{"base64 for URLs", "artifact", `"payload_bin":"_-__"`, "invalid-value /payload_bin"},
	{"base64 in lines", "artifact", `"payload_bin":"aGVs\nbG8="`, "invalid-value /payload_bin"},
	{"base64 with bits to spare", "artifact", `"payload_bin":"aGVsbG9="`, "invalid-value /payload_bin"},
	{"base64 that is a number", "artifact", `"payload_bin":5`, "wrong-type /payload_bin"},
	// §2.2
	{"true", "campaign", `"revoked":true`, ""},
	{"a boolean in words", "campaign", `"revoked":"true"`, "wrong-type /revoked"},
	{"a boolean as a number", "file", `"defanged":1`, "wrong-type /defanged"},
	// §2.3
	{"keys in upper case, hyphens and underscores", "process", `"environment_variables":{"A-b_9":"v"}`, ""},
	{"a key with a dot", "process", `"environment_variables":{"a.b":"v"}`, "dictionary-key /environment_variables/a.b"},
	{"a key that is not ASCII", "process", `"environment_variables":{"é":"v"}`, "dictionary-key /environment_variables/é"},
	{"a key of nothing", "process", `"environment_variables":{"":"v"}`, "dictionary-key /environment_variables/"},
	{"a key of 250 characters", "process", `"environment_variables":{"` + strings.Repeat("k", 250) + `":"v"}`, ""},
	{"a key of 251 characters", "process", `"environment_variables":{"` + strings.Repeat("k", 251) + `":"v"}`, "dictionary-key /environment_variables"},
	{"a key twice", "process", `"environment_variables":{"k":"v","\u006b":"w"}`, "duplicate-key /environment_variables/k"},
	{"an empty dictionary", "process", `"environment_variables":{}`, "empty-value /environment_variables"},
	{"an empty dictionary where one is required", "language-content", `"contents":{}`, "empty-value /contents"},
	{"a dictionary that is a list", "process", `"environment_variables":["a"]`, "wrong-type /environment_variables"},
	{"a key with a dot inside of a custom property", "campaign", `"x_a":[{"b c":1}]`, "dictionary-key /x_a/0/b c, ?custom-property /x_a"},
	{"a key in upper case inside of a custom property", "campaign", `"x_a":{"B":1}`, "?custom-property /x_a, ?dictionary-key /x_a/B"},
	// §2.4
	{"a value of an enumeration", "opinion", `"opinion":"strongly-agree"`, ""},
	{"a value of one's own in an enumeration", "opinion", `"opinion":"maybe"`, "vocabulary /opinion"},
	{"a value of an enumeration in upper case", "opinion", `"opinion":"Agree"`, "vocabulary /opinion"},
	{"an enumeration that is a number", "opinion", `"opinion":5`, "wrong-type /opinion"},
	// §2.5
	{"a reference with a description only", "campaign", `"external_references":[{"source_name":"s","description":"d"}]`, ""},
	{"a reference with a url only", "campaign", `"external_references":[{"source_name":"s","url":"https://example.com"}]`, ""},
	{"a reference with an external_id only", "campaign", `"external_references":[{"source_name":"s","external_id":"1"}]`, ""},
	{"a reference with a name only", "campaign", `"external_references":[{"source_name":"s"}]`, "missing-property /external_references/0/description"},
	{"a reference without a name", "campaign", `"external_references":[{"url":"https://example.com"}]`, "missing-property /external_references/0/source_name"},
	{"a reference to something that is no url", "campaign", `"external_references":[{"source_name":"s","url":"example com"}]`, "invalid-value /external_references/0/url"},
	{"a reference that is a text", "campaign", `"external_references":["s"]`, "wrong-type /external_references/0"},
	{"a reference with a property of its own", "campaign", `"external_references":[{"source_name":"s","external_id":"1","x_a":1}]`, "?custom-property /external_references/0/x_a"},
	{"a reference with a hash of its own kind", "campaign", `"external_references":[{"source_name":"s","external_id":"1","hashes":{"abc":"1"}}]`, "?vocabulary /external_references/0/hashes/abc"},
	// §2.10
	{"the largest integer", "autonomous-system", `"number":9007199254740991`, ""},
	{"an integer one too large", "autonomous-system", `"number":9007199254740992`, "number-range /number"},
	{"an integer one too small", "autonomous-system", `"number":-9007199254740992`, "number-range /number"},
	{"an integer with a fraction of zero", "autonomous-system", `"number":1.0`, ""},
	{"an integer with a fraction", "autonomous-system", `"number":1.5`, "wrong-type /number"},
	{"an integer in words", "autonomous-system", `"number":"64500"`, "wrong-type /number"},
	// §2.11
	{"a phase without its kill chain", "tool", `"kill_chain_phases":[{"phase_name":"p"}]`, "missing-property /kill_chain_phases/0/kill_chain_name"},
	{"a kill chain without its phase", "tool", `"kill_chain_phases":[{"kill_chain_name":"k"}]`, "missing-property /kill_chain_phases/0/phase_name"},
	{"a phase in upper case", "tool", `"kill_chain_phases":[{"kill_chain_name":"k_c","phase_name":"P"}]`, "?word-form /kill_chain_phases/0/kill_chain_name, ?word-form /kill_chain_phases/0/phase_name"},
	// §2.12
	{"an empty list", "campaign", `"aliases":[]`, "empty-value /aliases"},
	{"an empty list where one is required", "report", `"object_refs":[]`, "empty-value /object_refs"},
	{"an empty list inside of a custom property", "campaign", `"x_a":[[]]`, "?empty-value /x_a/0, ?custom-property /x_a"},
	{"a list with a value of another type", "campaign", `"aliases":["a",5]`, "wrong-type /aliases/1"},
	{"a single value for a list", "campaign", `"aliases":"a"`, "wrong-type /aliases"},
	// §2.16
	{"a timestamp with nine digits", "campaign", `"first_seen":"2025-01-31T12:00:00.123456789Z"`, ""},
	{"a timestamp with a point and no digits", "campaign", `"first_seen":"2025-01-31T12:00:00.Z"`, "invalid-timestamp /first_seen"},
	{"a timestamp in another zone", "campaign", `"first_seen":"2025-01-31T12:00:00+00:00"`, "invalid-timestamp /first_seen"},
	{"a timestamp in lower case", "campaign", `"first_seen":"2025-01-31t12:00:00z"`, "invalid-timestamp /first_seen"},
	{"a timestamp on no day of the calendar", "campaign", `"first_seen":"2025-02-29T12:00:00Z"`, "invalid-timestamp /first_seen"},
	{"a timestamp at 24 o'clock", "campaign", `"first_seen":"2025-01-31T24:00:00Z"`, "invalid-timestamp /first_seen"},
	{"a date", "campaign", `"first_seen":"2025-01-31"`, "invalid-timestamp /first_seen"},
	{"a timestamp as a number", "campaign", `"first_seen":1738324800`, "wrong-type /first_seen"},
	// §2
	{"a null", "campaign", `"description":null`, "null /description"},
	{"a null in a list", "campaign", `"aliases":["a",null]`, "null /aliases/1"},
	{"a null deep inside of a custom property", "campaign", `"x_a":{"b":[null]}`, "null /x_a/b/0, ?custom-property /x_a"},
	{"a null for what is required", "campaign", `"name":null`, "null /name"},
}

func TestTheCommonDataTypesAreHeldToTheirForm(t *testing.T) { checkRules(t, dataTypeRules) }

// hashRules are of §2.7 and §10.7; %d in a name is the number of characters.
var hashRules = []ruleCase{
	{"MD5", "file", hashed("MD5", 32), ""},
	{"MD5 in upper case", "file", `"hashes":{"MD5":"79054025255FB1A26E4BC422AEF54EB4"}`, ""},
	{"MD5 that is short", "file", hashed("MD5", 31), "invalid-hash /hashes/MD5"},
	{"MD5 that is no hex", "file", `"hashes":{"MD5":"zz054025255fb1a26e4bc422aef54eb4"}`, "invalid-hash /hashes/MD5"},
	{"SHA-1", "file", hashed("SHA-1", 40), ""},
	{"SHA-1 that is long", "file", hashed("SHA-1", 41), "invalid-hash /hashes/SHA-1"},
	{"SHA-256", "file", hashed("SHA-256", 64), ""},
	{"SHA-256 with the length of SHA-1", "file", hashed("SHA-256", 40), "invalid-hash /hashes/SHA-256"},
	{"SHA-512", "file", hashed("SHA-512", 128), ""},
	{"SHA-512 that is short", "file", hashed("SHA-512", 127), "invalid-hash /hashes/SHA-512"},
	{"SHA3-256", "file", hashed("SHA3-256", 64), ""},
	{"SHA3-256 that is long", "file", hashed("SHA3-256", 65), "invalid-hash /hashes/SHA3-256"},
	{"SHA3-512", "file", hashed("SHA3-512", 128), ""},
	{"SHA3-512 that is short", "file", hashed("SHA3-512", 64), "invalid-hash /hashes/SHA3-512"},
	{"SSDEEP", "file", `"hashes":{"SSDEEP":"96:gS/mFkCpXTWLr/PbKQHbr/S/mFkCpXTWLr/PbKQHbrB:7FTCLPb+FTCLPbz"}`, ""},
	{"SSDEEP without its block size", "file", `"hashes":{"SSDEEP":"gS/mFkCpXTWLr"}`, "invalid-hash /hashes/SSDEEP"},
	{"SSDEEP with a space", "file", `"hashes":{"SSDEEP":"96:gS mF:7F"}`, "invalid-hash /hashes/SSDEEP"},
	{"TLSH", "file", hashed("TLSH", 70), ""},
	{"TLSH with its version", "file", `"hashes":{"TLSH":"T1` + strings.Repeat("0a", 35) + `"}`, ""},
	{"TLSH that is short", "file", hashed("TLSH", 69), "invalid-hash /hashes/TLSH"},
	{"a hash of another name", "file", `"hashes":{"MD6":"anything"}`, "?vocabulary /hashes/MD6"},
	{"a hash whose name is a custom one", "file", `"hashes":{"x_foo":"anything"}`, ""},
	{"a hash whose name has two characters", "file", `"hashes":{"M5":"a"}`, "dictionary-key /hashes/M5"},
	{"a hash whose name has a space", "file", `"hashes":{"SHA 1":"a"}`, "dictionary-key /hashes/SHA 1"},
	{"a hash whose name has 251 characters", "file", `"hashes":{"` + strings.Repeat("h", 251) + `":"a"}`, "dictionary-key /hashes"},
	{"a hash twice", "file", `"hashes":{"x_foo":"a","x_foo":"b"}`, "duplicate-key /hashes/x_foo"},
	{"a hash that is a number", "file", `"hashes":{"MD5":5}`, "wrong-type /hashes/MD5"},
	{"hashes that are a list", "x509-certificate", `"hashes":["a"]`, "wrong-type /hashes"},
	{"no hashes among the hashes", "file", `"hashes":{}`, "empty-value /hashes"},
	// §2.8
	{"hexadecimal digits", "file", `"magic_number_hex":"00ff"`, ""},
	{"an odd number of hexadecimal digits", "file", `"magic_number_hex":"0ff"`, "invalid-value /magic_number_hex"},
	{"no hexadecimal digits", "file", `"magic_number_hex":""`, "invalid-value /magic_number_hex"},
	{"what is not hexadecimal", "file", `"magic_number_hex":"0x0f"`, "invalid-value /magic_number_hex"},
	{"hexadecimal digits in upper case", "file", `"magic_number_hex":"FF"`, "?word-form /magic_number_hex"},
	{"hexadecimal digits as a number", "file", `"magic_number_hex":10`, "wrong-type /magic_number_hex"},
}

func hashed(algorithm string, digits int) string {
	return `"hashes":{"` + algorithm + `":"` + strings.Repeat("a", digits) + `"}`
}

func TestHashesAndHexadecimalsAreHeldToTheirForm(t *testing.T) { checkRules(t, hashRules) }

var commonPropertyRules = []ruleCase{
	// §2.9, §3.1, §3.2
	{"no type", "mutex", `-type `, "missing-property /type"},
	{"no id", "campaign", `-id `, "missing-property /id"},
	{"no spec_version", "campaign", `-spec_version `, "missing-property /spec_version"},
	{"no created", "campaign", `-created `, "missing-property /created"},
	{"no modified", "campaign", `-modified `, "missing-property /modified"},
	{"a property in camel case", "campaign", `"firstSeen":1`, "property-name /firstSeen"},
	{"a property with a hyphen", "campaign", `"first-seen":1`, "property-name /first-seen"},
	{"a property that begins with a digit", "campaign", `"1st_seen":1`, "property-name /1st_seen"},
	{"a property that begins with an underscore", "campaign", `"_seen":1`, "property-name /_seen"},
	{"a property of two letters", "campaign", `"xa":1`, "property-name /xa"},
	{"a property of three letters", "campaign", `"x_a":1`, "?custom-property /x_a"},
	{"a property of 250 letters", "campaign", `"` + strings.Repeat("x", 250) + `":1`, "?custom-property /" + strings.Repeat("x", 250)},
	{"a property of 251 letters", "campaign", `"` + strings.Repeat("x", 251) + `":1`, "property-name "},
	{"an id of a reference in upper case", "campaign", `"created_by_ref":"identity--` + strings.ToUpper(testUUID) + `"`, "invalid-reference /created_by_ref"},
	{"an id that is not of the type", "campaign", `"id":` + refOf("tool"), "invalid-id /id"},
	{"an id with one hyphen", "campaign", `"id":"campaign-` + testUUID + `"`, "invalid-id /id"},
	{"an id in braces", "campaign", `"id":"campaign--{` + testUUID + `}"`, "invalid-id /id"},
	{"an id of zeros", "campaign", `"id":"campaign--00000000-0000-0000-0000-000000000000"`, "invalid-id /id"},
	{"an id that is a number", "campaign", `"id":5`, "wrong-type /id"},
	{"a type that is a list", "mutex", `"type":["mutex"]`, "wrong-type /type, invalid-id /id"},
	{"another version of the specification", "campaign", `"spec_version":"2.2"`, "invalid-spec-version /spec_version"},
	{"times precise to the second", "campaign", `"created":` + atNoon + `,"modified":` + atNoon, "invalid-timestamp /created, invalid-timestamp /modified"},
	{"times precise to the tenth", "campaign", `"created":"2025-01-31T12:00:00.0Z"`, "invalid-timestamp /created"},
	{"times precise to the nanosecond", "campaign", `"created":"2025-01-31T12:00:00.000000000Z","modified":"2025-01-31T12:00:00.000000001Z"`, ""},
	{"modified before created", "campaign", `"created":"2025-01-31T12:00:00.001Z"`, "time-order /modified"},
	{"modified before created in an unknown type", "x-thing", `"created":"2025-01-31T12:00:00.001Z"`, "time-order /modified, ?custom-object /type"},
	{"a confidence of 0", "campaign", `"confidence":0`, ""},
	{"a confidence of 101", "campaign", `"confidence":101`, "out-of-range /confidence"},
	{"a confidence below 0", "campaign", `"confidence":-1`, "out-of-range /confidence"},
	{"a confidence in words", "campaign", `"confidence":"high"`, "wrong-type /confidence"},
	{"a language with its region", "campaign", `"lang":"ms-MY"`, ""},
	{"a language that is none", "campaign", `"lang":"english"`, "invalid-value /lang"},
	{"a language with an underscore", "campaign", `"lang":"en_US"`, "invalid-value /lang"},
	{"a language of nothing", "campaign", `"lang":""`, "invalid-value /lang"},
	{"a revoked object", "campaign", `"revoked":true`, ""},
	{"labels that are a text", "campaign", `"labels":"l"`, "wrong-type /labels"},
	{"a marking that is an identity", "campaign", `"object_marking_refs":` + refsOf("identity"), "invalid-marking-ref /object_marking_refs/0"},
	{"a domain object that is defanged", "campaign", `"defanged":false`, "reserved-property /defanged"},
	{"a relationship that is defanged", "relationship", `"defanged":true`, "reserved-property /defanged"},
	{"a marking that is defanged", "marking-definition", `"defanged":true`, "reserved-property /defanged"},
	{"an unknown type that is defanged", "x-thing", `"defanged":true`, "reserved-property /defanged, ?custom-object /type"},
	{"a creator that is no identity", "campaign", `"created_by_ref":` + refOf("tool"), ""},
	{"a creator that is a bundle", "campaign", `"created_by_ref":` + refOf("bundle"), "wrong-target /created_by_ref"},
	// §3.8
	{"the reserved severity", "campaign", `"severity":"high"`, "reserved-property /severity"},
	{"the reserved username", "user-account", `"username":"u"`, "reserved-property /username"},
	{"the reserved phone_number", "identity", `"phone_number":"1"`, "reserved-property /phone_number"},
	{"the reserved action", "course-of-action", `"action":"a"`, "reserved-property /action"},
	{"the reserved action in an unknown type", "x-thing", `"action":"a"`, "reserved-property /action, ?custom-object /type"},
	// §3.9.1
	{"an encoding without its text", "file", `-name `, "conflicting-properties /name_enc"},
	{"an encoding by its preferred name", "file", `"name_enc":"windows-1251"`, ""},
	{"an encoding by its preferred name in upper case", "file", `"name_enc":"WINDOWS-1251"`, ""},
	{"an encoding by an alias", "file", `"name_enc":"latin1"`, "invalid-value /name_enc"},
	{"an encoding that nobody knows", "file", `"name_enc":"klingon"`, "invalid-value /name_enc"},
	{"an encoding that is a number", "file", `"name_enc":1252`, "wrong-type /name_enc"},
}

func TestTheCommonPropertiesAreHeldToTheirRules(t *testing.T) { checkRules(t, commonPropertyRules) }
