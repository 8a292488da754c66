package stix

import (
	"slices"
	"strings"
	"testing"
)

// edges are objects at the very edge of a rule. Three MUSTs are not looked at:
// that all objects of a container are related (§4.14.1), which conversions of old
// data do not keep; that a character set without an encoder has its preferred
// name (§3.9.1), which the registry at hand does not tell; and that an object of
// one's own type has a property besides the common ones (§11.2.1), which can be
// read so that these will do.
var edges = []ruleCase{
	// §2.10: integers lie within ±(2^53-1), in whatever form they are written.
	{"an integer beyond 2^53 with an exponent", "autonomous-system", `"number":1e17`, "number-range /number"},
	{"an integer beyond 2^53 with a fraction of zero", "autonomous-system", `"number":9007199254740993.0`, "number-range /number"},
	{"an integer with a fraction that float64 rounds away", "autonomous-system", `"number":0.99999999999999999999`, "wrong-type /number"},
	{"a size beyond 2^53 with an exponent", "file", `"size":1e17`, "number-range /size"},
	{"a tag of an image with a fraction of zero", "file", `"extensions":{"raster-image-ext":{"exif_tags":{"A":1.0}}}`, ""},
	// §2.13: references in a container are local to it.
	{"a reference out of a container", "observed-data", contained(`{"0":{"type":"ipv4-addr","value":"198.51.100.1","resolves_to_refs":` + refsOf("mac-addr") + `}}`), "invalid-reference /objects/0/resolves_to_refs/0, ?deprecated /objects"},
	// §7.2.3.1: a selector starts at the marked object.
	{"a part marked in a container", "observed-data", contained(`{"0":{"type":"mutex","name":"m","granular_markings":[{"lang":"fr","selectors":["name"]}]}}`), "?deprecated /objects"},
	// §2.16, RFC 3339 §5.7: a leap second is the last of a month.
	{"a leap second in the middle of a day", "campaign", `"first_seen":"2025-01-15T12:34:60Z","last_seen":"2025-02-01T00:00:00Z"`, "invalid-timestamp /first_seen"},
	// §3.2, RFC 5646: subtags of four letters are reserved.
	{"the language root", "campaign", `"lang":"root"`, "invalid-value /lang"},
	// §3.8: reserved names are nobody's.
	{"a definition of a reserved name", "extension-definition", `"extension_properties":["severity"]`, "invalid-extension /extension_properties/0"},
	// §6.4, RFC 1034 §3.5, RFC 5890 §2.3.1.
	{"a domain with a label that begins with a hyphen", "domain-name", `"value":"-a.example"`, "invalid-value /value"},
	{"a domain with a label that ends in a hyphen", "domain-name", `"value":"a-.example"`, "invalid-value /value"},
	// §6.5, RFC 5322 §3.4.1: dots stand between atoms.
	{"an address with two dots", "email-addr", `"value":"a..b@example.com"`, "invalid-value /value"},
	{"an address with a quote in its quoted name", "email-addr", `"value":"\"a\"b\"@example.com"`, "invalid-value /value"},
	// §6.14, NISTIR 7695 §6.2.
	{"a CPE of a part of two letters", "software", `"cpe":"cpe:2.3:ab:microsoft:word:2000:*:*:*:*:*:*:*"`, "invalid-value /cpe"},
	{"a CPE with an empty vendor", "software", `"cpe":"cpe:2.3:a::word:2000:*:*:*:*:*:*:*"`, "invalid-value /cpe"},
	// §6.15, RFC 3986 §3.2.2.
	{"a url with a zone that has spaces", "url", `"value":"http://[fe80::1%a b<>]/"`, "invalid-value /value"},
	{"a url with an address of the future", "url", `"value":"http://[v1.a:b]/"`, ""},
	// §6.18: a property of the certificate's own.
	{"a certificate that has an extension only", "x509-certificate", `-* ` + extending(idOf("extension-definition"), `"extension_type":"property-extension","ext_a":1`), "missing-property "},
	// §11.3.1: names in a custom extension are those of properties.
	{"a custom extension with a hyphen in a name", "campaign", extending("x-own-ext", `"any-key":1`), "property-name /extensions/x-own-ext/any-key, ?custom-property /extensions/x-own-ext"},
}

func TestTheEdgesOfRules(t *testing.T) {
	for _, c := range edges {
		t.Run(c.name, func(t *testing.T) {
			if got := told(findingsIn(t, made(t, c.typ, c.changes))); got != c.want {
				t.Errorf("got %q, and the specification wants %q", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ bundle, want string }{
		"a bundle whose id is null":              {`{"type":"bundle","id":null,"objects":[{}]}`, "null /id"},                                                    // §2.9, §8.1
		"a bundle with a property that is null":  {`{"type":"bundle","id":"` + testBundle + `","x_a":null,"objects":[{}]}`, "null /x_a, ?custom-property /x_a"}, // §2
		"a bundle with an empty list of objects": {`{"type":"bundle","id":"` + testBundle + `","objects":[]}`, "empty-value /objects"},                          // §2.12
		"a bundle with an empty list of its own": {`{"type":"bundle","id":"` + testBundle + `","x_a":[],"objects":[{}]}`, "empty-value /x_a, ?custom-property /x_a"},
		"a bundle with more behind it":           {`{"type":"bundle","x_a":1}x`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := strings.Split(told(CheckBundle([]byte(c.bundle))), ", "), strings.Split(c.want, ", ")
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, and the specification wants %q", got, want)
			}
		})
	}
}

func TestAMessageAboutANumberSaysOnWhichSideItIs(t *testing.T) {
	for _, f := range findingsIn(t, made(t, "file", `"size":1e17`)) {
		if strings.Contains(f.Message, "negative") {
			t.Errorf("a size that is too large: %s", f.Message)
		}
	}
}

func TestAnObjectWithoutATypeIsToldThatAndNotMore(t *testing.T) {
	if got := told(findingsIn(t, made(t, "campaign", `-type `))); strings.Contains(got, "not-applicable") {
		t.Errorf("what the object is cannot be known: %s", got)
	}
}
