package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"time"
)

var nftablesFormat = Format{
	Name: "nftables", About: "two nftables sets, of IPv4 and of IPv6, that replace their elements at once", Default: "selat.nft",
	Reload: "nft --file {}", // nft --check needs CAP_NET_ADMIN, which a daemon should not have
	Options: []Option{
		{Name: "table", Default: "selat", About: "the table of family inet that the sets are in"},
		{Name: "set", Default: "blocked", About: "the name of the sets, to which 4 and 6 is added"},
	},
	File: func(s Settings) (File, error) {
		table, err := s.word("table", "selat")
		if err != nil {
			return nil, err
		}
		set, err := s.word("set", "blocked")
		return &firewall{allow: s.Allow, write: func(w io.Writer, four, six []netip.Prefix) {
			writeNftables(w, table, set, four, six)
		}}, err
	},
}

var ipsetFormat = Format{
	Name: "ipset", About: "two ipset sets, of IPv4 and of IPv6, for ipset restore", Default: "selat.ipset",
	Reload:  "ipset restore -file {}",
	Options: []Option{{Name: "set", Default: "selat", About: "the name of the sets, at most 24 characters, to which 4 and 6 is added"}},
	File: func(s Settings) (File, error) {
		set, err := s.word("set", "selat")
		if err == nil && len(set) > 24 {
			err = fmt.Errorf("set: %q has more than 24 characters", set)
		}
		return &firewall{allow: s.Allow, write: func(w io.Writer, four, six []netip.Prefix) {
			writeIpset(w, set, four, six)
		}}, err
	},
}

// A firewall takes addresses and networks, none of them inside another: it
// refuses sets whose elements overlap.
type firewall struct {
	allow *Allow
	write func(w io.Writer, four, six []netip.Prefix)
}

func (f *firewall) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	var four, six []netip.Prefix
	count, err := judgeAll(ctx, entries, f.allow, addressList, func(v *verdict) (int, error) {
		for _, one := range v.values {
			if p, ok := one.network(); ok && p.Addr().Is4() {
				four = append(four, p)
			} else if ok {
				six = append(six, p)
			}
		}
		return 0, nil
	})
	if err != nil {
		return count, err
	}
	four, six = outermost(four), outermost(six)
	count.Lines = len(four) + len(six)
	out := bufio.NewWriter(w)
	f.write(out, four, six)
	return count, out.Flush()
}

// outermost leaves out what is inside another, and puts the rest in order.
func outermost(all []netip.Prefix) []netip.Prefix {
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var kept []netip.Prefix
	for _, p := range all {
		if n := len(kept); n == 0 || !kept[n-1].Overlaps(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// writeNftables makes the sets where they are missing, so that the file loads
// on a fresh machine, and exchanges their elements in one transaction.
func writeNftables(w io.Writer, table, set string, four, six []netip.Prefix) {
	fmt.Fprintf(w, "add table inet %s\n", table)
	for _, family := range []struct {
		name, typ string
		elements  []netip.Prefix
	}{{set + "4", "ipv4_addr", four}, {set + "6", "ipv6_addr", six}} {
		fmt.Fprintf(w, "add set inet %s %s { type %s; flags interval; }\n", table, family.name, family.typ)
		fmt.Fprintf(w, "flush set inet %s %s\n", table, family.name)
		if len(family.elements) == 0 {
			continue
		}
		fmt.Fprintf(w, "add element inet %s %s {\n", table, family.name)
		for _, p := range family.elements {
			fmt.Fprintf(w, "\t%s,\n", bare(p))
		}
		fmt.Fprintln(w, "}")
	}
}

// ipsetMost is the same for all sets at all times: create -exist refuses a set that
// is there with another. Only elements take memory.
const ipsetMost = 1 << 24

// writeIpset fills new sets and swaps them in. What a restore that was cut short
// has left is emptied, since destroy -exist would need Linux 5.12.
func writeIpset(w io.Writer, set string, four, six []netip.Prefix) {
	for _, family := range []struct {
		name, typ string
		elements  []netip.Prefix
	}{{set + "4", "inet", four}, {set + "6", "inet6", six}} {
		for _, name := range []string{family.name, family.name + "-new"} {
			fmt.Fprintf(w, "create %s hash:net family %s maxelem %d -exist\n", name, family.typ, ipsetMost)
		}
		fmt.Fprintf(w, "flush %s-new\n", family.name)
		for _, p := range family.elements {
			fmt.Fprintf(w, "add %s-new %s\n", family.name, bare(p))
		}
		fmt.Fprintf(w, "swap %s-new %s\ndestroy %s-new\n", family.name, family.name, family.name)
	}
}

// bare is a network of one address without its prefix.
func bare(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
