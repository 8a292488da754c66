package stix

import "testing"

// Sections 4 and 5 of STIX 2.1: domain objects and relationships.
//
// These sentences cannot be held against the bytes of one object:
//   - §4.7.1: the pattern is of the pattern_type, where that is not stix, and of
//     the pattern_version: the other languages are not read;
//   - §4.10: the datum of a position is WGS 84;
//   - §4.11.1: the samples of an instance are the same binary data; a relationship
//     from a family to an instance is not used (§4.11.2): both need other objects;
//   - §4.12.1: the name of a product that cannot be given is "anonymized";
//   - §4.18: a tool is no malware, and no tool of a defender: a matter of meaning.

var domainRules = []ruleCase{
	// §4.1
	{"a CAPEC id", "attack-pattern", `"external_references":[{"source_name":"capec","external_id":"CAPEC-163"}]`, ""},
	{"a CAPEC id that is a number only", "attack-pattern", `"external_references":[{"source_name":"capec","external_id":"163"}]`, "invalid-value /external_references/0/external_id"},
	{"a CAPEC id without digits", "attack-pattern", `"external_references":[{"source_name":"capec","external_id":"CAPEC-"}]`, "invalid-value /external_references/0/external_id"},
	{"a CAPEC id of another source", "attack-pattern", `"external_references":[{"source_name":"mitre","external_id":"CAPEC-163"}]`, "invalid-value /external_references/0/source_name"},
	{"CAPEC without an id", "attack-pattern", `"external_references":[{"source_name":"capec","url":"https://example.com"}]`, "missing-property /external_references/0/external_id"},
	{"an id of a source of its own", "attack-pattern", `"external_references":[{"source_name":"mitre-attack","external_id":"T1566"}]`, ""},
	// §4.2, §4.8, §4.9, §4.11, §4.17
	{"a campaign seen once", "campaign", `"last_seen":` + atNoon, ""},
	{"a campaign seen last before it was first", "campaign", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"an infrastructure seen last before it was first", "infrastructure", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"an intrusion set seen last before it was first", "intrusion-set", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"malware seen last before it was first", "malware", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"an actor seen last before they were first", "threat-actor", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"seen last by a nanosecond before first", "campaign", `"first_seen":"2025-01-31T12:00:00.000000001Z","last_seen":` + atNoon, "time-order /last_seen"},
	{"seen last at the same time in more digits", "campaign", `"first_seen":"2025-01-31T12:00:00.000000000Z","last_seen":` + atNoon, ""},
	// §4.4 to §4.6
	{"a grouping of nothing", "grouping", `-object_refs `, "missing-property /object_refs"},
	{"a grouping in a context of its own", "grouping", `"context":"my_case"`, "?vocabulary /context, ?word-form /context"},
	{"an identity of a class of its own", "identity", `"identity_class":"robot"`, "?vocabulary /identity_class"},
	{"an identity in a sector of its own", "identity", `"sectors":["defense","Space"]`, "?vocabulary /sectors/1, ?word-form /sectors/1"},
	{"an incident with no name", "incident", `-name `, "missing-property /name"},
	// §4.7
	{"an indicator without name and description", "indicator", `-name -description `, "?missing-property /name, ?missing-property /description"},
	{"an indicator whose pattern is none", "indicator", `"pattern":"ipv4-addr:value = '1'"`, "invalid-pattern /pattern"},
	{"an indicator whose pattern is empty", "indicator", `"pattern":""`, "invalid-pattern /pattern"},
	{"an indicator whose pattern has a bad hash", "indicator", `"pattern":"[file:hashes.MD5 = '1']"`, "pattern-hash /pattern"},
	{"an indicator with a qualifier twice", "indicator", `"pattern":"[url:value = 'a'] WITHIN 1 SECONDS WITHIN 2 SECONDS"`, "pattern-qualifier /pattern"},
	{"an indicator in another language", "indicator", `"pattern":"alert tcp any any","pattern_type":"snort"`, ""},
	{"an indicator in a language of its own", "indicator", `"pattern":"x","pattern_type":"kql"`, "?vocabulary /pattern_type"},
	{"an indicator whose pattern is a list", "indicator", `"pattern":["x"]`, "wrong-type /pattern"},
	{"an indicator valid until when it is valid from", "indicator", `"valid_until":` + atNoon, "time-order /valid_until"},
	{"an indicator valid until before it is valid from", "indicator", `"valid_until":"2025-01-31T11:59:59.9Z"`, "time-order /valid_until"},
	{"an indicator without valid_from", "indicator", `-valid_from `, "missing-property /valid_from"},
	// §4.10
	{"a location by its region", "location", `-latitude -longitude -precision -country `, ""},
	{"a location by its country", "location", `-latitude -longitude -precision -region `, ""},
	{"a location by its position", "location", `-region -country -precision `, ""},
	{"a location nowhere", "location", `-latitude -longitude -precision -region -country `, "missing-property /region"},
	{"a location with a name only, and a precision", "location", `-latitude -longitude -region -country `, "missing-property /region, conflicting-properties /precision"},
	{"a latitude alone", "location", `-longitude -precision `, "missing-property /longitude"},
	{"a longitude alone", "location", `-latitude -precision `, "missing-property /latitude"},
	{"a precision of no position", "location", `-latitude -longitude `, "conflicting-properties /precision"},
	{"the poles and the date line", "location", `"latitude":-90,"longitude":180.0`, ""},
	{"a latitude beyond the pole", "location", `"latitude":90.0001`, "out-of-range /latitude"},
	{"a longitude beyond the date line", "location", `"longitude":-180.1`, "out-of-range /longitude"},
	{"a latitude in words", "location", `"latitude":"1.35"`, "wrong-type /latitude"},
	{"a country in lower case", "location", `"country":"th"`, ""},
	{"a country by its name", "location", `"country":"Singapore"`, "?vocabulary /country"},
	{"a country of three letters", "location", `"country":"SGP"`, "?vocabulary /country"},
	{"a region of its own", "location", `"region":"asean"`, "?vocabulary /region"},
	// §4.11
	{"a family without a name", "malware", `-name `, "missing-property /name"},
	{"an instance without a name", "malware", `-name "is_family":false`, ""},
	{"malware of a type of its own", "malware", `"malware_types":["stealer"]`, "?vocabulary /malware_types/0"},
	// §4.12
	{"an analysis with a result only", "malware-analysis", `-analysis_sco_refs `, ""},
	{"an analysis with observables only", "malware-analysis", `-result `, ""},
	{"an analysis without a result", "malware-analysis", `-result -analysis_sco_refs `, "missing-property /result"},
	{"an analysis with a result of its own", "malware-analysis", `"result":"odd"`, "?vocabulary /result"},
	// §4.14
	{"observed data once", "observed-data", `"last_observed":` + atNoon, ""},
	{"observed data that ended before they began", "observed-data", `"first_observed":` + atOne + `,"last_observed":` + atNoon, "time-order /last_observed"},
	{"observed data never", "observed-data", `"number_observed":0`, "out-of-range /number_observed"},
	{"observed data 999,999,999 times", "observed-data", `"number_observed":999999999`, ""},
	{"observed data a thousand million times", "observed-data", `"number_observed":1000000000`, "out-of-range /number_observed"},
	{"observed data of nothing", "observed-data", `-object_refs `, "missing-property /object_refs"},
	{"observed data in both places", "observed-data", `"objects":{"0":{"type":"mutex","name":"m"}}`, "conflicting-properties /objects, ?deprecated /objects"},
	{"observed relationships only", "observed-data", `"object_refs":` + refsOf("relationship"), "wrong-target /object_refs"},
	{"observed data with a relationship", "observed-data", `"object_refs":[` + refOf("relationship") + `,` + refOf("url") + `]`, ""},
	{"observed malware", "observed-data", `"object_refs":` + refsOf("malware"), "wrong-target /object_refs/0, wrong-target /object_refs"},
	{"observed data of an unknown type", "observed-data", `"object_refs":` + refsOf("x-thing"), ""},
	// §4.15, §4.16, §4.17
	{"an opinion of nothing", "opinion", `-object_refs `, "missing-property /object_refs"},
	{"a report without published", "report", `-published `, "missing-property /published"},
	{"a report on a bundle", "report", `"object_refs":` + refsOf("bundle"), "wrong-target /object_refs/0"},
	{"a report on a report", "report", `"object_refs":` + refsOf("report"), ""},
	{"a motivation of its own", "threat-actor", `"personal_motivations":["love"]`, "?vocabulary /personal_motivations/0"},
	// §4.19
	{"a CVE id", "vulnerability", `"external_references":[{"source_name":"cve","external_id":"CVE-2025-12345"}]`, ""},
	{"a CVE id of seven digits", "vulnerability", `"external_references":[{"source_name":"cve","external_id":"CVE-2025-1234567"}]`, ""},
	{"a CVE id in lower case", "vulnerability", `"external_references":[{"source_name":"cve","external_id":"cve-2025-1234"}]`, "invalid-value /external_references/0/external_id"},
	{"a CVE id of three digits", "vulnerability", `"external_references":[{"source_name":"cve","external_id":"CVE-2025-123"}]`, "invalid-value /external_references/0/external_id"},
	{"a CVE id of another source", "vulnerability", `"external_references":[{"source_name":"nvd","external_id":"CVE-2025-1234"}]`, "invalid-value /external_references/0/source_name"},
	{"CVE without an id", "vulnerability", `"external_references":[{"source_name":"cve","description":"d"}]`, "missing-property /external_references/0/external_id"},
}

func TestDomainObjectsAreHeldToTheirRules(t *testing.T) { checkRules(t, domainRules) }

var relationshipRules = []ruleCase{
	// §5.1
	{"a relationship that is suggested", "relationship", `"relationship_type":"drops"`, ""},
	{"a relationship of its own", "relationship", `"relationship_type":"x-likes"`, "?relationship-type /relationship_type"},
	{"a relationship the other way round", "relationship", `"relationship_type":"uses","source_ref":` + refOf("tool") + `,"target_ref":` + refOf("malware"), "?relationship-type /relationship_type"},
	{"a relationship that is for every pair", "relationship", `"relationship_type":"related-to","target_ref":` + refOf("mac-addr"), ""},
	{"a relationship for two of a type", "relationship", `"relationship_type":"duplicate-of"`, "?relationship-type /relationship_type"},
	{"a relationship to an unknown type", "relationship", `"relationship_type":"likes","target_ref":` + refOf("x-thing"), ""},
	{"a relationship in camel case", "relationship", `"relationship_type":"isUsedBy"`, "invalid-value /relationship_type, ?relationship-type /relationship_type"},
	{"a relationship with an underscore", "relationship", `"relationship_type":"used_by"`, "invalid-value /relationship_type, ?relationship-type /relationship_type"},
	{"a relationship in another script", "relationship", `"relationship_type":"使用する"`, "invalid-value /relationship_type, ?relationship-type /relationship_type"},
	{"a relationship that stops after it starts", "relationship", `"stop_time":"2025-01-31T12:00:00.001Z"`, ""},
	{"a relationship that stops when it starts", "relationship", `"stop_time":` + atNoon, "time-order /stop_time"},
	{"a relationship without a source", "relationship", `-source_ref `, "missing-property /source_ref"},
	{"a relationship without a target", "relationship", `-target_ref `, "missing-property /target_ref"},
	{"a relationship without a type", "relationship", `-relationship_type `, "missing-property /relationship_type"},
	// §5.2
	{"a sighting of 0", "sighting", `"count":0`, ""},
	{"a sighting of less", "sighting", `"count":-1`, "out-of-range /count"},
	{"a sighting of a thousand million", "sighting", `"count":1000000000`, "out-of-range /count"},
	{"a sighting that ended before it began", "sighting", `"first_seen":` + atOne + `,"last_seen":` + atNoon, "time-order /last_seen"},
	{"a sighting of nothing", "sighting", `-sighting_of_ref `, "missing-property /sighting_of_ref"},
}

func TestRelationshipsAreHeldToTheirRules(t *testing.T) { checkRules(t, relationshipRules) }
