package pattern

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAConstantIsReadByItsPath(t *testing.T) {
	const md5 = "D41D8CD98F00B204E9800998ECF8427E"
	sha256 := strings.Repeat("0a", 32)
	for _, c := range []struct{ source, want string }{
		{"[ipv4-addr:value = '198.51.100.1']", "ipv4-address 198.51.100.1"},
		{"[ipv4-addr:value = '198.51.100.1/32']", "ipv4-address 198.51.100.1"},
		{"[ipv4-addr:value = '198.51.100.7/24']", "ipv4-network 198.51.100.0/24"},
		{"[ipv4-addr:value ISSUBSET '198.51.100.7/24']", "ipv4-network 198.51.100.0/24"},
		{"[ipv4-addr:value = '198.51.100.300']", "other 198.51.100.300"},
		{"[ipv4-addr:value = '198.51.100.010']", "other 198.51.100.010"},
		{"[ipv4-addr:value = '2001:db8::1']", "other 2001:db8::1"},
		{"[ipv4-addr:value LIKE '198.51.100.1']", "other 198.51.100.1"},
		{"[ipv4-addr:value MATCHES '198.51.100.1']", "other 198.51.100.1"},
		{"[ipv4-addr:value >= '198.51.100.1']", "other 198.51.100.1"},
		{"[ipv6-addr:value = '2001:0DB8::0:1']", "ipv6-address 2001:db8::1"},
		{"[ipv6-addr:value = '2001:db8::1/32']", "ipv6-network 2001:db8::/32"},
		{"[ipv6-addr:value = 'fe80::1%eth0']", "other fe80::1%eth0"},
		{"[domain-name:value = 'WWW.Example.COM.']", "domain-name www.example.com"},
		{"[domain-name:value = '_dmarc.example.com']", "domain-name _dmarc.example.com"},
		{"[domain-name:value = 'xn--bcher-kva.example']", "domain-name xn--bcher-kva.example"},
		{"[domain-name:value = 'bücher.example']", "other bücher.example"},
		{"[domain-name:value = '*.example.com']", "other *.example.com"},
		{"[domain-name:value = '198.51.100.1']", "other 198.51.100.1"},
		{"[domain-name:value = 'a..example']", "other a..example"},
		{"[domain-name:value = '-a.example']", "other -a.example"},
		{"[domain-name:value = 'a-.example']", "other a-.example"},
		{"[domain-name:value = '']", "other "},
		{"[domain-name:value = 'example.com\nevil']", "other example.com\nevil"},
		{"[domain-name:value = '" + strings.Repeat("a", 64) + ".example']", "other " + strings.Repeat("a", 64) + ".example"},
		{"[url:value = 'HTTPS://Example.com/A?b']", "url HTTPS://Example.com/A?b"},
		{"[url:value = 'example.com/a']", "other example.com/a"},
		{"[url:value = 'https:///a']", "other https:///a"},
		{"[url:value = 'https://example.com/a b']", "other https://example.com/a b"},
		{"[email-addr:value = 'User@Example.COM']", "email-address User@example.com"},
		{"[email-addr:value = 'A <user@example.com>']", "other A <user@example.com>"},
		{"[email-message:from_ref.value = 'user@example.com']", "email-address user@example.com"},
		{"[email-message:from_ref.value = '198.51.100.1']", "other 198.51.100.1"},
		{"[email-message:to_refs[*].value = 'user@example.com']", "email-address user@example.com"},
		{"[mac-addr:value = '00-00-5E-00-53-01']", "mac-address 00:00:5e:00:53:01"},
		{"[mac-addr:value = '00-00-5E-00-53']", "other 00-00-5E-00-53"},
		{"[network-traffic:dst_ref.value = '198.51.100.1']", "ipv4-address 198.51.100.1"},
		{"[network-traffic:dst_ref.value = 'example.com']", "domain-name example.com"},
		{"[network-traffic:dst_ref.value = 'localhost']", "other localhost"},
		{"[domain-name:resolves_to_refs[*].value = '2001:DB8::1']", "ipv6-address 2001:db8::1"},
		{"[x-thing:some_ref.other_ref.value = 'https://example.com/']", "url https://example.com/"},
		{"[file:hashes.MD5 = '" + md5 + "']", "file-hash MD5 " + strings.ToLower(md5)},
		{"[file:hashes.sha256 = '" + sha256 + "']", "file-hash SHA-256 " + sha256},
		{"[file:hashes.'SHA3-256' = '" + sha256 + "']", "file-hash SHA3-256 " + sha256},
		{"[file:hashes.'Sha3-256' = '" + sha256 + "']", "file-hash SHA3-256 " + sha256},
		{"[file:hashes.'sha_256' = '" + sha256 + "']", "other " + sha256},
		{"[file:hashes.'S-H-A-256' = '" + sha256 + "']", "other " + sha256},
		{"[file:hashes.'\u017fha-256' = '" + sha256 + "']", "other " + sha256},
		{"[file:hashes.'SHA-384' = '" + sha256 + sha256[:32] + "']", "other " + sha256 + sha256[:32]},
		{"[file:hashes.'SHA-256' = '" + md5 + "']", "other " + md5},
		{"[file:hashes.IMPHASH = '" + md5 + "']", "other " + md5},
		{"[file:hashes.SSDEEP = '3:AIO9AJraNvsgzsVqSwHq:AeiV6']", "file-hash SSDEEP 3:AIO9AJraNvsgzsVqSwHq:AeiV6"},
		{"[file:hashes.SSDEEP = '3:a']", "other 3:a"},
		{"[file:hashes.tlsh = 't1" + sha256 + "aabbcc']", "file-hash TLSH T1" + strings.ToUpper(sha256+"aabbcc")},
		{"[file:hashes.TLSH = 'T1" + sha256 + "aabb']", "other T1" + sha256 + "aabb"},
		{"[artifact:hashes.MD5 = '" + md5 + "']", "file-hash MD5 " + strings.ToLower(md5)},
		{"[process:image_ref.hashes.MD5 = '" + md5 + "']", "file-hash MD5 " + strings.ToLower(md5)},
		{"[x509-certificate:hashes.MD5 = '" + md5 + "']", "certificate-hash MD5 " + strings.ToLower(md5)},
		{"[x-thing:hashes.MD5 = '" + md5 + "']", "other " + md5},
		{"[file:name = 'Setup.exe']", "file-name Setup.exe"},
		{"[directory:path = '/tmp']", "directory-path /tmp"},
		{`[windows-registry-key:key = 'HKLM\\Run']`, `registry-key hklm\run`},
		{"[mutex:name = 'Global']", "mutex-name Global"},
		{"[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'curl']", "user-agent curl"},
		{"[network-traffic:extensions.'http-request-ext'.request_header.'user-agent'[0] = 'curl']", "user-agent curl"},
		{"[network-traffic:extensions.'http-request-ext'.request_header.'u\u017fer-agent' = 'curl']", "other curl"},
		{"[network-traffic:extensions.'http-request-ext'.request_header.Host = 'example.com']", "other example.com"},
		{"[autonomous-system:number = 64496]", "as-number 64496"},
		{"[autonomous-system:number = -1]", "other -1"},
		{"[ipv4-addr:value = 5]", "other 5"},
		{"[file:size = 1.0]", "other 1"},
	} {
		t.Run(c.source, func(t *testing.T) {
			o := Values(parsed(t, c.source))[0]
			got := o.Kind.String()
			if o.Algorithm != "" {
				got += " " + o.Algorithm
			}
			if got += " " + o.Canonical; got != c.want {
				t.Errorf("read as %s, want %s", got, c.want)
			}
		})
	}
}

func TestAValueThatWouldBreakAListIsOfNoKnownKind(t *testing.T) {
	const userAgent = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
	for _, path := range []string{"file:name", "directory:path", "mutex:name", "windows-registry-key:key", userAgent, "url:value", "email-addr:value"} {
		for _, r := range "\x00\t\n\r\x1b\x7f\u0085\u00ad\u200b\u2028\u2029\u202e\u2066\ufeff\U000e0041" {
			p := parsed(t, fmt.Sprintf("[%s = 'http://example.com/a%cb@example.com']", path, r))
			if o := Values(p)[0]; o.Kind != Other || o.Decisive() {
				t.Errorf("with %U, %s is read as %s", r, path, o.Kind)
			}
		}
	}
	for _, r := range "\u00a0\u3000" {
		if o := Values(parsed(t, fmt.Sprintf("[url:value = 'http://example.com/%c']", r)))[0]; o.Kind != Other {
			t.Errorf("a URL with %U is read as %s", r, o.Kind)
		}
	}
	if o := Values(parsed(t, "[file:name = 'Отчёт 2024 – 報告.exe']"))[0]; o.Kind != FileName {
		t.Errorf("a name in other letters is read as %s", o.Kind)
	}
}

func TestValuesAreGivenInOrderOfWritingWithWhatBindsThem(t *testing.T) {
	source := "[url:value NOT IN ('x', 'y') OR x-a:b.c[0] = h'FFd8'] AND [ipv4-addr:value ISSUBSET '192.0.2.0/24' OR domain-name:resolves_to_refs[0].value = 'x']"
	var got []string
	for _, o := range Values(parsed(t, source)) {
		got = append(got, fmt.Sprintf("%s %s %q %x negated=%t alone=%t indirect=%t %s",
			o.PathText, o.Operator, o.Constant.Text, o.Bytes, o.Negated, o.Alone, o.Indirect, source[o.Constant.Pos:o.Constant.Pos+2]))
	}
	want := []string{
		`url:value IN "x"  negated=true alone=false indirect=false 'x`,
		`url:value IN "y"  negated=true alone=false indirect=false 'y`,
		`x-a:b.c[0] = "FFd8" ffd8 negated=false alone=false indirect=false h'`,
		`ipv4-addr:value ISSUBSET "192.0.2.0/24"  negated=false alone=false indirect=false '1`,
		`domain-name:resolves_to_refs[0].value = "x"  negated=false alone=false indirect=true 'x`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAllocationGrowsNoFasterThanThePattern(t *testing.T) {
	list := func(n int, format string) string { return strings.Join(numbered(n, format), ", ") }
	allocated := func(source string) float64 {
		p := parsed(t, source)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Values(p)
		Decisive(p)
		Networks(p)
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	for _, c := range []struct {
		name   string
		source func(n int) string
	}{
		{"many constants at a long path", func(n int) string {
			return "[file:b" + strings.Repeat(".b", n) + " IN (" + list(n, "%d") + ")]"
		}},
		{"many constants behind many references", func(n int) string {
			return "[file:b_ref" + strings.Repeat(".b_ref", n) + ".value IN (" + list(n, "'%d.example'") + ")]"
		}},
		{"many constants at a long name", func(n int) string {
			return "[file:'" + strings.Repeat("b", n) + "' IN (" + list(n, "%d") + ")]"
		}},
		{"many hashes of an unknown kind", func(n int) string {
			return "[file:hashes.'" + strings.Repeat("b", n) + "' IN (" + list(n, "'%d'") + ")]"
		}},
		{"many decisive values", func(n int) string { return "[file:name IN (" + list(n, "'%d'") + ")]" }},
		{"many networks", func(n int) string {
			return "[" + strings.Join(numbered(n, "ipv6-addr:value ISSUBSET '2001:db8::%x'"), " OR ") + "]"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			little, much := allocated(c.source(1000)), allocated(c.source(10000))
			if much > 20*little {
				t.Errorf("ten times the pattern takes %.0f times the memory: %.0f and %.0f bytes", much/little, little, much)
			}
		})
	}
}

// namesOf returns the values of p without what Normalise may change: how often
// and in what order they stand, and whether a set of one is a set.
func namesOf(p *Pattern) map[string]bool {
	names := map[string]bool{}
	for _, o := range Values(p) {
		op := o.Operator
		if op == In {
			op = Equal
		}
		names[fmt.Sprint(o.Path.String(), " ", op, o.Negated, o.Kind, o.Algorithm, " ", o.Canonical)] = true
	}
	return names
}

func TestTheNormalFormNamesTheSameValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		normal := p.Normalise()
		before, after := namesOf(p), namesOf(normal)
		for name := range after {
			if !before[name] {
				t.Fatalf("%s is new", name)
			}
		}
		decisive := func(p *Pattern) (all []string) {
			for _, e := range Decisive(p) {
				all = append(all, fmt.Sprint(e.Kind, e.Algorithm, " ", e.Value))
			}
			return all
		}
		kept := decisive(normal)
		for _, e := range decisive(p) {
			if !slices.Contains(kept, e) {
				t.Fatalf("%s is decisive no more", e)
			}
		}
	})
}

// Without AND and FOLLOWEDBY nothing is absorbed.
func TestTheNormalFormOfAlternativesNamesAllOfThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Pattern{Root: &Observation{Op: ObservationOr}}
		for range rapid.IntRange(2, 4).Draw(t, "observations") {
			c := &Condition{Op: Or}
			for range rapid.IntRange(2, 4).Draw(t, "comparisons") {
				c.Operands = append(c.Operands, &Condition{Comparison: drawFewComparisons(t)})
			}
			p.Root.Operands = append(p.Root.Operands, &Observation{Condition: c})
		}
		if d := cmp.Diff(namesOf(p), namesOf(p.Normalise())); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzValues(f *testing.F) {
	for _, c := range equivalences {
		f.Add(c.a)
	}
	f.Add("[email-message:from_ref.value = 'a@b.example' OR url:value IN ('http://[::1]/', 'x')]")
	f.Add("[process:image_ref.hashes.'TLSH' = 'T1' OR x-a:b_refs[*].c_ref.value NOT = '0.0.0.0/0']")
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Parse(source)
		if err != nil {
			return
		}
		values := Values(p)
		decisive := Decisive(p)
		if len(decisive) > len(values) {
			t.Errorf("%d of %d values are decisive", len(decisive), len(values))
		}
		for _, e := range decisive {
			i := slices.IndexFunc(values, func(o Observable) bool { return o.Constant.Pos == e.Pos })
			if o := values[i]; !o.Decisive() {
				t.Errorf("%s is decisive and is %+v", e.Value, o)
			}
			if strings.ContainsFunc(e.Value, breaksLists) {
				t.Errorf("%s has %q", e.Kind, e.Value)
			}
		}
		for _, e := range Networks(p) {
			i := slices.IndexFunc(values, func(o Observable) bool { return o.Constant.Pos == e.Pos })
			if o := values[i]; o.Negated || !o.Alone || o.Indirect || o.Operator != IsSubset {
				t.Errorf("%s is a network and is %+v", e.Value, o)
			}
			if n, ok := parseNetwork(e.Value); !ok || e.Value != addressText(n) || n.Bits() < 8 {
				t.Errorf("%s is no network", e.Value)
			}
		}
	})
}
