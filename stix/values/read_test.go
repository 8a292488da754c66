package values

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/stix/pattern"
)

// checkKeys holds the keys of an object against the values that Of gives, and
// returns how many of those have keys. Where Of has an error it has nothing to
// be held against.
func checkKeys(t *testing.T, typ string, raw []byte) int {
	t.Helper()
	keys := AppendKeys(nil, typ, raw)
	for i, k := range keys {
		if k.Kind < Address || k.Kind > MAC || k.Role < Excluded || k.Role > Observed || len(k.Bytes) == 0 || len(k.Bytes) > longest {
			t.Errorf("a key is %v", k)
		}
		for _, other := range keys[:i] {
			if same(k, other) && len(keys) < 1000 {
				t.Errorf("%s is there twice", k)
			}
		}
		checkAsked(t, k)
	}
	values, err := Of(typ, raw)
	if err != nil {
		return 0
	}
	counted := 0
	for _, v := range values {
		b, kind := appendKey(nil, v.Kind, v.Algorithm, v.Canonical)
		if kind == 0 {
			continue
		}
		counted++
		i := slices.IndexFunc(keys, func(k Key) bool { return same(k, Key{Kind: kind, Bytes: b}) })
		switch {
		case i < 0:
			t.Errorf("%s %s at %s has no key", v.Kind, v.Canonical, v.Path)
		case v.Operator == "" && keys[i].Role != Observed, v.Decisive && keys[i].Role != Decisive, v.Operator != "" && keys[i].Role == Observed:
			t.Errorf("%s %s at %s is %s", v.Kind, v.Canonical, v.Path, keys[i].Role)
		}
	}
	return counted
}

func same(a, b Key) bool { return a.Kind == b.Kind && string(a.Bytes) == string(b.Bytes) }

// keysText is the keys as a person reads them.
func keysText(keys []Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, fmt.Sprintf("%s %s %s", k.Role, k.Kind, k))
	}
	return strings.Join(all, ", ")
}

func indicatorOf(source string) []byte {
	return fmt.Appendf(nil, `{"type":"indicator","pattern":%q,"pattern_type":"stix"}`, source)
}

func TestTheKeysOfAPatternSayWhatItDoesWithTheValue(t *testing.T) {
	const md5 = "d41d8cd98f00b204e9800998ecf8427e"
	for _, c := range []struct{ source, want string }{
		{"[ipv4-addr:value = '198.51.100.1']", "decisive address 198.51.100.1"},
		{"[ipv4-addr:value = '198.51.100.1/24']", "asked address 198.51.100.0/24"},
		{"[ipv4-addr:value ISSUBSET '198.51.100.0/24']", "decisive address 198.51.100.0/24"},
		{"[ipv4-addr:value NOT ISSUBSET '198.51.100.0/24']", "excluded address 198.51.100.0/24"},
		{"[ipv6-addr:value = '::ffff:198.51.100.1']", "decisive address 198.51.100.1"},
		{"[domain-name:value = 'WWW.Example.com.' AND ipv4-addr:value = '198.51.100.1']", "asked domain www.example.com, asked address 198.51.100.1"},
		{"[domain-name:value != 'example.com']", "excluded domain example.com"},
		{"[domain-name:value = '*.Example.com']", "asked domain example.com"},
		{"[domain-name:value = 'Bücher.example']", "asked domain bücher.example"},
		{"[domain-name:value LIKE '%.example.com']", ""},
		{"[domain-name:value MATCHES 'example.com']", ""},
		{"[url:value IN ('http://Example.com/', 'http://a.example')]", "decisive url http://Example.com/, decisive url http://a.example"},
		{"[email-addr:value = 'User@EXAMPLE.com']", "decisive email User@example.com"},
		{"[mac-addr:value = '00-00-5E-00-53-01']", "decisive mac 00:00:5e:00:53:01"},
		{"[file:hashes.MD5 = '" + strings.ToUpper(md5) + "']", "decisive hash " + md5},
		{"[file:hashes.IMPHASH = '" + md5 + "']", "asked hash " + md5},
		{"[x-thing:hashes.'SHA-384' != '" + strings.Repeat("AB", 48) + "']", "excluded hash " + strings.Repeat("ab", 48)},
		{"[file:hashes.MD5 = 'd41d8cd9']", ""},
		{"[file:hashes.TLSH = '" + strings.Repeat("ab", 35) + "']", "decisive hash T1" + strings.Repeat("AB", 35)},
		{"[file:name = 'a.exe' AND mutex:name = 'b' AND autonomous-system:number = 64496]", ""},
		// The highest role is the value's.
		{"[domain-name:value != 'a.example'] OR [domain-name:value = 'a.example']", "decisive domain a.example"},
		{"[domain-name:value = 'a.example' AND domain-name:value != 'a.example']", "asked domain a.example"},
		{"[ipv4-addr:value = '198.51.100.1'", ""},
	} {
		raw := indicatorOf(c.source)
		if got := keysText(AppendKeys(nil, "indicator", raw)); got != c.want {
			t.Errorf("%s has %q, want %q", c.source, got, c.want)
		}
		checkKeys(t, "indicator", raw)
	}
}

func TestTheKeysOfAnObservableAreItsValues(t *testing.T) {
	const md5 = "d41d8cd98f00b204e9800998ecf8427e"
	for _, c := range []struct{ raw, want string }{
		{`{"type":"ipv4-addr","value":"198.51.100.7/24"}`, "observed address 198.51.100.0/24"},
		{`{"type":"ipv4-addr","value":"198.51.100.007"}`, "observed address 198.51.100.7"},
		{`{"type":"ipv6-addr","value":"2001:DB8::\u0031"}`, "observed address 2001:db8::1"},
		{`{"v\u0061lue":"example.com","type":"domain-name"}`, "observed domain example.com"},
		{`{"type":"domain-name","value":"localhost"}`, "observed domain localhost."},
		{`{"type":"file","name":"a","hashes":{"MD5":"` + md5 + `","x":"` + strings.ToUpper(md5) + `","y":5}}`, "observed hash " + md5},
		{`{"type":"x509-certificate","hashes":{"MD5":"` + md5 + `"},"serial_number":"1"}`, "observed hash " + md5},
		{`{"type":"artifact","url":"http://example.com/","hashes":{"MD5":"` + md5 + `"}}`, "observed hash " + md5},
		{`{"type":"observed-data","objects":{"0":{"value":"example.com","type":"domain-name"},"1":{"type":"file","name":"a"},"2":{"type":"url","value":"http://a.example/"},"3":5}}`,
			"observed domain example.com, observed url http://a.example/"},
		{`{"type":"observed-data","objects":{"0":{"type":"observed-data","objects":{"0":{"type":"url","value":"http://a.example/"}}}}}`, ""},
		{`{"type":"malware","value":"198.51.100.1"}`, ""},
		{`{"type":"ipv4-addr","value":5}`, ""},
		{`{"type":"ipv4-addr","value":"198.51.100.1\n"}`, ""},
		{"{\"type\":\"url\",\"value\":\"http://example.com/\xff\"}", ""},
		{`["198.51.100.1"]`, ""},
		{``, ""},
	} {
		typ := typeOf([]byte(c.raw))
		if got := keysText(AppendKeys(nil, typ, []byte(c.raw))); got != c.want {
			t.Errorf("%s has %q, want %q", c.raw, got, c.want)
		}
		checkKeys(t, typ, []byte(c.raw))
	}
}

func TestAReadingSaysFromWhenUntilWhenAnIndicatorHolds(t *testing.T) {
	const raw = `{"valid_until":"1970-01-01T00:00:00Z","revoked":true,"pattern":"[url:value = 'http://a.example/']","valid_from":"2026-01-02T03:04:05.000006Z","pattern_type":"stix"}`
	r := Read(nil, "indicator", []byte(raw))
	from := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).UnixMicro()
	if len(r.Keys) != 1 || !r.Revoked || r.ValidFrom != from || r.ValidUntil != 1 {
		t.Errorf("read as %+v", r)
	}
	r = Read(nil, "indicator", []byte(strings.Replace(raw, `"stix"`, `"snort"`, 1)))
	if len(r.Keys) != 0 || r.Revoked || r.ValidFrom != 0 {
		t.Errorf("in another language it is read as %+v", r)
	}
}

func TestALongValueIsFoundByItsHash(t *testing.T) {
	address := "http://example.com/" + strings.Repeat("a", longest)
	keys := AppendKeys(nil, "url", fmt.Appendf(nil, `{"value":%q}`, address))
	asked, err := Ask(address)
	if err != nil || len(keys) != 1 || !same(keys[0], asked[0]) {
		t.Fatalf("%v was asked for, and the key is %v: %v", asked, keys, err)
	}
	if len(keys[0].Bytes) != 33 || keys[0].Bytes[0] != 0 || !strings.HasPrefix(keys[0].String(), "sha256:") {
		t.Errorf("the key is %q", keys[0].Bytes)
	}
}

func TestKeysAreAppendedAndEachIsThereOnce(t *testing.T) {
	var source strings.Builder
	source.WriteString("[ipv4-addr:value IN ('198.51.100.0'")
	for i := range 2000 {
		fmt.Fprintf(&source, ", '10.0.%d.%d'", i/100%10, i%100)
	}
	source.WriteString(")]")
	before := []Key{{Kind: Address, Bytes: []byte("an earlier one, which is left alone")}}
	keys := AppendKeys(before, "indicator", indicatorOf(source.String()))
	if len(keys) != 1002 || !same(keys[0], before[0]) {
		t.Fatalf("there are %d keys", len(keys))
	}
	seen := map[string]bool{}
	for _, k := range keys[1:] {
		seen[k.String()] = true
	}
	if len(seen) != 1001 || !seen["10.0.9.99"] {
		t.Errorf("there are %d different ones", len(seen))
	}
}

func FuzzAppendKeys(f *testing.F) {
	f.Add("indicator", indicatorOf("[ipv4-addr:value = '198.51.100.1' OR domain-name:value IN ('*.a.example', 'b.example')]"))
	f.Add("file", []byte(file))
	f.Add("url", []byte(`{"value":"http://example.com/"}`))
	f.Add("domain-name", []byte(`{"value":"*.b\u00fccher.example"}`))
	f.Add("email-addr", []byte(`{"value":"a@example.com"}`))
	f.Add("observed-data", []byte(`{"objects":{"0":{"type":"mac-addr","value":"00:00:5e:00:53:01"}}}`))
	f.Fuzz(func(t *testing.T, typ string, raw []byte) { checkKeys(t, typ, raw) })
}

func TestTheTablesKnowOnlyOnePropertyThatIsLookedUp(t *testing.T) {
	for typ, properties := range observables {
		keyed := 0
		for _, p := range properties {
			if p.keyed {
				keyed++
			}
			kind, _, _ := pattern.Read(p.path, pattern.Value{Text: "https://example.com/"})
			if _, k := appendKey(nil, kind, "", "https://example.com/"); k != 0 && !p.keyed {
				t.Errorf("%s of %s is looked up", p.name, typ)
			}
		}
		if keyed > 1 {
			t.Errorf("%s has %d", typ, keyed)
		}
	}
}
