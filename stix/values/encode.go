package values

import (
	"bytes"
	"crypto/sha256"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"github.com/selat-hub/selat/stix/pattern"
)

// appendKey appends the bytes of the key of a value that package pattern has
// read, and returns 0 for a value of no kind that is looked up.
func appendKey(dst []byte, kind pattern.ObservableKind, algorithm, canonical string) ([]byte, Kind) {
	switch kind {
	case pattern.IPv4Address, pattern.IPv6Address:
		a, err := netip.ParseAddr(canonical)
		if err != nil {
			return dst, 0
		}
		return appendPrefix(dst, netip.PrefixFrom(a, a.BitLen())), Address
	case pattern.IPv4Network, pattern.IPv6Network:
		p, err := netip.ParsePrefix(canonical)
		if err != nil {
			return dst, 0
		}
		return appendPrefix(dst, p), Address
	case pattern.DomainName:
		return appendDomain(dst, canonical), Domain
	case pattern.URL:
		return appendText(dst, canonical), URL
	case pattern.EmailAddress:
		return appendText(dst, canonical), Email
	case pattern.FileHash, pattern.CertificateHash:
		if algorithm == "TLSH" && !strings.HasPrefix(canonical, "T1") {
			dst = append(dst, "T1"...)
		}
		return appendText(dst, canonical), Hash
	case pattern.MACAddress:
		return appendMAC(dst, canonical)
	}
	return dst, 0
}

// appendPrefix takes a prefix whose other bits are zero.
func appendPrefix(dst []byte, p netip.Prefix) []byte {
	n := p.Bits()
	if p.Addr().Is4() {
		n += v4bits
	}
	a := p.Addr().As16()
	return append(append(dst, a[:]...), byte(n))
}

func appendDomain(dst []byte, name string) []byte {
	for {
		i := strings.LastIndexByte(name, '.')
		dst = append(dst, name[i+1:]...)
		if i < 0 {
			return dst
		}
		dst = append(dst, '.')
		name = name[:i]
	}
}

func appendMAC(dst []byte, s string) ([]byte, Kind) {
	mac, err := net.ParseMAC(s)
	if err != nil {
		return dst, 0
	}
	return append(dst, mac...), MAC
}

func appendText(dst []byte, s string) []byte {
	if len(s) > longest {
		sum := sha256.Sum256([]byte(s))
		return append(append(dst, hashed), sum[:]...)
	}
	return append(dst, s...)
}

// appendUnread appends the key of what package pattern takes for no well-formed
// value, because it is to be fit for lists that block, and by which it may be
// looked up all the same: a wildcard or a name in Unicode where path leads to a
// domain, and hex where it leads to a hash of another name.
func appendUnread(dst []byte, path *pattern.Path, s string) ([]byte, Kind) {
	last := len(path.Steps) - 1
	switch {
	case last == 0 && path.Type == "domain-name" && path.Steps[0].Name == "value":
		if name, ok := readName(s); ok {
			return appendDomain(dst, name), Domain
		}
	case last >= 1 && path.Steps[last-1].Name == "hashes" && path.Steps[last].Kind == pattern.Property:
		if isHash(s) {
			return append(dst, strings.ToLower(s)...), Hash
		}
	}
	return dst, 0
}

// readName reads the name of a domain, a wildcard without its asterisk, with
// labels in any letters (RFC 5890 §2.3.2.3) but without what IDNA does to them.
func readName(s string) (string, bool) {
	name := strings.TrimPrefix(s, "*.")
	kind, _, canonical := pattern.Read(domainPath, pattern.Value{Text: name})
	if kind == pattern.DomainName {
		return canonical, true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if len(name) > 253 {
		return "", false
	}
	length, wide := 0, false
	for _, r := range name {
		switch {
		case r == '.':
			if length == 0 {
				return "", false
			}
			length = 0
			continue
		case r < 0x80:
			if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
				return "", false
			}
		case r == unicode.ReplacementChar || !unicode.In(r, unicode.L, unicode.M, unicode.N):
			return "", false
		default:
			wide = true
		}
		length++
	}
	return name, wide && length > 0
}

// isHash reports whether s is hex with as many digits as MD5, SHA-1, SHA-224,
// SHA-256, SHA-384 or SHA-512 have.
func isHash(s string) bool {
	switch len(s) {
	case 32, 40, 56, 64, 96, 128:
		return strings.Trim(s, "0123456789abcdefABCDEF") == ""
	}
	return false
}

// gathering is the keys of one object, each once.
type gathering struct {
	keys  []Key
	from  int    // those before it are the caller's
	bytes []byte // of all keys, so that they take one allocation
	seen  map[string]int
}

// few is how many keys are held against each other without a map.
const few = 16

// add takes a value that package pattern has read, addUnread one that it has not.
func (g *gathering) add(kind pattern.ObservableKind, algorithm, canonical string, role Role) {
	from := g.begin(len(canonical))
	b, k := appendKey(g.bytes, kind, algorithm, canonical)
	g.end(b, from, k, role)
}

func (g *gathering) addUnread(path *pattern.Path, s string, role Role) {
	if s == "" || len(s) > longest {
		return
	}
	from := g.begin(len(s))
	b, k := appendUnread(g.bytes, path, s)
	g.end(b, from, k, role)
}

// begin makes room for a key of a value of n bytes. Keys before it keep their
// memory.
func (g *gathering) begin(n int) int {
	if n = max(min(n, longest)+2, 1+sha256.Size); cap(g.bytes)-len(g.bytes) < n {
		g.bytes = make([]byte, 0, max(64, 2*n, min(2*cap(g.bytes), 1<<16)))
	}
	return len(g.bytes)
}

func (g *gathering) end(b []byte, from int, kind Kind, role Role) {
	if kind == 0 || len(b) == from {
		return
	}
	key := Key{Kind: kind, Role: role, Bytes: b[from:len(b):len(b)]}
	if at := g.find(key); at >= 0 {
		g.keys[at].Role = max(g.keys[at].Role, role)
		return
	}
	g.bytes = b
	g.keys = append(g.keys, key)
}

// find returns where a key is, -1 for nowhere; it will be at the end then.
func (g *gathering) find(key Key) int {
	if len(g.keys)-g.from < few {
		for i := g.from; i < len(g.keys); i++ {
			if k := &g.keys[i]; k.Kind == key.Kind && bytes.Equal(k.Bytes, key.Bytes) {
				return i
			}
		}
		return -1
	}
	if g.seen == nil {
		g.seen = make(map[string]int, 2*few)
		for i := g.from; i < len(g.keys); i++ {
			g.seen[identity(g.keys[i])] = i
		}
	}
	id := identity(key)
	if at, ok := g.seen[id]; ok {
		return at
	}
	g.seen[id] = len(g.keys)
	return -1
}

func identity(k Key) string { return string(append([]byte{byte(k.Kind)}, k.Bytes...)) }
