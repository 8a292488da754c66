package build

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxValue bounds a value, in bytes.
const maxValue = 4 << 10

// Read reads a value of a kind. Space around it does not count, nor do the ways
// in which people write that nothing is to be clicked on: hxxp, [.], [:] and the
// like. What is not well-formed, not on the internet, or known to be harmless is
// refused.
func Read(kind Kind, text string) (Value, *Refusal) {
	text = strings.TrimSpace(text)
	switch {
	case !kind.Known():
		return Value{}, &Refusal{UnknownKind, "the kind of the value is none that is known"}
	case text == "" || len(text) > maxValue || !utf8.ValidString(text):
		return Value{}, invalid(kind, "it must be text of 1 to %d bytes in UTF-8", maxValue)
	case strings.ContainsFunc(text, unseen):
		return Value{}, invalid(kind, "it has control or format characters in it")
	}
	switch kind {
	case Auto:
		return Detect(text)
	case Hash:
		for _, k := range []Kind{MD5, SHA1, SHA224, SHA256, SHA384, SHA512} {
			if len(text) == forms[k].hash {
				return Read(k, text)
			}
		}
		return Value{}, invalid(kind, "no hash has %d digits", len(text))
	case IP:
		return readNetwork(refang(text))
	case IPPort:
		return readEndpoint(refang(text))
	case Domain:
		return readDomain(refang(text))
	case URL:
		return readURL(refang(text))
	case Email:
		return readEmail(refang(text))
	case MAC:
		mac, err := net.ParseMAC(text)
		if err != nil || len(mac) != 6 {
			return Value{}, invalid(kind, "it must be six bytes in hex")
		}
		return Value{Kind: MAC, Text: mac.String()}, nil
	case ASN:
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(text), "AS"), 10, 32)
		if err != nil {
			return Value{}, invalid(kind, "it must be a number")
		}
		return Value{Kind: ASN, Text: strconv.FormatUint(n, 10)}, nil
	}
	if kind == Registry {
		text = expandHive(text)
	}
	if f := forms[kind]; f.hash != 0 {
		return readHash(kind, f, text)
	}
	return Value{Kind: kind, Text: text}, nil
}

// Detect reads a value whose kind its form tells: an address or network, an
// address with its port, a URL, an e-mail address, a domain, or a hash.
func Detect(text string) (Value, *Refusal) {
	text = refang(strings.TrimSpace(text))
	_, errAddr := netip.ParseAddr(strings.Trim(text, "[]"))
	_, errNet := netip.ParsePrefix(text)
	_, errPort := netip.ParseAddrPort(text)
	switch {
	case errAddr == nil, errNet == nil:
		return Read(IP, text)
	case errPort == nil:
		return Read(IPPort, text)
	case strings.Contains(text, "://"):
		return Read(URL, text)
	case strings.Contains(text, "@"):
		return Read(Email, text)
	case isHex(text) && len(text) >= 32:
		return Read(Hash, text)
	case strings.Contains(text, "."):
		return Read(Domain, text)
	}
	return Value{}, &Refusal{InvalidValue, "it is neither an address, a URL, a domain, an e-mail address nor a hash"}
}

func invalid(kind Kind, format string, args ...any) *Refusal {
	return &Refusal{InvalidValue, "this is no " + string(kind) + ": " + fmt.Sprintf(format, args...)}
}

// unseen tells of the characters that make a value look like another or break a
// list.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

func readNetwork(text string) (Value, *Refusal) {
	text = strings.Trim(text, "[]")
	if p, err := netip.ParsePrefix(text); err == nil {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked()
		if !p.IsValid() {
			return Value{}, invalid(IP, "the network is none")
		}
		if p.IsSingleIP() {
			return readNetwork(p.Addr().String())
		}
		// Those that package pattern takes for decisive, and sinks for a network.
		if shortest := map[bool]int{true: 8, false: 16}[p.Addr().Is4()]; p.Bits() < shortest {
			return Value{}, &Refusal{TooWide, fmt.Sprintf("a network of this family has a prefix of /%d or longer", shortest)}
		}
		if r := reserved(p); r != nil {
			return Value{}, r
		}
		return Value{Kind: IP, Text: p.String(), Network: true}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return Value{}, invalid(IP, "it must be an IPv4 or IPv6 address or a network in CIDR notation")
	}
	a = a.Unmap()
	if r := reserved(netip.PrefixFrom(a, a.BitLen())); r != nil {
		return Value{}, r
	}
	return Value{Kind: IP, Text: a.String()}, nil
}

func readEndpoint(text string) (Value, *Refusal) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return Value{}, invalid(IPPort, "it must be an address and a port, such as 192.0.2.1:443 or [2001:db8::1]:443")
	}
	return Endpoint(host, port)
}

// Endpoint reads an address and a port that a list has in two columns.
func Endpoint(host, port string) (Value, *Refusal) {
	v, r := Read(IP, host)
	switch {
	case r != nil:
		return v, r
	case v.Network:
		return Value{}, invalid(IPPort, "a network has no port")
	}
	n, err := strconv.ParseUint(strings.TrimSpace(port), 10, 16)
	if err != nil || n == 0 {
		return Value{}, invalid(IPPort, "a port is 1 to 65535")
	}
	v.Kind, v.Port = IPPort, uint16(n)
	return v, nil
}

// readDomain takes names of two labels or more: a single one is a whole
// top-level domain or a word.
func readDomain(text string) (Value, *Refusal) {
	name, r := hostName(strings.TrimPrefix(text, "*."))
	return Value{Kind: Domain, Text: name}, r
}

func hostName(text string) (string, *Refusal) {
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if !isASCII(name) {
		ascii, err := idna.Lookup.ToASCII(name)
		if err != nil {
			return "", invalid(Domain, "it cannot be written in ASCII (RFC 5891)")
		}
		name = ascii
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if reservedNames[last] || strings.HasSuffix(name, ".home.arpa") {
		return "", &Refusal{ReservedDomain, "the name is in no public DNS (RFC 6761)"}
	}
	if len(name) > 253 || len(labels) < 2 || strings.Trim(last, "0123456789") == "" {
		return "", invalid(Domain, "it must be a name of two labels or more")
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", invalid(Domain, "its labels must be 1 to 63 letters, digits and hyphens (RFC 1035 §2.3.4)")
		}
	}
	return name, nil
}

// reservedNames are top-level names that are in no public DNS. example and test
// are not among them: exercises are written with them.
var reservedNames = map[string]bool{
	"localhost": true, "localdomain": true, "local": true, "invalid": true,
	"internal": true, "intranet": true, "lan": true, "home": true, "corp": true,
}

// readURL takes absolute URLs and leaves them as they are written, since a
// pattern compares text.
func readURL(text string) (Value, *Refusal) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || strings.ContainsFunc(text, unicode.IsSpace) {
		return Value{}, invalid(URL, "it must be absolute, with a host and without spaces (RFC 3986)")
	}
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap().WithZone("")
		if r := reserved(netip.PrefixFrom(a, a.BitLen())); r != nil {
			return Value{}, r
		}
	} else if _, r := hostName(host); r != nil && r.Code == ReservedDomain {
		return Value{}, r
	}
	return Value{Kind: URL, Text: text}, nil
}

func readEmail(text string) (Value, *Refusal) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > 64 || strings.ContainsAny(text[:at], "<>(),;:\\\"@[] ") {
		return Value{}, invalid(Email, "it must be an address alone, such as user@example.com")
	}
	domain, r := hostName(text[at+1:])
	if r != nil {
		return Value{}, r
	}
	return Value{Kind: Email, Text: text[:at+1] + domain}, nil
}

func readHash(kind Kind, f form, text string) (Value, *Refusal) {
	switch {
	case kind == SSDEEP:
		if strings.Count(text, ":") != 2 || strings.HasPrefix(text, "3::") {
			return Value{}, invalid(kind, "it must be a block size and two hashes")
		}
		return Value{Kind: kind, Text: text}, nil
	case kind == TLSH:
		text = strings.ToUpper(text)
		if digits := strings.TrimPrefix(text, "T1"); len(digits) != 70 || !isHex(digits) {
			return Value{}, invalid(kind, "it must be 70 digits in hex, with or without T1")
		}
		return Value{Kind: kind, Text: text}, nil
	}
	text = strings.ToLower(text)
	if len(text) != f.hash || !isHex(text) {
		return Value{}, invalid(kind, "it must be %d digits in hex", f.hash)
	}
	if hashesOfNothing[text] || strings.Trim(text, "0") == "" {
		return Value{}, &Refusal{KnownGood, "this is the hash of an empty file, or no hash at all"}
	}
	return Value{Kind: kind, Text: text}, nil
}

// hives are the short names of those that must be written in full (STIX 2.1
// §6.17).
var hives = map[string]string{
	"HKLM": "HKEY_LOCAL_MACHINE", "HKCU": "HKEY_CURRENT_USER", "HKCR": "HKEY_CLASSES_ROOT",
	"HKU": "HKEY_USERS", "HKCC": "HKEY_CURRENT_CONFIG",
}

func expandHive(key string) string {
	hive, rest, _ := strings.Cut(key, `\`)
	if full, ok := hives[strings.ToUpper(hive)]; ok && rest != "" {
		return full + `\` + rest
	}
	return key
}

// hashesOfNothing are those of the empty file, which every list gets sooner or
// later.
var hashesOfNothing = func() map[string]bool {
	known := map[string]bool{}
	add := func(b []byte) { known[hex.EncodeToString(b)] = true }
	m, s1, s224, s256 := md5.Sum(nil), sha1.Sum(nil), sha256.Sum224(nil), sha256.Sum256(nil)
	s384, s512, t256, t512 := sha512.Sum384(nil), sha512.Sum512(nil), sha3.Sum256(nil), sha3.Sum512(nil)
	for _, b := range [][]byte{m[:], s1[:], s224[:], s256[:], s384[:], s512[:], t256[:], t512[:]} {
		add(b)
	}
	return known
}()

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
