package sink

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

var rpzFormat = Format{
	Name: "rpz", About: "a response policy zone for BIND, Knot, PowerDNS and Unbound that answers NXDOMAIN", Default: "rpz.selat.zone",
	Check: "named-checkzone rpz.selat {}", Reload: "rndc reload rpz.selat",
	Options: []Option{
		{Name: "zone", Default: "rpz.selat", About: "the name of the zone, which takes its room from every name in it"},
		{Name: "subdomains", Default: "true", About: "whether what is below a domain is meant with it"},
		{Name: "ttl", Default: "300", About: "seconds for which resolvers may keep an answer"},
	},
	File: newRPZ,
}

type rpz struct {
	allow      *Allow
	subdomains bool
	ttl        uint64
	room       int // bytes for a name, without the zone's
}

func newRPZ(s Settings) (File, error) {
	zone, err := s.word("zone", "rpz.selat")
	if err != nil {
		return nil, err
	}
	z := &rpz{allow: s.Allow, room: 255 - (len(strings.TrimSuffix(zone, ".")) + 2)}
	if z.ttl, err = s.number("ttl", 300, 1, 86400); err != nil {
		return nil, err
	}
	z.subdomains, err = s.yes("subdomains", true)
	return z, err
}

// Render writes the zone. Its serial is now in seconds since 1970 (RFC 1035
// §3.3.13), which grows with every change as long as there is at most one in a
// second.
func (z *rpz) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], now time.Time) (Count, error) {
	keys, count, err := gather(ctx, entries, z.allow, z.takes, owner)
	if err != nil {
		return count, err
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "$TTL %d\n", z.ttl)
	fmt.Fprintf(out, "@ IN SOA localhost. root.localhost. ( %d 3600 600 86400 %d )\n", uint32(max(now.Unix(), 1)), z.ttl)
	fmt.Fprintf(out, "@ IN NS localhost.\n")
	for _, key := range keys {
		fmt.Fprintf(out, "%s CNAME .\n", key)
		count.Lines++
		if z.subdomains && !strings.HasSuffix(key, ".rpz-ip") {
			fmt.Fprintf(out, "*.%s CNAME .\n", key)
			count.Lines++
		}
	}
	return count, out.Flush()
}

// takes leaves out names that with the zone's would be longer than any may be
// (RFC 1035 §2.3.4), and those that the zone itself gives a meaning.
func (z *rpz) takes(v value) string {
	if why := domainList(v); why != "" {
		return addressList(v)
	}
	// In the message each label has its length before it, as "*." has too.
	if len(v.text)+1+len("*.") > z.room {
		return NameTooLong
	}
	switch v.text[strings.LastIndexByte(v.text, '.')+1:] {
	case "rpz-ip", "rpz-nsip", "rpz-client-ip", "rpz-nsdname":
		return NoValue
	}
	return ""
}

// owner is the name by which the zone knows a value: of an address the length of
// the prefix and the address backwards, with zz for the longest run of zeros.
func owner(v value) string {
	p, ok := v.network()
	if !ok || v.kind == pattern.DomainName {
		return v.text
	}
	labels := []string{strconv.Itoa(p.Bits())}
	if p.Addr().Is4() {
		b := p.Addr().As4()
		for i := range b {
			labels = append(labels, strconv.Itoa(int(b[3-i])))
		}
	} else {
		labels = append(labels, reversed6(p.Addr())...)
	}
	return strings.Join(append(labels, "rpz-ip"), ".")
}

func reversed6(a netip.Addr) []string {
	b := a.As16()
	var groups [8]uint16
	for i := range groups {
		groups[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	from, length := 0, 1 // a single zero is written as it is
	for i := 0; i < 8; i++ {
		n := 0
		for i+n < 8 && groups[i+n] == 0 {
			n++
		}
		if n > length {
			from, length = i, n
		}
	}
	var labels []string
	for i := 7; i >= 0; i-- {
		if length > 1 && i == from+length-1 {
			labels = append(labels, "zz")
			i = from
			continue
		}
		labels = append(labels, strconv.FormatUint(uint64(groups[i]), 16))
	}
	return labels
}
