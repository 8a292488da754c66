package stix

import (
	"fmt"
	"strings"
	"testing"
)

// hostileShapes are objects made to cost as much as they can: each grows with n,
// to a megabyte or more with n of 100,000.
var hostileShapes = []struct {
	name string
	make func(n int) string
}{
	{"brackets", func(n int) string { return domainObject(`,"x_a":` + strings.Repeat("[", n) + strings.Repeat("]", n)) }},
	{"objects in objects", func(n int) string {
		return domainObject(`,"x_a":` + strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n))
	}},
	{"empty lists 60 deep", func(n int) string {
		return domainObject(`,"x_a":` + strings.Repeat("[", 55) + strings.Repeat("[],", n) + "1" + strings.Repeat("]", 55))
	}},
	{"nulls", func(n int) string { return domainObject(`,"x_a":[` + strings.Repeat("null,", n) + "1]") }},
	{"a long text", func(n int) string { return domainObject(`,"description":"` + strings.Repeat("x", 10*n) + `"`) }},
	{"a text of escapes", func(n int) string { return domainObject(`,"description":"` + strings.Repeat(`\u0041`, n) + `"`) }},
	{"a long name", func(n int) string { return domainObject(`,"` + strings.Repeat("x", 10*n) + `":{"a":{"b":null}}`) }},
	{"a long type", func(n int) string { return `{"type":"` + strings.Repeat("x", 10*n) + `","id":"x"}` }},
	{"a long identifier", func(n int) string {
		return domainObject(`,"created_by_ref":"` + strings.Repeat("x", 10*n) + `--` + testUUID + `"`)
	}},
	{"a long timestamp", func(n int) string {
		return domainObject(`,"first_seen":"2025-01-31T12:00:00.` + strings.Repeat("1", 5*n) + `Z","last_seen":"2025-01-31T12:00:00.` + strings.Repeat("1", 5*n) + `Z"`)
	}},
	{"a long number", func(n int) string { return domainObject(`,"confidence":` + strings.Repeat("9", 10*n)) }},
	{"a long fraction", func(n int) string { return domainObject(`,"confidence":0.` + strings.Repeat("9", 10*n)) }},
	{"a long language", func(n int) string { return domainObject(`,"lang":"en` + strings.Repeat("-variant", n) + `"`) }},
	{"a language and an extension", func(n int) string { return domainObject(`,"lang":"en-x` + strings.Repeat("-a", n) + `"`) }},
	{"custom properties", func(n int) string { return domainObject(members(n)) }},
	{"custom properties in upper case", func(n int) string { return domainObject(strings.ToUpper(members(n))) }},
	{"one property again and again", func(n int) string { return domainObject(strings.Repeat(`,"name":"n"`, n)) }},
	{"keys of a dictionary", func(n int) string {
		return `{"type":"process","id":` + refOf("process") + `,"environment_variables":{` + members(n)[1:] + `}}`
	}},
	{"hashes", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"hashes":{` + manyMembers(n, `"h%06d":"a"`) + `}}`
	}},
	{"hashes that are none", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"hashes":{` + manyMembers(n, `"%d":7`) + `}}`
	}},
	{"extensions", func(n int) string {
		return domainObject(`,"extensions":{` + manyMembers(n, `"extension-definition--%08x-5c6d-4e7f-8a9b-0c1d2e3f4a5b":{"extension_type":"property-extension","ext_a":1}`) + `}`)
	}},
	{"extensions by name", func(n int) string {
		return domainObject(`,"extensions":{` + manyMembers(n, `"x-%d-ext":{"a":1}`) + `}`)
	}},
	{"properties of an extension", func(n int) string {
		return domainObject(`,"extensions":{"` + idOf("extension-definition") + `":{` + members(n)[1:] + `,"extension_type":"property-extension"}}`)
	}},
	{"a container", func(n int) string { return inContainer(manyMembers(n, `"%d":{"type":"mutex","name":"m"}`)) }},
	{"a container in upper case", func(n int) string { return inContainer(manyMembers(n, `"K%d":{"type":"MUTEX"}`)) }},
	{"references in a container to what is not there", func(n int) string {
		return inContainer(manyMembers(n/10, `"%d":0`) + `,"f":{"type":"file","name":"n","contains_refs":[` + strings.Repeat(`"x",`, n/10) + `"x"]}`)
	}},
	{"references in a container to its last object", func(n int) string {
		return inContainer(manyMembers(n/10, `"%d":0`) + `,"f":{"type":"file","name":"n","contains_refs":[` + strings.Repeat(`"f",`, n/10) + `"f"]}`)
	}},
	{"granular markings", func(n int) string {
		return domainObject(`,"granular_markings":[` + strings.Repeat(`{"lang":"fr","selectors":["name"]},`, n) + `{"lang":"fr","selectors":["name"]}]`)
	}},
	{"selectors of the last of many properties", func(n int) string {
		return domainObject(members(n) + `,"granular_markings":[{"lang":"fr","selectors":[` + strings.Repeat(`"granular_markings",`, n) + `"id"]}]`)
	}},
	{"selectors of the last element of a long list", func(n int) string {
		return domainObject(`,"x_a":[` + strings.Repeat("1,", n) + `1],"granular_markings":[{"lang":"fr","selectors":[` + strings.Repeat(fmt.Sprintf(`"x_a.[%d]",`, n), n) + `"id"]}]`)
	}},
	{"a long selector", func(n int) string {
		return domainObject(`,"granular_markings":[{"lang":"fr","selectors":["x_a` + strings.Repeat(".a", 5*n) + `"]}]`)
	}},
	{"references that are all the same", func(n int) string {
		return strings.ReplaceAll(domainObject(`,"object_refs":[`+strings.Repeat(refOf("tool")+",", n)+refOf("tool")+`]`), "campaign", "report")
	}},
	{"references that all differ", func(n int) string {
		return domainObject(`,"x_refs":[` + manyMembers(n, `"tool--%08x-5c6d-4e7f-8a9b-0c1d2e3f4a5b"`) + `]`)
	}},
	{"references in upper case", func(n int) string {
		return domainObject(`,"x_refs":[` + manyMembers(n, `"tool--%08X-5C6D-4E7F-8A9B-0C1D2E3F4A5B"`) + `]`)
	}},
	{"markings that all differ", func(n int) string {
		return domainObject(`,"object_marking_refs":[` + manyMembers(n, `"marking-definition--%08x-5c6d-4e7f-8a9b-0c1d2e3f4a5b"`) + `]`)
	}},
	{"external references", func(n int) string {
		return strings.ReplaceAll(domainObject(`,"external_references":[`+manyMembers(n, `{"source_name":"cve","external_id":"CVE-%d"}`)+`]`), "campaign", "vulnerability")
	}},
	{"labels", func(n int) string { return domainObject(`,"labels":[` + manyMembers(n, `"label %d"`) + `]`) }},
	{"base64", func(n int) string {
		return `{"type":"artifact","id":` + refOf("artifact") + `,"payload_bin":"` + strings.Repeat("QUJD", 3*n) + `"}`
	}},
	{"base64 that is none at its end", func(n int) string {
		return `{"type":"artifact","id":` + refOf("artifact") + `,"payload_bin":"` + strings.Repeat("QUJD", 3*n) + `="}`
	}},
	{"hexadecimal digits", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"name":"n","magic_number_hex":"` + strings.Repeat("0f", 5*n) + `"}`
	}},
	{"a long url", func(n int) string {
		return `{"type":"url","id":` + refOf("url") + `,"value":"https://` + strings.Repeat("u:@", n) + "[" + strings.Repeat("%41:", n) + `"}`
	}},
	{"a long path", func(n int) string {
		return `{"type":"url","id":` + refOf("url") + `,"value":"https://example.com` + strings.Repeat("/%41?#", n) + `"}`
	}},
	{"a long IPv6 literal", func(n int) string {
		return `{"type":"url","id":` + refOf("url") + `,"value":"https://[fe80::1%` + strings.Repeat("a:", 5*n) + `]/"}`
	}},
	{"a long domain", func(n int) string {
		return `{"type":"domain-name","id":` + refOf("domain-name") + `,"value":"` + strings.Repeat("a.", 5*n) + `"}`
	}},
	{"a long address", func(n int) string {
		return `{"type":"email-addr","id":` + refOf("email-addr") + `,"value":"` + strings.Repeat("a@", 5*n) + `b"}`
	}},
	{"a long CPE", func(n int) string {
		return `{"type":"software","id":` + refOf("software") + `,"name":"n","cpe":"cpe:2.3:a:` + strings.Repeat(`\\:`, n) + strings.Repeat(":*", n) + `"}`
	}},
	{"a long charset", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"name":"n","name_enc":"` + strings.Repeat("u", 10*n) + `"}`
	}},
	{"a long media type", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"name":"n","mime_type":"` + strings.Repeat("X", 10*n) + `/a"}`
	}},
	{"a long fuzzy hash", func(n int) string {
		return `{"type":"file","id":` + refOf("file") + `,"hashes":{"SSDEEP":"1:` + strings.Repeat("aA", 5*n) + `:,"}}`
	}},
	{"registry values", func(n int) string {
		return `{"type":"windows-registry-key","id":` + refOf("windows-registry-key") + `,"key":"` + strings.Repeat(`HKLM\\`, n) + `","values":[` + strings.Repeat(`{"name":"n"},`, n) + `{}]}`
	}},
	{"languages of content", func(n int) string {
		return strings.ReplaceAll(domainObject(`,"object_ref":`+refOf("tool")+`,"contents":{`+manyMembers(n, `"x-%d":{"name":"n"}`)+`}`), "campaign", "language-content")
	}},
	{"a marking that marks itself", func(n int) string {
		id := refOf("marking-definition")
		return `{"type":"marking-definition","spec_version":"2.1","id":` + id + `,"created":"2025-01-31T12:00:00.000Z","definition_type":"statement","definition":{"statement":"s"},"object_marking_refs":[` +
			strings.Repeat(id+",", n) + id + `]}`
	}},
	{"comparisons of a pattern", func(n int) string { return patterned(strings.Repeat("a:value = 1 AND ", n/4) + "url:value = 'a'") }},
	{"parentheses of a pattern", func(n int) string {
		return patterned(strings.Repeat("(", n) + "url:value = 'a'" + strings.Repeat(")", n))
	}},
	{"a set of a pattern", func(n int) string { return patterned("file:size IN (" + strings.Repeat("1,", 3*n) + "1)") }},
	{"a text of a pattern", func(n int) string { return patterned("url:value = '" + strings.Repeat(`a\\'`, n) + "'") }},
	{"a path of a pattern", func(n int) string { return patterned("file:name" + strings.Repeat(".aaa[*]", n) + " = 'a'") }},
	{"a regular expression of a pattern", func(n int) string { return patterned("url:value MATCHES '" + strings.Repeat("(a*)*", n/2) + "'") }},
	{"observations of a pattern", func(n int) string {
		return patterned("url:value = 'a'" + strings.Repeat("] FOLLOWEDBY [url:value = 'a'", n/8))
	}},
	{"qualifiers of a pattern", func(n int) string {
		return patterned("url:value = 'a'" + strings.Repeat("] WITHIN 5 SECONDS REPEATS 2 TIMES OR [url:value = 'a'", n/8))
	}},
}

func manyMembers(n int, form string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, form+",", i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func inContainer(objects string) string {
	return `{"type":"observed-data","spec_version":"2.1","id":` + refOf("observed-data") + `,` + testTimes + `,"first_observed":` + atNoon + `,"last_observed":` + atNoon + `,"number_observed":1,"objects":{` + objects + `}}`
}

func patterned(comparison string) string {
	return `{"type":"indicator","spec_version":"2.1","id":` + refOf("indicator") + `,` + testTimes + `,"pattern_type":"stix","valid_from":` + atNoon + `,"pattern":"[` + comparison + `]"}`
}

// hostileLimits take what is larger than the hub does.
var hostileLimits = Limits{PayloadBytes: 64 << 20, ObjectBytes: 64 << 20}

func TestHostileObjectsLeadToFewFindings(t *testing.T) {
	for _, shape := range hostileShapes {
		t.Run(shape.name, func(t *testing.T) {
			object := shape.make(20_000)
			objects, err := Split([]byte(object), hostileLimits)
			if err != nil || len(objects) != 1 || string(objects[0].Raw) != object {
				t.Fatalf("%d objects, %v", len(objects), err)
			}
			size := 0
			for _, f := range objects[0].Findings {
				size += len(f.Path) + len(f.Message) + len(f.Section)
			}
			if len(objects[0].Findings) > maxFindings || size > maxFindings*1000 {
				t.Errorf("%d findings of %d bytes", len(objects[0].Findings), size)
			}
			t.Logf("%d bytes: %.200s", len(object), told(objects[0].Findings))
		})
	}
}

// BenchmarkHostile prints how long a byte takes in objects of one size and of
// ten times that: the two figures are alike where the time is linear, but for what
// no longer fits in the processor's caches.
func BenchmarkHostile(b *testing.B) {
	for _, shape := range hostileShapes {
		for _, n := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				payload := []byte(shape.make(n))
				for b.Loop() {
					if _, err := Split(payload, hostileLimits); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(payload)), "ns/byte")
			})
		}
	}
}
