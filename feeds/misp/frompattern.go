package misp

import (
	"strings"

	"github.com/selat-hub/selat/stix/pattern"
)

// written are the types under which single comparisons are written, by the
// object path as package pattern prints it, and their category.
var written = map[string][2]Text{
	"ipv4-addr:value":                   {"ip-dst", network},
	"ipv6-addr:value":                   {"ip-dst", network},
	"domain-name:value":                 {"domain", network},
	"url:value":                         {"url", network},
	"email-addr:value":                  {"email-src", payload},
	"mac-addr:value":                    {"mac-address", network},
	"autonomous-system:number":          {"AS", network},
	"file:name":                         {"filename", payload},
	"file:hashes.MD5":                   {"md5", payload},
	"file:hashes.'SHA-1'":               {"sha1", payload},
	"file:hashes.'SHA-224'":             {"sha224", payload},
	"file:hashes.'SHA-256'":             {"sha256", payload},
	"file:hashes.'SHA-384'":             {"sha384", payload},
	"file:hashes.'SHA-512'":             {"sha512", payload},
	"file:hashes.'SHA3-256'":            {"sha3-256", payload},
	"file:hashes.'SHA3-512'":            {"sha3-512", payload},
	"file:hashes.SSDEEP":                {"ssdeep", payload},
	"file:hashes.TLSH":                  {"tlsh", payload},
	"x509-certificate:hashes.MD5":       {"x509-fingerprint-md5", network},
	"x509-certificate:hashes.'SHA-1'":   {"x509-fingerprint-sha1", network},
	"x509-certificate:hashes.'SHA-256'": {"x509-fingerprint-sha256", network},
	"mutex:name":                        {"mutex", "Artifacts dropped"},
	"windows-registry-key:key":          {"regkey", "Persistence mechanism"},
	"email-message:subject":             {"email-subject", payload},
	"email-message:body_multipart[*].body_raw_ref.name":                         {"email-attachment", payload},
	"email-message:additional_header_fields.'X-Mailer'":                         {"email-x-mailer", payload},
	"network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'": {"user-agent", network},
}

// pairs are the composite types, by the paths of their two comparisons.
var pairs = map[[2]string][2]Text{
	{"network-traffic:dst_ref.value", "network-traffic:dst_port"}:       {"ip-dst|port", network},
	{"network-traffic:src_ref.value", "network-traffic:src_port"}:       {"ip-src|port", network},
	{"domain-name:value", "domain-name:resolves_to_refs[*].value"}:      {"domain|ip", network},
	{"windows-registry-key:key", "windows-registry-key:values[*].data"}: {"regkey|value", "Persistence mechanism"},
}

const (
	network Text = "Network activity"
	payload Text = "Payload delivery"
)

// FromPattern returns the attribute that says the same as a pattern: its type,
// category and value, with to_ids. ok is false where none does, which is the case
// unless reading the attribute gives the very pattern again; only the case of
// letters may differ, in hashes and domains.
func FromPattern(source string) (a Attribute, ok bool) {
	p, err := pattern.Parse(source)
	if err != nil || p.Root.Op != pattern.Test || len(p.Root.Qualifiers) > 0 {
		return Attribute{}, false
	}
	a, ok = fromCondition(p.Root.Condition)
	if !ok {
		return Attribute{}, false
	}
	a.ToIDS = true
	candidates := []Attribute{a}
	if a.Type == "ip-dst|port" { // a name in place of the address is told by reading it
		host := a
		host.Type = "hostname|port"
		candidates = append(candidates, host)
	}
	for _, c := range candidates {
		if asked, refused := c.Ask(); refused == nil && same(p, asked.Pattern(), c.Type) {
			return c, true
		}
	}
	return Attribute{}, false
}

func same(p *pattern.Pattern, again string, typ Text) bool {
	q, err := pattern.Parse(again)
	if err != nil {
		return false
	}
	if typ == "domain" || simple[typ] != "" && strings.Contains(simpleForm(typ), ":hashes.") && typ != "ssdeep" {
		return strings.EqualFold(p.String(), q.String())
	}
	return p.String() == q.String()
}

func fromCondition(c *pattern.Condition) (Attribute, bool) {
	if c.Op == pattern.Compare {
		path, value, ok := equals(c)
		w, known := written[path]
		return Attribute{Type: w[0], Category: w[1], Value: value}, ok && known
	}
	if c.Op != pattern.And || len(c.Operands) != 2 {
		return Attribute{}, false
	}
	left, first, ok1 := equals(c.Operands[0])
	right, second, ok2 := equals(c.Operands[1])
	if !ok1 || !ok2 || strings.Contains(string(first), "|") {
		return Attribute{}, false
	}
	w, known := pairs[[2]string{left, right}]
	if hash, is := written[right]; !known && is && left == "file:name" && strings.HasPrefix(right, "file:hashes.") {
		w, known = [2]Text{"filename|" + hash[0], hash[1]}, true
	}
	return Attribute{Type: w[0], Category: w[1], Value: first + "|" + second}, known
}

// equals reads a comparison with = or, of networks, ISSUBSET.
func equals(c *pattern.Condition) (path string, value Text, ok bool) {
	if c.Op != pattern.Compare || c.Comparison.Not || len(c.Comparison.Values) != 1 {
		return "", "", false
	}
	v := c.Comparison.Values[0]
	subset := c.Comparison.Op == pattern.IsSubset && strings.Contains(v.Text, "/")
	return c.Comparison.Path.String(), Text(v.Text), (c.Comparison.Op == pattern.Equal || subset) &&
		(v.Kind == pattern.String || v.Kind == pattern.Integer)
}
