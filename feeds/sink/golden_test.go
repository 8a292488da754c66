package sink

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/selat-hub/selat/stix"
)

// mixed has an entry of each kind that formats differ in.
func mixed() []Entry {
	th := domainEntry(2, "cdn.bad.example")
	th.Origin = "th"
	observed := Entry{Object: []byte(`{"type":"ipv4-addr","id":"ipv4-addr--1","value":"203.0.113.99"}`), Type: "ipv4-addr", ID: "ipv4-addr--1", Origin: "sg", Level: stix.Clear}
	return []Entry{
		addressEntry(1, "203.0.113.10"), th,
		indicator(3, "both", "[ipv4-addr:value = '203.0.113.66' AND domain-name:value = 'half.example']"),
		indicator(4, "not", "[domain-name:value != 'not.example']"),
		indicator(5, "first then", "[domain-name:value = 'first.example'] FOLLOWEDBY [domain-name:value = 'then.example']"),
		indicator(6, "nets", "[ipv4-addr:value ISSUBSET '203.0.113.0/28' OR ipv6-addr:value IN ('2001:db8::7', '2001:db8:0:1::')]"),
		indicator(7, "page", "[url:value = 'http://files.bad.example/a?x=\"1\";y#z']"),
		indicator(8, "file", "[file:hashes.'SHA-256' = '"+strings.Repeat("ab", 32)+"']"),
		indicator(9, "inside", "[ipv4-addr:value = '10.1.2.3']"),
		observed,
	}
}

func TestEachFormatIsAsItsConsumerHasIt(t *testing.T) {
	rest := map[string]string{
		"list":    "cdn.bad.example\n",
		"hosts":   "0.0.0.0 cdn.bad.example\n",
		"dnsmasq": "address=/cdn.bad.example/\n",
		"unbound": "server:\n  local-zone: \"cdn.bad.example.\" always_nxdomain\n",
		"adblock": "[Adblock Plus]\n||cdn.bad.example^\n",
		"nftables": "add table inet selat\nadd set inet selat blocked4 { type ipv4_addr; flags interval; }\nflush set inet selat blocked4\n" +
			"add element inet selat blocked4 {\n\t203.0.113.0/28,\n}\n" +
			"add set inet selat blocked6 { type ipv6_addr; flags interval; }\nflush set inet selat blocked6\n" +
			"add element inet selat blocked6 {\n\t2001:db8::7,\n\t2001:db8:0:1::,\n}\n",
		"ipset": "create selat4 hash:net family inet maxelem 65536 -exist\ncreate selat4-new hash:net family inet maxelem 65536 -exist\nflush selat4-new\n" +
			"add selat4-new 203.0.113.0/28\nswap selat4-new selat4\ndestroy selat4-new\n" +
			"create selat6 hash:net family inet6 maxelem 65536 -exist\ncreate selat6-new hash:net family inet6 maxelem 65536 -exist\nflush selat6-new\n" +
			"add selat6-new 2001:db8::7\nadd selat6-new 2001:db8:0:1::\nswap selat6-new selat6\ndestroy selat6-new\n",
		"rpz": "$TTL 300\n@ IN SOA localhost. root.localhost. ( 1787227200 3600 600 86400 300 )\n@ IN NS localhost.\n" +
			"128.7.zz.db8.2001.rpz-ip CNAME .\n128.zz.1.0.db8.2001.rpz-ip CNAME .\n28.0.113.0.203.rpz-ip CNAME .\n32.10.113.0.203.rpz-ip CNAME .\n" +
			"cdn.bad.example CNAME .\n*.cdn.bad.example CNAME .\n",
		"zeek": "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.do_notice\n" +
			"203.0.113.10\tIntel::ADDR\tsg\tInventedBot C2 TLP:GREEN\tT\n" +
			"cdn.bad.example\tIntel::DOMAIN\tth\tInvented TLP:GREEN\tT\n" +
			"2001:db8::7\tIntel::ADDR\tsg\tnets TLP:GREEN\tT\n2001:db8:0:1::\tIntel::ADDR\tsg\tnets TLP:GREEN\tT\n" +
			"203.0.113.0/28\tIntel::SUBNET\tsg\tnets TLP:GREEN\tT\n" +
			"files.bad.example/a?x=\"1\";y\tIntel::URL\tsg\tpage TLP:GREEN\tT\n" +
			strings.Repeat("ab", 32) + "\tIntel::FILE_HASH\tsg\tfile TLP:GREEN\tT\n",
	}
	for name, want := range rest {
		t.Run(name, func(t *testing.T) {
			got, count := render(t, fileOf(t, name, Settings{}), mixed()...)
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			skipped := 0
			for _, n := range count.Skipped {
				skipped += n
			}
			if count.Entries != 10 || count.Written+skipped != 10 || count.Skipped[UnsupportedPattern] != 3 || count.Skipped[NoVerdict] != 1 {
				t.Errorf("%+v", count)
			}
		})
	}
}

// sample reads one of the samples of the field.
func sample(t *testing.T, name string) string {
	t.Helper()
	root := cmp.Or(os.Getenv("SELAT_SHARED"), "../../../shared")
	b, err := os.ReadFile(filepath.Join(root, "samples", "synthetic", name))
	if err != nil {
		t.Skipf("skipped: the samples are not there (SELAT_SHARED): %v", err)
	}
	return string(b)
}

// The serial differs: the sample writes the date with a count of the day, ours is
// seconds, which grow without anybody counting.
func TestTheZoneIsAsTheSample(t *testing.T) {
	got, _ := render(t, fileOf(t, "rpz", Settings{}), addressEntry(1, "203.0.113.10"), domainEntry(2, "cdn.bad.example"))
	want := strings.Replace(sample(t, "expected-rpz.zone"), "2026082001", fmt.Sprint(noon.Unix()), 1)
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
	if len(got) != len(strings.TrimSpace(want))+1 {
		t.Errorf("there is more than\n%s\nin\n%s", want, got)
	}
}

// Two things differ: the source is the member's name in the hub, sg for CERT-SG,
// and every description says its TLP, where the sample's second says none.
func TestTheZeekFileIsAsTheSample(t *testing.T) {
	th := domainEntry(2, "cdn.bad.example")
	th.Origin = "th"
	got, _ := render(t, fileOf(t, "zeek", Settings{}), addressEntry(1, "203.0.113.10"), th)
	want := strings.NewReplacer("CERT-SG", "sg", "CERT-TH", "th", "\tInvented\t", "\tInvented TLP:GREEN\t").Replace(sample(t, "expected-zeek.intel"))
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Ours says in addition who the origin is, since the hub has many, and a key by
// which repeats are told.
func TestTheCEFLineIsAsTheSample(t *testing.T) {
	e := indicator(1, "InventedBot C2", "[network-traffic:dst_ref.value = '203.0.113.10' AND network-traffic:dst_port = 443]")
	c := newCEF(Settings{Options: map[string]string{"vendor": "CERT-SG"}})
	got := c.lines(Event{Kind: Created, Entry: e, At: noon.Add(-2 * 3600e9), Key: "k"})
	want := strings.TrimSpace(sample(t, "expected-cef.log")) + " cs3Label=origin cs3=sg externalId=k"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
