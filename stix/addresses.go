package stix

import (
	"bytes"
	"net/netip"
	"unicode/utf8"
)

// Values of cyber-observables that have a form of their own, STIX 2.1 §6.

func (c *checker) ipv4(i uint32) {
	if !isNetwork(c.s.text(i), netip.Addr.Is4) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.8", "this must be an IPv4 address or network in CIDR notation, such as \"198.51.100.0/24\"")
	}
}

func (c *checker) ipv6(i uint32) {
	if !isNetwork(c.s.text(i), netip.Addr.Is6) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.9", "this must be an IPv6 address or network in CIDR notation, such as \"2001:db8::/32\"")
	}
}

func isNetwork(t []byte, family func(netip.Addr) bool) bool {
	if len(t) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128") {
		return false
	}
	if bytes.IndexByte(t, '/') >= 0 {
		p, err := netip.ParsePrefix(string(t))
		return err == nil && family(p.Addr())
	}
	a, err := netip.ParseAddr(string(t))
	return err == nil && family(a) && a.Zone() == ""
}

func (c *checker) macAddress(i uint32) {
	t := c.s.text(i)
	ok := len(t) == len("00:00:00:00:00:00")
	for k := 0; ok && k < len(t); k++ {
		if k%3 == 2 {
			ok = t[k] == ':'
		} else {
			ok = hexDigit[t[k]] == 1
		}
	}
	if !ok {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.10", "this must be a MAC-48 address in lower case with colons, such as \"00:00:5e:00:53:01\"")
	}
}

func (c *checker) domainName(i uint32) {
	if !isDomainName(c.s.text(i)) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.4", "this must be a domain name: labels of 1 to 63 letters, digits, hyphens and underscores, 253 in all, parted by dots")
	}
}

// isDomainName takes labels of letters, digits, hyphens and, as names in use
// have them, underscores (RFC 1034 §3.5, RFC 2181 §11), and labels of other
// scripts as they are (RFC 5890 §2.3.2.1).
func isDomainName(t []byte) bool {
	t = bytes.TrimSuffix(t, []byte("."))
	t = bytes.TrimPrefix(t, []byte("*.")) // a wildcard, RFC 1034 §4.3.3
	if len(t) == 0 || utf8.RuneCount(t) > 253 {
		return false
	}
	for more := true; more; {
		var label []byte
		label, t, more = bytes.Cut(t, []byte("."))
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel takes 1 to 63 characters: of another script there are no more than
// that before it is encoded, and mostly fewer.
func isLabel(t []byte) bool {
	n := len(t)
	if n == 0 || t[0] == '-' || t[n-1] == '-' || n > 63 && utf8.RuneCount(t) > 63 {
		return false
	}
	for _, b := range t {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b >= 0x80) {
			return false
		}
	}
	return true
}

func (c *checker) emailAddress(i uint32) {
	if !isEmailAddress(c.s.text(i)) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.5", "this must be an address such as \"user@example.com\", without a display name")
	}
}

// isEmailAddress takes what has the outline of an addr-spec (RFC 5322 §3.4.1).
func isEmailAddress(t []byte) bool {
	at := bytes.LastIndexByte(t, '@')
	if at < 1 || at == len(t)-1 {
		return false
	}
	local, host := t[:at], t[at+1:]
	if host[0] != '[' && bytes.ContainsAny(host, "<>()[]\\,;:\" \t\r\n") {
		return false
	}
	if local[0] == '"' {
		return isQuoted(local)
	}
	if local[0] == '.' || local[at-1] == '.' || bytes.Contains(local, []byte("..")) {
		return false
	}
	return !bytes.ContainsAny(local, "<>()[]\\,;:\"@ \t\r\n")
}

// isQuoted tells whether t is a quoted-string (RFC 5322 §3.2.4).
func isQuoted(t []byte) bool {
	n := len(t)
	if n < 3 || t[n-1] != '"' {
		return false
	}
	for k := 1; k < n-1; k++ {
		switch t[k] {
		case '"':
			return false
		case '\\':
			if k++; k == n-1 {
				return false
			}
		}
	}
	return true
}

func (c *checker) url(i uint32) {
	if !isURI(c.s.text(i)) {
		c.refuse(codeInvalidValue, i, "STIX 2.1 §6.15", "this must be a URL with a scheme (RFC 3986), with what is not ASCII or not allowed in one percent-encoded")
	}
}

// isURI tells whether t is a URI of RFC 3986 (§3): a scheme and a colon, and
// then only characters that may stand where they do.
func isURI(t []byte) bool {
	colon := bytes.IndexByte(t, ':')
	if colon < 1 || !isScheme(t[:colon]) {
		return false
	}
	rest := t[colon+1:]
	rest, fragment, _ := bytes.Cut(rest, []byte("#"))
	rest, query, _ := bytes.Cut(rest, []byte("?"))
	if !uriChars(fragment, "/?") || !uriChars(query, "/?") {
		return false
	}
	if authority, ok := bytes.CutPrefix(rest, []byte("//")); ok {
		path := []byte(nil)
		if slash := bytes.IndexByte(authority, '/'); slash >= 0 {
			authority, path = authority[:slash], authority[slash:]
		}
		return isAuthority(authority) && uriChars(path, "/")
	}
	return uriChars(rest, "/")
}

func isScheme(t []byte) bool {
	for k, b := range t {
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (k == 0 || !('0' <= b && b <= '9' || b == '+' || b == '-' || b == '.')) {
			return false
		}
	}
	return true
}

func isAuthority(t []byte) bool {
	if at := bytes.LastIndexByte(t, '@'); at >= 0 {
		if !uriChars(t[:at], "") || bytes.IndexByte(t[:at], '@') >= 0 {
			return false
		}
		t = t[at+1:]
	}
	if len(t) > 0 && t[0] == '[' {
		end := bytes.IndexByte(t, ']')
		if end < 0 {
			return false
		}
		if !isLiteral(t[1:end]) {
			return false
		}
		t = t[end+1:]
		return len(t) == 0 || t[0] == ':' && digits(t, 1) == len(t)
	}
	if colon := bytes.IndexByte(t, ':'); colon >= 0 {
		if digits(t, colon+1) != len(t) {
			return false
		}
		t = t[:colon]
	}
	return uriChars(t, "")
}

// isLiteral tells whether t can stand in brackets: an IPv6 address, or one of a
// version to come (RFC 3986 §3.2.2).
func isLiteral(t []byte) bool {
	if len(t) > 3 && t[0]|0x20 == 'v' {
		version, address, ok := bytes.Cut(t[1:], []byte("."))
		return ok && len(version) > 0 && isHex(version) && len(address) > 0 && uriChars(address, "") && bytes.IndexByte(address, '@') < 0
	}
	a, err := netip.ParseAddr(string(t))
	return err == nil && a.Is6() && a.Zone() == ""
}

// uriChar holds the bytes that pchar allows (RFC 3986 §3.3), but for '%'.
var uriChar = func() (t [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@") {
		t[b] = true
	}
	return t
}()

func uriChars(t []byte, more string) bool {
	for k := 0; k < len(t); k++ {
		switch b := t[k]; {
		case uriChar[b]:
		case b == '%':
			if k+2 >= len(t) || !isHex(t[k+1:k+3]) {
				return false
			}
			k += 2
		case len(more) > 0 && bytes.IndexByte([]byte(more), b) >= 0:
		default:
			return false
		}
	}
	return true
}
