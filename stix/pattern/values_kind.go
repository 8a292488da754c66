package pattern

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// readConstant returns what a constant is at the end of a path, with its
// algorithm if it is a hash, and in the spelling of its kind.
func readConstant(path *Path, op Operator, v Value) (kind ObservableKind, algorithm, canonical string) {
	v = canonicalConstant(v)
	if v.Kind == String {
		canonical = canonicalText(*path, op, v.Text)
	} else {
		canonical = v.Text
	}
	switch op {
	case Equal, NotEqual, In, IsSubset, IsSuperset:
	default:
		return Other, "", canonical
	}
	subject, steps := path.subject()
	switch {
	case len(steps) == 1 && steps[0].Kind == Property:
		kind, canonical = readProperty(subject, steps[0].Name, v, canonical)
		return kind, "", canonical
	case v.Kind != String:
		return Other, "", canonical
	case len(steps) == 2 && steps[0].Name == "hashes" && steps[1].Kind == Property:
		kind = FileHash
		switch subject {
		case "x509-certificate":
			kind = CertificateHash
		case "file", "artifact", referred:
		default:
			return Other, "", canonical
		}
		if algorithm, value, ok := readHash(steps[1].Name, v.Text); ok {
			return kind, algorithm, value
		}
	case subject == "network-traffic" && isUserAgent(steps):
		return UserAgent, "", canonical
	}
	return Other, "", canonical
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

// readProperty reads a constant that a property of the subject is compared with.
func readProperty(subject, property string, v Value, canonical string) (ObservableKind, string) {
	if v.Kind != String {
		if subject == "autonomous-system" && property == "number" && v.Kind == Integer {
			if _, err := strconv.ParseUint(canonical, 10, 32); err == nil {
				return ASNumber, canonical
			}
		}
		return Other, canonical
	}
	var readers []func(string) (ObservableKind, string)
	switch subject + ":" + property {
	case "ipv4-addr:value":
		readers = append(readers, readIPv4Kind)
	case "ipv6-addr:value":
		readers = append(readers, readIPv6Kind)
	case "domain-name:value":
		readers = append(readers, readDomain)
	case "url:value":
		readers = append(readers, readURL)
	case "email-addr:value":
		readers = append(readers, readEmail)
	case "mac-addr:value":
		readers = append(readers, readMAC)
	case endpoint + ":value":
		readers = append(readers, readIPv4Kind, readIPv6Kind, readMAC, readDottedDomain)
	case referred + ":value":
		readers = append(readers, readIPv4Kind, readIPv6Kind, readMAC, readEmail, readURL, readDottedDomain)
	case "file:name":
		return named(FileName, v.Text)
	case "directory:path":
		return named(DirectoryPath, v.Text)
	case "mutex:name":
		return named(MutexName, v.Text)
	case "windows-registry-key:key":
		return named(RegistryKey, canonical)
	}
	for _, read := range readers {
		if kind, text := read(v.Text); kind != Other {
			return kind, text
		}
	}
	return Other, canonical
}

func named(kind ObservableKind, s string) (ObservableKind, string) {
	if s == "" {
		return Other, s
	}
	return kind, s
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
// for that would be an address.
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

// readURL takes absolute URLs with a host and leaves them as they are written.
func readURL(s string) (ObservableKind, string) {
	if strings.ContainsFunc(s, isBlankOrControl) {
		return Other, s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return Other, s
	}
	return URL, s
}

func isBlankOrControl(r rune) bool { return r <= ' ' || r == 0x7f }

// readEmail takes an address without a display name. The domain has no case;
// what stands before it may have (RFC 5321 §2.4).
func readEmail(s string) (ObservableKind, string) {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || strings.ContainsFunc(s[:at], isBlankOrControl) || strings.ContainsAny(s[:at], `<>(),;:\"@[]`) {
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

// hexHashes holds, by their names without hyphens, the hashes that are written
// in hex: under the name of hash-algorithm-ov or in common use, and with how
// many digits.
var hexHashes = map[string]struct {
	name   string
	digits int
}{
	"MD5": {"MD5", 32}, "SHA1": {"SHA-1", 40},
	"SHA224": {"SHA-224", 56}, "SHA256": {"SHA-256", 64}, "SHA384": {"SHA-384", 96}, "SHA512": {"SHA-512", 128},
	"SHA3224": {"SHA3-224", 56}, "SHA3256": {"SHA3-256", 64}, "SHA3384": {"SHA3-384", 96}, "SHA3512": {"SHA3-512", 128},
}

// readHash reads a hash under any usual spelling of its algorithm's name.
func readHash(name, s string) (algorithm, value string, ok bool) {
	if len(name) > 16 || len(s) > 160 {
		return "", "", false
	}
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	switch name {
	case "SSDEEP":
		size, _, parts := strings.Cut(s, ":")
		return name, s, parts && strings.Trim(size, "0123456789") == "" && size != "" && strings.Count(s, ":") == 2
	case "TLSH":
		s = strings.ToUpper(s)
		digits := strings.TrimPrefix(s, "T1")
		return name, s, len(digits) == 70 && isHexText(digits)
	}
	h, known := hexHashes[name]
	return h.name, strings.ToLower(s), known && len(s) == h.digits && isHexText(s)
}

func isHexText(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }

// isUserAgent reports whether the steps lead to the header of an HTTP request
// (STIX 2.1 §6.12.2), or to one of its values.
func isUserAgent(steps []Step) bool {
	if len(steps) == 5 && steps[4].Kind != Property {
		steps = steps[:4]
	}
	return len(steps) == 4 && steps[0].Name == "extensions" && steps[1].Name == "http-request-ext" &&
		steps[2].Name == "request_header" && strings.EqualFold(steps[3].Name, "User-Agent")
}
