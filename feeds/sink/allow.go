package sink

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/selat-hub/selat/stix/pattern"
)

// Allow is what a sink never writes, whatever is said of it: the reader's own
// list of what must keep working.
//
// A domain on it stands for its subdomains, and for URLs and e-mail addresses
// there. A network stands for its addresses. What would cover something on the
// list is not written either: a network around an allowed address, a domain
// above an allowed one. However a host is spelled, it is the one that it means
// (readHost). The nil list allows nothing.
type Allow struct {
	domains  map[string]bool // true of those on the list, false of those above them
	networks map[netip.Prefix]bool
	hashes   map[string]bool
	digest   []byte
}

// longestAllowLine is in bytes; a line has one value.
const longestAllowLine = 4096

// ReadAllow reads a list with one domain, address, network or hash a line. What
// follows a # is a comment. A line that is none of these is an error that says
// which, since a list that is only half understood would block what it is to
// protect.
func ReadAllow(r io.Reader) (*Allow, error) {
	a := &Allow{domains: map[string]bool{}, networks: map[netip.Prefix]bool{}, hashes: map[string]bool{}}
	sum := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(r, sum))
	lines.Buffer(nil, longestAllowLine)
	n := 0
	for lines.Scan() {
		n++
		line, _, _ := strings.Cut(lines.Text(), "#")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := a.add(line); err != nil {
			return nil, fmt.Errorf("line %d of the allow-list: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d of the allow-list: %w", n+1, err)
	}
	a.digest = sum.Sum(nil)
	return a, nil
}

// Digest is of the text of the list, nil if there is none.
func (a *Allow) Digest() []byte {
	if a == nil {
		return nil
	}
	return a.digest
}

func (a *Allow) add(line string) error {
	if p, err := netip.ParsePrefix(line); err == nil {
		if p != p.Masked() {
			return fmt.Errorf("the network has bits beyond its prefix: write %s", p.Masked())
		}
		a.networks[plain(p)] = true
		return nil
	}
	if ip, err := netip.ParseAddr(line); err == nil && ip.Zone() == "" {
		a.networks[plain(netip.PrefixFrom(ip, ip.BitLen()))] = true
		return nil
	}
	if isHash(line) {
		a.hashes[strings.ToLower(line)] = true
		return nil
	}
	name := strings.TrimPrefix(strings.TrimPrefix(line, "*"), ".")
	if h, ok := readHost(name); ok && h.name != "" {
		a.domains[h.name] = true
		for above := parent(h.name); above != ""; above = parent(above) {
			if !a.domains[above] {
				a.domains[above] = false
			}
		}
		return nil
	}
	if strings.Contains(line, "://") {
		return errors.New("a URL is allowed by its host: write that alone")
	}
	return errors.New("this is no domain, address, network or hash in hex")
}

// plain is an IPv4 network that is written as IPv6 maps it, in IPv4.
func plain(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p
}

func parent(name string) string {
	_, above, _ := strings.Cut(name, ".")
	return above
}

func isHash(s string) bool {
	switch len(s) {
	case 32, 40, 64, 128:
		return strings.Trim(s, "0123456789abcdefABCDEF") == ""
	}
	return false
}

func (a *Allow) has(v value) bool {
	if a == nil {
		return false
	}
	if p, ok := v.network(); ok {
		return a.hasNetwork(plain(p))
	}
	if v.kind == pattern.FileHash || v.kind == pattern.CertificateHash {
		return a.hashes[strings.ToLower(v.text)]
	}
	h, _, _ := v.host()
	if h.addr.IsValid() {
		return a.hasNetwork(netip.PrefixFrom(h.addr, h.addr.BitLen()))
	}
	return h.name != "" && a.hasDomain(h.name, v.kind == pattern.DomainName)
}

// hasDomain reports whether the name or one above it is on the list, or, if it
// would cover them, one below it.
func (a *Allow) hasDomain(name string, covers bool) bool {
	if listed, below := a.domains[name]; listed || below && covers {
		return true
	}
	for name = parent(name); name != ""; name = parent(name) {
		if a.domains[name] {
			return true
		}
	}
	return false
}

func (a *Allow) hasNetwork(p netip.Prefix) bool {
	for bits := p.Bits(); bits >= 0; bits-- {
		if around, err := p.Addr().Prefix(bits); err == nil && a.networks[around] {
			return true
		}
	}
	if p.IsSingleIP() {
		return false
	}
	for allowed := range a.networks {
		if p.Overlaps(allowed) {
			return true
		}
	}
	return false
}
