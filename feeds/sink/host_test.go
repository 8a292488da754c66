package sink

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spellings are of bücher.example, bank.example and 192.0.2.8, as those have them
// who want to get past an allow-list.
var spellings = []string{
	"bücher.example", "BÜCHER.example", "b%C3%BCcher.example", "XN--BCHER-KVA.example", "bu\u0308cher.example",
	"bank.example", "bank.example.", "bank.example..", "bank。example", "bank．example。", "ｂａｎｋ.example", "BANK.Example", "www.bank.example",
	"192.0.2.8", "192.0.2.8.", "3221225992", "0xC0000208", "0xc0.0x0.0x2.0x8", "0300.0.02.010", "192.520", "192.0.520", "192.0.0x208",
	"１９２.0.2.8", "192。0。2。8", "[::ffff:192.0.2.8]", "[::ffff:c000:208]", "[2001:DB8:0::1]",
}

var spelledAllow = []string{"bücher.example", "bank.example", "192.0.2.8", "2001:db8::1"}

// files renders a format, and returns all that it wrote.
func files(t *testing.T, name string, s Settings, entries ...Entry) (string, Count) {
	t.Helper()
	f, err := FormatNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	if f.File != nil {
		return render(t, fileOf(t, name, s), entries...)
	}
	folder, err := f.Folder(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	count, err := folder.Render(context.Background(), dir, slices.Values(entries), noon)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String(), count
}

// blocking are the formats that say what to block or to alert on.
var blocking = []string{"list", "hosts", "dnsmasq", "unbound", "adblock", "rpz", "zeek", "suricata", "suricata-datasets", "nftables", "ipset", "sigma", "misp-feed"}

func TestNoSpellingGetsAHostPastTheAllowList(t *testing.T) {
	for _, format := range []string{"list", "suricata", "suricata-datasets", "zeek", "sigma", "misp-feed"} {
		s := Settings{Allow: allowing(t, spelledAllow...)}
		if format == "list" {
			s.Options = map[string]string{"values": "urls"}
		}
		for _, spelled := range spellings {
			for _, url := range []string{"http://" + spelled + "/", "https://a:b@" + spelled + ":8443?x"} {
				if text, count := files(t, format, s, indicator(1, "x", "[url:value = "+quote(url)+"]")); count.Skipped[OnAllowList] != 1 {
					t.Errorf("%s, %s: %+v\n%s", format, url, count, text)
				}
			}
		}
	}
}

func TestAHostIsWrittenInOneSpelling(t *testing.T) {
	file := fileOf(t, "list", Settings{Options: map[string]string{"values": "urls"}})
	for _, test := range []struct{ url, want string }{
		{"http://bücher.example/ä", "http://xn--bcher-kva.example/ä"},
		{"HTTP://u:p@BAD.example.:8080?Q#F", "HTTP://u:p@bad.example:8080?Q#F"},
		{"http://bad。example", "http://bad.example"},
		{"http://3405803783/a", "http://203.0.113.7/a"},
		{"http://[::ffff:203.0.113.7]:81/", "http://203.0.113.7:81/"},
		{"http://[2001:0DB8::0001]/", "http://[2001:db8::1]/"},
		{"http://_a.bad.example/", "http://_a.bad.example/"},
	} {
		if text, count := render(t, file, indicator(1, "x", "[url:value = "+quote(test.url)+"]")); text != test.want+"\n" {
			t.Errorf("%s is written %q: %+v", test.url, text, count)
		}
	}
	rules, _ := render(t, fileOf(t, "suricata", Settings{}), indicator(1, "x", "[url:value = 'http://bücher.example/']"))
	if !strings.Contains(rules, `http.host; content:"xn--bcher-kva.example"`) {
		t.Errorf("clients send xn--bcher-kva.example:\n%s", rules)
	}
}

func TestAHostThatMayMeanTwoMachinesIsWithheld(t *testing.T) {
	for _, host := range []string{"1.2.3.4.5", "256.1.1.1", "4294967296", "09.1.1.1", "a..example", "-a.example", "xn--ü.example", "a／b.example", "a.example.0"} {
		file := fileOf(t, "list", Settings{Options: map[string]string{"values": "urls"}})
		pattern := "[url:value = " + quote("http://"+host+"/") + "]"
		if text, count := render(t, file, indicator(1, "x", pattern)); count.Skipped[UnclearHost] != 1 {
			t.Errorf("%s: %+v\n%s", host, count, text)
		}
	}
	for _, pattern := range []string{"domain-name:value = '0xcb.0x0.0x71.0x7'", "email-addr:value = 'a@0xcb007107'"} {
		file := fileOf(t, "list", Settings{Options: map[string]string{"values": "domains,emails"}})
		if text, count := render(t, file, indicator(1, "x", "["+pattern+"]")); count.Skipped[UnclearHost] != 1 {
			t.Errorf("%s: %+v\n%s", pattern, count, text)
		}
	}
}

func TestAnAttributeOfManyValuesHasNoneThatIsAllowed(t *testing.T) {
	allow := allowing(t, append(spelledAllow, "0123456789abcdef0123456789abcdef")...)
	for _, pattern := range []string{
		"domain-name:value = 'bank.example' AND domain-name:resolves_to_refs[*].value = '203.0.113.9'",
		"domain-name:value = 'bad.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.8'",
		"network-traffic:dst_ref.value = 'www.bank.example' AND network-traffic:dst_port = 443",
		"network-traffic:dst_ref.value = '192.0.2.8' AND network-traffic:dst_port = 443",
		"network-traffic:src_ref.value = '192.0.2.8' AND network-traffic:src_port = 443",
		"file:name = 'a.exe' AND file:hashes.MD5 = '0123456789abcdef0123456789abcdef'",
		"domain-name:value = 'Bank.example'", "email-addr:value = 'a@www.bank.example'", "ipv4-addr:value ISSUBSET '192.0.2.0/24'",
	} {
		if text, count := files(t, "misp-feed", Settings{}, indicator(1, "x", "["+pattern+"]")); count.Written != 1 {
			t.Errorf("without a list %s is not written, so this says nothing: %+v\n%s", pattern, count, text)
		}
		if text, count := files(t, "misp-feed", Settings{Allow: allow}, indicator(1, "x", "["+pattern+"]")); count.Skipped[OnAllowList] != 1 {
			t.Errorf("%s: %+v\n%s", pattern, count, text)
		}
	}
}

func TestWhatMeansAnotherMachineToEachIsInNoFormat(t *testing.T) {
	for _, format := range blocking {
		for _, pattern := range []string{"ipv4-addr:value = '10.0.0.1'", "ipv4-addr:value = '127.0.0.1'", "ipv6-addr:value = 'fe80::1'",
			"ipv4-addr:value ISSUBSET '192.168.0.0/16'", "url:value = 'http://127.1/x'", "url:value = 'http://[::ffff:10.0.0.1]/'"} {
			text, count := files(t, format, Settings{}, indicator(1, "x", "["+pattern+"]"))
			if count.Skipped[SpecialAddress]+count.Skipped[NoValue]+count.Skipped[UnsupportedPattern] != 1 {
				t.Errorf("%s, %s: %+v\n%s", format, pattern, count, text)
			}
		}
	}
}

func TestNobodysNeighboursAreBlockedWithAPublicSuffix(t *testing.T) {
	for _, format := range blocking {
		for _, test := range []struct {
			name   string
			public bool
		}{
			{"co.uk", true}, {"github.io", true}, {"com.sg", true}, {"anything.ck", true}, {"kawasaki.jp", true}, {"compute.amazonaws.com", true},
			{"xn--55qx5d.cn", true}, {"bad.co.uk", false}, {"bad.github.io", false}, {"www.ck", false}, {"bad.example", false},
		} {
			text, count := files(t, format, Settings{}, domainEntry(1, test.name))
			if count.Skipped[NoValue] == 1 { // a firewall
				continue
			}
			if (count.Skipped[IsPublicSuffix] == 1) != test.public || (count.Written == 1) == test.public {
				t.Errorf("%s, %s: %+v\n%s", format, test.name, count, text)
			}
		}
	}
	if text, count := render(t, fileOf(t, "list", Settings{Options: map[string]string{"values": "urls,emails"}}),
		indicator(1, "a page", "[url:value = 'http://github.io/x']"), indicator(2, "a sender", "[email-addr:value = 'a@co.uk']")); count.Written != 2 {
		t.Errorf("what names one thing there stays: %+v\n%s", count, text)
	}
}

func TestTheOneSpellingStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.SampledFrom(spellings), rapid.StringMatching(`(0x|0)?[0-9a-f]{1,4}(\.(0x|0)?[0-9a-f]{1,4}){0,4}\.?`),
			rapid.StringMatching(`[a-zü。ｂ_-]{1,9}\.[a-zß．.]{1,9}`), hostile()).Draw(t, "host")
		oneSpelling(t, s)
	})
}

func oneSpelling(t interface{ Fatalf(string, ...any) }, s string) {
	h, ok := readHost(s)
	if ok && (h.name == "") != h.addr.IsValid() {
		t.Fatalf("%q is read as %+v", s, h)
	}
	if again, still := readHost(strings.Trim(h.String(), "[]")); ok && (again != h || !still) {
		t.Fatalf("%q is read as %v, and that as %v", s, h, again)
	}
	url := "http://" + s + "/x"
	h, spelled, ok := hostOfURL(url)
	if again, twice, still := hostOfURL(spelled); ok && (again != h || twice != spelled || !still) {
		t.Fatalf("%q is read as %v in %q, and that as %v in %q", url, h, spelled, again, twice)
	}
}

func FuzzReadHost(f *testing.F) {
	for _, s := range spellings {
		f.Add(s)
	}
	f.Add("u@[fe80::1%25lo]:1")
	f.Add("a:b@c:@d:")
	f.Fuzz(func(t *testing.T, s string) {
		oneSpelling(t, s)
		if dotted, err := netip.ParseAddr(s); err == nil && dotted.Is4() {
			if h, ok := readHost(s); !ok || h.addr != dotted {
				t.Errorf("%q is read as %v", s, h)
			}
		}
	})
}
