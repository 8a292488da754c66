package sink

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// lineForms holds what each line of a format must look like, whatever strangers
// write.
var lineForms = map[string]string{
	"list":     `[a-z0-9_.-]+`,
	"hosts":    `0\.0\.0\.0 [a-z0-9_.-]+`,
	"dnsmasq":  `address=/[a-z0-9_.-]+/`,
	"unbound":  `server:|  local-zone: "[a-z0-9_.-]+\." always_nxdomain`,
	"adblock":  `\[Adblock Plus\]|\|\|[a-z0-9_.-]+\^`,
	"nftables": `(add|flush) (table|set|element) inet selat.*|\t[0-9a-f:./]+,|}`,
	"ipset":    `(create|flush|add|swap|destroy) selat[46](-new)?( .*)?`,
	"rpz":      `\$TTL 300|@ IN (SOA|NS) localhost\..*|(\*\.)?[a-z0-9_.-]+ CNAME \.`,
	"zeek":     `#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.do_notice|[^\t]+\tIntel::[A-Z_]+\tsg\t[^\t]*TLP:[A-Z+]+\tT`,
	"suricata": `alert (dns|tls|http|ip|tcp|udp) \$HOME_NET any -> \S+ \S+ \(msg:"[^";\\]*"; [^"]*("[^";\\]*";[^"]*)*sid:[0-9]+; rev:[0-9]+;\)`,
}

func TestNoLineIsOtherThanTheFormatHasIt(t *testing.T) {
	for name, form := range lineForms {
		t.Run(name, func(t *testing.T) {
			whole := regexp.MustCompile(`^(?:` + form + `)$`)
			file := fileOf(t, name, Settings{})
			rapid.Check(t, func(t *rapid.T) {
				entries := entriesOf(6).Draw(t, "all")
				text, count := render(t, file, entries...)
				for line := range strings.Lines(text) {
					line = strings.TrimSuffix(line, "\n")
					if line != "" && !whole.MatchString(line) {
						t.Fatalf("%q", line)
					}
				}
				left := count.Written
				for _, n := range count.Skipped {
					left += n
				}
				if count.Entries != len(entries) || left != len(entries) {
					t.Fatalf("%d entries: %+v", len(entries), count)
				}
				if again, _ := render(t, file, entries...); again != text {
					t.Fatal("equal entries make other bytes")
				}
			})
		})
	}
}

func TestEveryValueThatSettlesIsInTheFileOnce(t *testing.T) {
	list := fileOf(t, "list", Settings{Options: map[string]string{"values": "domains,addresses,urls,emails,file-hashes,certificates"}})
	zone := fileOf(t, "rpz", Settings{Options: map[string]string{"subdomains": "no"}})
	rapid.Check(t, func(t *rapid.T) {
		entries := entriesOf(6).Draw(t, "all")
		want := map[string]int{}
		names := map[string]int{}
		for _, e := range entries {
			v, _ := judge(e)
			if v == nil {
				continue
			}
			for _, one := range v.values {
				if withheld(one, nil) != "" {
					continue
				}
				if newRPZZone.takes(one) == "" {
					names[owner(one)] = 1
				}
				if one.kind.String() != "file-name" {
					want[one.text] = 1
				}
			}
		}
		text, _ := render(t, list, entries...)
		got := map[string]int{}
		for line := range strings.Lines(text) {
			got[strings.TrimSuffix(line, "\n")]++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		text, _ = render(t, zone, entries...)
		got = map[string]int{}
		for line := range strings.Lines(text) {
			if name, ok := strings.CutSuffix(line, " CNAME .\n"); ok {
				got[name]++
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(names) {
			t.Fatalf("got %v, want %v", got, names)
		}
	})
}

var newRPZZone = &rpz{room: 255 - len("rpz.selat") - 2}

func TestSidsAreNeverTwiceAndDoNotMoveWhenOthersCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := uint64(rapid.IntRange(1, 300).Draw(t, "size"))
		s := newSids(4294967000-size, size)
		seen := map[uint32]bool{}
		for n := range size {
			sid, err := s.of(fmt.Sprint(n))
			if err != nil || seen[sid] || uint64(sid) < s.from || uint64(sid) >= s.from+size {
				t.Fatal(sid, err)
			}
			seen[sid] = true
		}
		if _, err := s.of("one too many"); err == nil {
			t.Fatal("there are more numbers than the range has")
		}
	})
	alone, crowd := newSids(1e9, 1e9), newSids(1e9, 1e9)
	for n := range 1000 {
		crowd.of(fmt.Sprint("other", n))
	}
	a, _ := alone.of("mine")
	b, _ := crowd.of("mine")
	if a != b {
		t.Errorf("%d alone, %d among others", a, b)
	}
}

func TestARuleKeepsItsSidAndItsRevisionGrows(t *testing.T) {
	rule := regexp.MustCompile(`sid:(\d+); rev:(\d+);`)
	old := domainEntry(1, "bad.example")
	young := old
	young.Version = "2026-08-21T10:00:00Z"
	file := fileOf(t, "suricata", Settings{})
	before, _ := render(t, file, old)
	after, _ := render(t, file, young, domainEntry(2, "other.example"))
	a, b := rule.FindStringSubmatch(before), rule.FindStringSubmatch(after)
	if a[1] != b[1] || a[2] >= b[2] {
		t.Errorf("%v, then %v", a, b)
	}
}

func BenchmarkRender(b *testing.B) {
	const many = 100_000
	var entries []Entry
	for n := range many {
		switch n % 4 {
		case 0:
			entries = append(entries, domainEntry(n, fmt.Sprintf("h%d.bad.example", n)))
		case 1:
			entries = append(entries, addressEntry(n, fmt.Sprintf("203.%d.%d.%d", n>>16&255, n>>8&255, n&255)))
		case 2:
			entries = append(entries, indicator(n, "Invented", fmt.Sprintf("[url:value = 'http://h%d.bad.example/a']", n)))
		default:
			entries = append(entries, indicator(n, "Invented", fmt.Sprintf("[file:hashes.'SHA-256' = '%064x']", n)))
		}
	}
	for _, f := range Formats() {
		if f.Stream != nil {
			continue
		}
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				var count Count
				var err error
				if f.File != nil {
					out := bufio.NewWriter(io.Discard)
					count, err = fileOf(b, f.Name, Settings{}).Render(context.Background(), out, slices.Values(entries), noon)
				} else {
					folder, failed := f.Folder(Settings{})
					if failed != nil {
						b.Fatal(failed)
					}
					count, err = folder.Render(context.Background(), b.TempDir(), slices.Values(entries), noon)
				}
				if err != nil || count.Entries != many {
					b.Fatal(count, err)
				}
			}
			b.ReportMetric(many*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
