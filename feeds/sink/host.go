package sink

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/selat-hub/selat/stix/pattern"
)

// host is the machine that a text means to those who follow it, in the one
// spelling that is compared and written: a name in lower case and xn-- form
// without a dot at its end, or an address, which is never IPv4 mapped into IPv6.
type host struct {
	name string
	addr netip.Addr
}

func (h host) String() string {
	switch {
	case !h.addr.IsValid():
		return h.name
	case h.addr.Is6():
		return "[" + h.addr.String() + "]"
	}
	return h.addr.String()
}

// toASCII maps a name as browsers do (UTS #46, nontransitional): capitals, wide
// letters and the full stops of other scripts are what they stand for.
// Underscores may be in it, as in service records.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false))

// readHost reads a name or an address, IPv6 without brackets. What ends in a
// number is an IPv4 address in one of the forms of inet_aton, or nothing
// (https://url.spec.whatwg.org/#host-parsing).
func readHost(s string) (h host, ok bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return host{addr: addr.Unmap().WithZone("")}, true
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) {
		ascii, err := toASCII.ToASCII(s)
		if err != nil {
			return host{}, false
		}
		s = ascii
	}
	s = strings.ToLower(strings.TrimRight(s, "."))
	if isNumber(s[strings.LastIndexByte(s, '.')+1:]) {
		h.addr, ok = inetAton(s)
		return h, ok
	}
	kind, _, name := pattern.Read(domainPath, pattern.Value{Text: s})
	return host{name: name}, kind == pattern.DomainName
}

var domainPath = pattern.Path{Type: "domain-name", Steps: []pattern.Step{{Kind: pattern.Property, Name: "value"}}}

func isNumber(s string) bool {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// inetAton reads one to four parts in decimal, octal after 0 or hexadecimal after
// 0x, the last of which fills the bytes that are left (inet_aton(3)).
func inetAton(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var all uint64
	for i, part := range parts {
		bits, base := 8, 10
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		if hex, ok := strings.CutPrefix(part, "0x"); ok {
			part, base = "0"+hex, 16
		} else if len(part) > 1 && part[0] == '0' {
			base = 8
		}
		n, err := strconv.ParseUint(part, base, bits)
		if err != nil {
			return netip.Addr{}, false
		}
		all = all<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)}), true
}

// hostOfURL finds the host of a URL, and returns the URL with that in its one
// spelling. What comes after it may be of any form.
func hostOfURL(s string) (h host, spelled string, ok bool) {
	scheme, rest, _ := strings.Cut(s, "://")
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	u, err := url.Parse(scheme + "://" + rest[:end])
	if err != nil {
		return host{}, s, false
	}
	if h, ok = readHost(u.Hostname()); !ok {
		return host{}, s, false
	}
	start := strings.LastIndexByte(rest[:end], '@') + 1
	port := ""
	if i := strings.LastIndexByte(rest[start:end], ':'); i > strings.LastIndexByte(rest[start:end], ']') {
		port = rest[start+i : end]
	}
	return h, scheme + "://" + rest[:start] + h.String() + port + rest[end:], true
}

// isPublicSuffix reports whether the name or all that is right below it is one
// under which strangers have names of their own, such as co.uk or github.io
// (https://publicsuffix.org): to block it is to block them all.
func isPublicSuffix(name string) bool {
	for _, n := range []string{name, "*." + name} { // no label of the list is *
		if suffix, _ := publicsuffix.PublicSuffix(n); suffix == n {
			return true
		}
	}
	return false
}
