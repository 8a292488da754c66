package build

import (
	"strconv"
	"strings"
)

// Kind is a kind of value that lists have. The names are those of the
// configuration and stable.
type Kind string

const (
	IP        Kind = "ip"      // an address of either family, or a network in CIDR notation
	IPPort    Kind = "ip:port" // 192.0.2.1:443, [2001:db8::1]:443
	Domain    Kind = "domain"
	URL       Kind = "url"
	Email     Kind = "email"
	MD5       Kind = "md5"
	SHA1      Kind = "sha1"
	SHA224    Kind = "sha224"
	SHA256    Kind = "sha256"
	SHA384    Kind = "sha384"
	SHA512    Kind = "sha512"
	SHA3256   Kind = "sha3-256"
	SHA3512   Kind = "sha3-512"
	SSDEEP    Kind = "ssdeep"
	TLSH      Kind = "tlsh"
	CertMD5   Kind = "cert-md5"
	CertSHA1  Kind = "cert-sha1"
	CertSHA2  Kind = "cert-sha256"
	FileName  Kind = "filename"
	Directory Kind = "directory"
	Mutex     Kind = "mutex"
	Registry  Kind = "regkey"
	MAC       Kind = "mac"
	ASN       Kind = "asn"
	UserAgent Kind = "user-agent"
	// Hash is a hash of a file whose algorithm its length tells; Auto is anything
	// that [Detect] can tell by its form.
	Hash Kind = "hash"
	Auto Kind = "auto"
)

// form is how a kind of value stands in a pattern and in an observable.
type form struct {
	object string // type of observable
	path   string // property, or for hashes the algorithm
	hash   int    // number of hex digits of a hash
}

var forms = map[Kind]form{
	Domain:    {"domain-name", "value", 0},
	URL:       {"url", "value", 0},
	Email:     {"email-addr", "value", 0},
	MAC:       {"mac-addr", "value", 0},
	MD5:       {"file", "MD5", 32},
	SHA1:      {"file", "SHA-1", 40},
	SHA224:    {"file", "SHA-224", 56},
	SHA256:    {"file", "SHA-256", 64},
	SHA384:    {"file", "SHA-384", 96},
	SHA512:    {"file", "SHA-512", 128},
	SHA3256:   {"file", "SHA3-256", 64},
	SHA3512:   {"file", "SHA3-512", 128},
	SSDEEP:    {"file", "SSDEEP", -1},
	TLSH:      {"file", "TLSH", -1},
	CertMD5:   {"x509-certificate", "MD5", 32},
	CertSHA1:  {"x509-certificate", "SHA-1", 40},
	CertSHA2:  {"x509-certificate", "SHA-256", 64},
	FileName:  {"file", "name", 0},
	Directory: {"directory", "path", 0},
	Mutex:     {"mutex", "name", 0},
	Registry:  {"windows-registry-key", "key", 0},
	ASN:       {"autonomous-system", "number", 0},
	UserAgent: {"network-traffic", "extensions.'http-request-ext'.request_header.'User-Agent'", 0},
}

// Known tells whether k is a kind that Read takes.
func (k Kind) Known() bool {
	_, ok := forms[k]
	return ok || k == IP || k == IPPort || k == Hash || k == Auto
}

// Value is a value that was read: it is well-formed, in the usual spelling of its
// kind, and nothing that must not be shared.
type Value struct {
	Kind Kind
	// Text is the value, without the port.
	Text string
	// Port is that of IPPort.
	Port uint16
	// Network is true of an IP that is a network.
	Network bool
}

// String is the value as a list writes it.
func (v Value) String() string {
	switch {
	case v.Kind != IPPort:
		return v.Text
	case v.v6():
		return "[" + v.Text + "]:" + strconv.Itoa(int(v.Port))
	}
	return v.Text + ":" + strconv.Itoa(int(v.Port))
}

func (v Value) v6() bool { return strings.Contains(v.Text, ":") }

// Pattern is the STIX pattern that asks for the value (STIX 2.1 §9).
func (v Value) Pattern() string { return "[" + v.Comparison() + "]" }

// Comparison is the pattern without its brackets, for several that belong to one
// observation.
func (v Value) Comparison() string {
	switch v.Kind {
	case IP:
		op := " = "
		if v.Network {
			op = " ISSUBSET "
		}
		return v.addressType() + ":value" + op + Quote(v.Text)
	case IPPort:
		return "network-traffic:dst_ref.value = " + Quote(v.Text) +
			" AND network-traffic:dst_port = " + strconv.Itoa(int(v.Port))
	case ASN:
		return "autonomous-system:number = " + v.Text
	}
	f := forms[v.Kind]
	if f.hash != 0 {
		return f.object + ":hashes." + Quote(f.path) + " = " + Quote(v.Text)
	}
	return f.object + ":" + f.path + " = " + Quote(v.Text)
}

func (v Value) addressType() string {
	if v.v6() {
		return "ipv6-addr"
	}
	return "ipv4-addr"
}

// Quote writes a string as a constant of a pattern (STIX 2.1 §9.3).
func Quote(s string) string { return "'" + escapes.Replace(s) + "'" }

var escapes = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// Title is a name for an indicator of the value, for people: what it is, and the
// value unless that is long.
func (v Value) Title() string {
	text := v.String()
	if len(text) > 120 {
		text = strings.ToValidUTF8(text[:117], "") + "…"
	}
	return string(v.Kind) + " " + text
}
