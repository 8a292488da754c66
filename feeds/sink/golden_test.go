package sink

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
		"ipset": "create selat4 hash:net family inet maxelem 16777216 -exist\ncreate selat4-new hash:net family inet maxelem 16777216 -exist\nflush selat4-new\n" +
			"add selat4-new 203.0.113.0/28\nswap selat4-new selat4\ndestroy selat4-new\n" +
			"create selat6 hash:net family inet6 maxelem 16777216 -exist\ncreate selat6-new hash:net family inet6 maxelem 16777216 -exist\nflush selat6-new\n" +
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

// An ipset keeps its maxelem, and create -exist fails for another.
func TestIpsetMakesTheSameSetsHoweverManyAddressesThereAre(t *testing.T) {
	creates := func(n int) (all []string) {
		var some []netip.Prefix
		for i := range n {
			some = append(some, netip.PrefixFrom(netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
		}
		var b strings.Builder
		writeIpset(&b, "selat", some, nil)
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(line, "create") {
				all = append(all, line)
			}
		}
		return all
	}
	few := creates(1)
	for _, n := range []int{0, 65537, 65541, 140000} {
		if many := creates(n); len(few) != 4 || !slices.Equal(few, many) {
			t.Errorf("of one it has %q, of %d %q", few, n, many)
		}
	}
}

// sample reads one of the samples of the field.
func sample(t *testing.T, name string) string {
	t.Helper()
	root := cmp.Or(os.Getenv("SELAT_SHARED"), "../../../shared")
	b, err := os.ReadFile(filepath.Join(root, "samples", name))
	if err != nil {
		t.Skipf("skipped: the samples are not there (SELAT_SHARED): %v", err)
	}
	return string(b)
}

// The serial differs: the sample writes the date with a count of the day, ours is
// seconds, which grow without anybody counting.
func TestTheZoneIsAsTheSample(t *testing.T) {
	got, _ := render(t, fileOf(t, "rpz", Settings{}), addressEntry(1, "203.0.113.10"), domainEntry(2, "cdn.bad.example"))
	want := strings.Replace(sample(t, "synthetic/expected-rpz.zone"), "2026082001", fmt.Sprint(noon.Unix()), 1)
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
	want := strings.NewReplacer("CERT-SG", "sg", "CERT-TH", "th", "\tInvented\t", "\tInvented TLP:GREEN\t").Replace(sample(t, "synthetic/expected-zeek.intel"))
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
	want := strings.TrimSpace(sample(t, "synthetic/expected-cef.log")) + " cs3Label=origin cs3=sg externalId=k"
	if len(got) != 1 || got[0] != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// ruleDiffers are the options in which our rules differ from the sample's, and why.
var ruleDiffers = map[string]string{
	"msg":      "ours has the origin and the TLP before the name, and not the value, which stands in content",
	"metadata": "ours names the object, its TLP, origin and confidence, the sample what sort of software it is",
	"sid":      "ours comes from the object, so that it stays with it, the sample's is counted",
	"rev":      "ours comes from the object's version",
	"depth":    "as long as the content it says the same as startswith, which ours has",
}

// ruleOptions is the head of a rule and its options but those that differ, sorted:
// no option here changes what another one means.
func ruleOptions(t *testing.T, rule string) []string {
	head, rest, ok := strings.Cut(rule, " (")
	if !ok || !strings.HasSuffix(rest, ";)") {
		t.Fatalf("%q is no rule", rule)
	}
	var out []string
	for _, o := range strings.Split(strings.TrimSuffix(rest, ";)"), "; ") {
		name, _, _ := strings.Cut(o, ":")
		if ruleDiffers[name] == "" && o != "startswith" {
			out = append(out, o)
		}
	}
	slices.Sort(out)
	return append([]string{head}, out...)
}

// Of each domain ours has a second rule, for the name in TLS. The sample asks for
// the domain alone, which ours does with subdomains: no.
func TestTheRulesForDomainsAreAsTheSample(t *testing.T) {
	line := regexp.MustCompile(`msg:"PTS STALKERWARE (.*) \(.*content:"([^"]+)"; depth:([0-9]+);`)
	var entries []Entry
	want := map[string][]string{}
	for n, rule := range strings.Split(strings.TrimSpace(sample(t, "output/stalkerware-suricata.head40.rules")), "\n") {
		m := line.FindStringSubmatch(rule)
		if m == nil || m[3] != fmt.Sprint(len(m[2])) {
			t.Fatalf("%q is of another form", rule)
		}
		e := indicator(n, m[1], "[domain-name:value = '"+m[2]+"']")
		var object map[string]any
		if err := json.Unmarshal(e.Object, &object); err != nil {
			t.Fatal(err)
		}
		object["external_references"] = []any{map[string]any{"source_name": "x", "url": "https://github.com/AssoEchap/stalkerware-indicators"}}
		e.Object, _ = json.Marshal(object) // it was read from JSON
		entries = append(entries, e)
		want[m[2]] = ruleOptions(t, rule)
	}
	got, count := render(t, fileOf(t, "suricata", Settings{Options: map[string]string{"subdomains": "no", "classtype": "targeted-activity"}}), entries...)
	if len(want) != 40 || count.Written != 40 || count.Lines != 80 {
		t.Fatalf("of %d domains: %+v", len(want), count)
	}
	seen := map[string]bool{}
	for _, rule := range strings.Split(strings.TrimSpace(got), "\n") {
		if strings.HasPrefix(rule, "alert tls ") {
			continue
		}
		_, domain, _ := strings.Cut(rule, `content:"`)
		domain, _, _ = strings.Cut(domain, `"`)
		if ours := ruleOptions(t, rule); !slices.Equal(ours, want[domain]) || seen[domain] || !strings.Contains(rule, "; startswith;") {
			t.Errorf("of %s ours asks %q, the sample %q", domain, ours, want[domain])
		}
		seen[domain] = true
	}
	if len(seen) != 40 {
		t.Errorf("there are rules for %d domains", len(seen))
	}
}
