package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

// A list has one value a line, each once and in order, in the form of one
// consumer.
type list struct {
	allow *Allow
	takes choice
	// key is the value as the list has it.
	key          func(value) string
	before, line string // line has %s where the value stands
}

var (
	domainList  = of(pattern.DomainName)
	addressList = of(pattern.IPv4Address, pattern.IPv4Network, pattern.IPv6Address, pattern.IPv6Network)
)

// listKinds holds what a plain list can be of.
var listKinds = map[string]choice{
	"domains":       domainList,
	"addresses":     addressList,
	"urls":          of(pattern.URL),
	"emails":        of(pattern.EmailAddress),
	"file-hashes":   of(pattern.FileHash),
	"certificates":  of(pattern.CertificateHash),
	"mac-addresses": of(pattern.MACAddress),
}

var listFormats = []Format{
	{
		Name: "list", About: "one value a line, for whatever reads such lists", Default: "selat.txt",
		Options: []Option{{Name: "values", Default: "domains", About: "what to list, with commas: " +
			strings.Join(slices.Sorted(maps.Keys(listKinds)), ", ")}},
		File: newList,
	},
	domainFormat("hosts", "a hosts file that leads domains nowhere", "selat.hosts", "", "", "0.0.0.0 %s\n"),
	domainFormat("dnsmasq", "dnsmasq configuration that answers NXDOMAIN for domains and what is below", "selat.dnsmasq.conf",
		"dnsmasq --test --conf-file={}", "systemctl restart dnsmasq", "address=/%s/\n"),
	domainFormat("unbound", "unbound configuration that answers NXDOMAIN for domains and what is below", "selat.unbound.conf",
		"unbound-checkconf {}", "unbound-control reload", "  local-zone: \"%s.\" always_nxdomain\n"),
	domainFormat("adblock", "a filter list for AdGuard, Pi-hole and browsers", "selat.adblock.txt", "", "", "||%s^\n"),
	nftablesFormat, ipsetFormat,
}

func domainFormat(name, about, file, check, reload, line string) Format {
	before := ""
	switch name {
	case "unbound":
		before = "server:\n"
	case "adblock":
		before = "[Adblock Plus]\n"
	}
	return Format{
		Name: name, About: about, Default: file, Check: check, Reload: reload,
		File: func(s Settings) (File, error) {
			return &list{allow: s.Allow, takes: domainList, key: text, before: before, line: line}, nil
		},
	}
}

func text(v value) string { return v.text }

func newList(s Settings) (File, error) {
	names, err := s.choices("values", "domains", slices.Sorted(maps.Keys(listKinds))...)
	if err != nil {
		return nil, err
	}
	takes := func(v value) string {
		for _, name := range names {
			if listKinds[name](v) == "" {
				return ""
			}
		}
		return NoValue
	}
	return &list{allow: s.Allow, takes: takes, key: text, line: "%s\n"}, nil
}

func (l *list) Render(ctx context.Context, w io.Writer, entries iter.Seq[Entry], _ time.Time) (Count, error) {
	keys, count, err := gather(ctx, entries, l.allow, l.takes, l.key)
	if err != nil {
		return count, err
	}
	out := bufio.NewWriter(w)
	out.WriteString(l.before)
	for _, key := range keys {
		fmt.Fprintf(out, l.line, key)
	}
	count.Lines = len(keys)
	return count, out.Flush()
}

// gather returns the values of all entries as key has them, each once, in order.
func gather(ctx context.Context, entries iter.Seq[Entry], allow *Allow, takes choice, key func(value) string) ([]string, Count, error) {
	keys := map[string]bool{}
	count, err := judgeAll(ctx, entries, allow, takes, func(v *verdict) (int, error) {
		for _, one := range v.values {
			keys[key(one)] = true
		}
		return 0, nil
	})
	return slices.Sorted(maps.Keys(keys)), count, err
}
