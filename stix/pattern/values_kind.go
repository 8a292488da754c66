package pattern

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// A reading is how the constants of one comparison are read. It is made once
// for all of them, since paths may be long and constants many.
type reading struct {
	comparison *Comparison
	readers    []reader       // of strings: the first that takes one
	hash       string         // the algorithm as it is written, if it is about hashes
	hashKind   ObservableKind // of these
	number     bool           // of an autonomous system
}

// A reader returns the kind and canonical spelling of a string, or Other.
type reader func(s string) (ObservableKind, string)

func newReading(c *Comparison) reading {
	r := reading{comparison: c}
	switch c.Op {
	case Equal, NotEqual, In, IsSubset, IsSuperset:
	default:
		return r
	}
	subject, steps := c.Path.subject()
	switch {
	case len(steps) == 1 && steps[0].Kind == Property:
		r.readers = readers[subject+":"+steps[0].Name]
		r.number = subject == "autonomous-system" && steps[0].Name == "number"
	case len(steps) == 2 && steps[0].Name == "hashes" && steps[1].Kind == Property:
		switch subject {
		case "x509-certificate":
			r.hash, r.hashKind = steps[1].Name, CertificateHash
		case "file", "artifact", referred:
			r.hash, r.hashKind = steps[1].Name, FileHash
		}
	case subject == "network-traffic" && isUserAgent(steps):
		r.readers = userAgentReaders
	}
	return r
}

// fill makes o the constant v.
func (r *reading) fill(o *Observable, v Value) {
	o.Constant, o.Bytes = v, bytesOf(v)
	o.Kind, o.Algorithm, o.Canonical = r.read(v)
}

// read returns what a constant is, with its algorithm if it is a hash, and in
// the spelling of its kind.
func (r *reading) read(v Value) (kind ObservableKind, algorithm, canonical string) {
	v = canonicalConstant(v)
	if v.Kind != String {
		if r.number && v.Kind == Integer {
			if _, err := strconv.ParseUint(v.Text, 10, 32); err == nil {
				return ASNumber, "", v.Text
			}
		}
		return Other, "", v.Text
	}
	if hasBreak(v.Text) {
		return Other, "", canonicalText(r.comparison, v.Text)
	}
	for _, read := range r.readers {
		if kind, text := read(v.Text); kind != Other {
			return kind, "", text
		}
	}
	if r.hash != "" {
		if algorithm, value, ok := readHash(r.hash, v.Text); ok {
			return r.hashKind, algorithm, value
		}
	}
	return Other, "", canonicalText(r.comparison, v.Text)
}

// hasBreak reports whether breaksLists is true of a character of s.
func hasBreak(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return strings.ContainsFunc(s[i:], breaksLists)
		}
	}
	return false
}

// breaksLists reports whether r is a control or format character or ends a line
// or paragraph. In a list such a value would be several, or be shown as another
// than it is.
func breaksLists(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Subjects of a comparison that only the value tells.
const (
	referred = "*"  // anything
	endpoint = "**" // an end of network traffic
)

// subject returns the type of object that the end of the path belongs to, and
// the steps from there on.
func (p *Path) subject() (string, []Step) {
	subject, steps := p.Type, p.Steps
	for i, s := range p.Steps {
		if s.Kind != Property {
			continue
		}
		rest := p.Steps[i+1:]
		switch {
		case strings.HasSuffix(s.Name, "_ref"):
		case strings.HasSuffix(s.Name, "_refs") && len(rest) > 0 && rest[0].Kind != Property:
			rest = rest[1:]
		default:
			continue
		}
		subject, steps = referred, rest
		if i > 0 {
			continue
		}
		switch {
		case p.Type == "network-traffic" && (s.Name == "src_ref" || s.Name == "dst_ref"):
			subject = endpoint
		case p.Type == "email-message" && s.Name != "body_raw_ref" && s.Name != "raw_email_ref":
			subject = "email-addr"
		}
	}
	return subject, steps
}

// readers holds how strings are read at a property of a subject.
var readers = map[string][]reader{
	"ipv4-addr:value":          {readIPv4Kind},
	"ipv6-addr:value":          {readIPv6Kind},
	"domain-name:value":        {readDomain},
	"url:value":                {readURL},
	"email-addr:value":         {readEmail},
	"mac-addr:value":           {readMAC},
	endpoint + ":value":        {readIPv4Kind, readIPv6Kind, readMAC, readDottedDomain},
	referred + ":value":        {readIPv4Kind, readIPv6Kind, readMAC, readEmail, readURL, readDottedDomain},
	"file:name":                {named(FileName)},
	"directory:path":           {named(DirectoryPath)},
	"mutex:name":               {named(MutexName)},
	"windows-registry-key:key": {readRegistryKey},
}

var userAgentReaders = []reader{named(UserAgent)}

// named takes any name but the empty one, as it is written.
func named(kind ObservableKind) reader {
	return func(s string) (ObservableKind, string) {
		if s == "" {
			return Other, s
		}
		return kind, s
	}
}

func readRegistryKey(s string) (ObservableKind, string) {
	if s == "" {
		return Other, s
	}
	return RegistryKey, foldCase(s)
}

func readIPv4Kind(s string) (ObservableKind, string) {
	p, ok := readIPv4(s)
	switch {
	case !ok:
		return Other, s
	case p.IsSingleIP():
		return IPv4Address, addressText(p)
	}
	return IPv4Network, addressText(p)
}

func readIPv6Kind(s string) (ObservableKind, string) {
	p, ok := readIPv6(s)
	switch {
	case !ok:
		return Other, s
	case p.IsSingleIP():
		return IPv6Address, addressText(p)
	}
	return IPv6Network, addressText(p)
}

// readDomain reads a name of labels of letters, digits, hyphens and, as in
// service records, underscores (RFC 1035 §2.3.4). The last label is no number,
// for that would be an address. Names in Unicode are not brought into ASCII
// (RFC 5891), and so not read.
func readDomain(s string) (ObservableKind, string) {
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if len(name) > 253 {
		return Other, s
	}
	digits := true
	length := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.':
			if length == 0 || name[i-1] == '-' {
				return Other, s
			}
			length, digits = -1, true
		case c >= 'a' && c <= 'z', c == '_':
			digits = false
		case c == '-' && length > 0:
			digits = false
		case c >= '0' && c <= '9':
		default:
			return Other, s
		}
		if length++; length > 63 {
			return Other, s
		}
	}
	if length == 0 || digits || name[len(name)-1] == '-' {
		return Other, s
	}
	return DomainName, name
}

// readDottedDomain takes a single label for something else.
func readDottedDomain(s string) (ObservableKind, string) {
	kind, name := readDomain(s)
	if !strings.Contains(name, ".") {
		return Other, s
	}
	return kind, name
}

// readURL takes absolute URLs with a host and leaves them as they are written,
// HTTP://EXAMPLE.COM/ too: Match compares text.
func readURL(s string) (ObservableKind, string) {
	if strings.ContainsFunc(s, unicode.IsSpace) {
		return Other, s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return Other, s
	}
	return URL, s
}

// readEmail takes an address without a display name. The domain has no case;
// what stands before it may have (RFC 5321 §2.4).
func readEmail(s string) (ObservableKind, string) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || strings.ContainsFunc(s[:at], unicode.IsSpace) || strings.ContainsAny(s[:at], `<>(),;:\"@[]`) {
		return Other, s
	}
	kind, domain := readDomain(s[at+1:])
	if kind == Other || strings.HasSuffix(s, ".") {
		return Other, s
	}
	return EmailAddress, s[:at+1] + domain
}

func readMAC(s string) (ObservableKind, string) {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return Other, s
	}
	return MACAddress, mac.String()
}

// isUserAgent reports whether the steps lead to the header of an HTTP request
// (STIX 2.1 §6.12.2), or to one of its values.
func isUserAgent(steps []Step) bool {
	if len(steps) == 5 && steps[4].Kind != Property {
		steps = steps[:4]
	}
	return len(steps) == 4 && steps[0].Name == "extensions" && steps[1].Name == "http-request-ext" &&
		steps[2].Name == "request_header" && lowerASCII(steps[3].Name) == "user-agent"
}
