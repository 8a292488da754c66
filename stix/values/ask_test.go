package values

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkAsked holds that what a key reads as asks for it.
func checkAsked(t interface {
	Helper()
	Errorf(string, ...any)
}, k Key) {
	t.Helper()
	if text := k.String(); !strings.HasPrefix(text, "sha256:") {
		keys, err := Ask(text)
		if !slices.ContainsFunc(keys, func(other Key) bool { return same(k, other) }) {
			t.Errorf("%s %q is not asked for by its text %q, but %v: %v", k.Kind, k.Bytes, text, keys, err)
		}
	}
}

func TestWhatAPersonTypesIsReadForWhatItMayBe(t *testing.T) {
	md5 := "d41d8cd98f00b204e9800998ecf8427e"
	for _, c := range []struct{ text, want string }{
		{"198.51.100.1", "address 198.51.100.1"},
		{"  198[.]51[.]100[.]1\n", "address 198.51.100.1"},
		{"198.51.100(.)1", "address 198.51.100.1"},
		{"198.51.100.7/24", "address 198.51.100.0/24"},
		{"198.51.100.7/32", "address 198.51.100.7"},
		{"2001:DB8::1", "address 2001:db8::1"},
		{"2001[:]db8[:][:]1", "address 2001:db8::1"},
		{"2001:db8::/32", "address 2001:db8::/32"},
		{"::ffff:198.51.100.1", "address 198.51.100.1"},
		{"0.0.0.0/0", "address 0.0.0.0/0"},
		{"WWW.Example.COM", "domain www.example.com"},
		{"example.com.", "domain example.com"},
		{"*.example.com", "domain example.com"},
		{"www[dot]example(DOT)com", "domain www.example.com"},
		{"com.", "domain com."},
		{"bücher.example", "domain bücher.example"},
		{"xn--bcher-kva.example", "domain xn--bcher-kva.example"},
		{"https://example.com/a", "url https://example.com/a"},
		{"hxxps[://]example[.]com/a", "url https://example.com/a"},
		{"HXXP://Example.com/A", "url http://Example.com/A, url http://example.com/A, url HXXP://Example.com/A, url hxxp://example.com/A"},
		{"http://Example.com", "url http://Example.com, url http://example.com, url http://Example.com/, url http://example.com/"},
		{"http://example.com/", "url http://example.com/, url http://example.com"},
		{"user@example.com", "email user@example.com"},
		{"User[@]EXAMPLE[.]com", "email User@example.com, email user@example.com"},
		{"user[at]example[dot]com", "email user@example.com"},
		{strings.ToUpper(md5), "hash " + md5},
		{md5 + "d41d8cd9", "hash " + md5 + "d41d8cd9"},
		{strings.Repeat("ab", 28), "hash " + strings.Repeat("ab", 28)},
		{strings.Repeat("ab", 64), "hash " + strings.Repeat("ab", 64)},
		{"t1" + strings.Repeat("ab", 35), "hash T1" + strings.Repeat("AB", 35)},
		{strings.Repeat("ab", 35), "hash T1" + strings.Repeat("AB", 35)},
		{"3:AIO9AJraNvsgzsVqSwHq:AeiV6", "hash 3:AIO9AJraNvsgzsVqSwHq:AeiV6"},
		{"00-00-5E-00-53-01", "mac 00:00:5e:00:53:01"},
		{"0000.5e00.53ab", "mac 00:00:5e:00:53:ab, domain 0000.5e00.53ab"},
	} {
		keys, err := Ask(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := strings.ReplaceAll(keysText(keys), "none ", ""); got != c.want {
			t.Errorf("%q asks for %s, want %s", c.text, got, c.want)
		}
	}
}

func TestWhatCannotBeLookedUpIsToldWhatItCanBe(t *testing.T) {
	for text, want := range map[string]error{
		"":                                  errAsk,
		"  ":                                errAsk,
		"two words":                         errAsk,
		"198.51.100.300":                    errAsk,
		"fe80::1%eth0":                      errAsk,
		"localhost":                         errOneLabel,
		"d41d8cd98f00b204e9800998ecf8427":   errHex,
		"example.com/a":                     errScheme,
		"https:///a":                        errAsk,
		"a\xff":                             errEncoding,
		"CVE-2026-0001":                     errOneLabel,
		"[file:name = 'a']":                 errAsk,
		"\u202eexample.com":                 errAsk,
		strings.Repeat("[", 1<<16):          errAsk,
		strings.Repeat("a.", 1<<16) + "com": errAsk,
	} {
		keys, err := Ask(text)
		if err != want || !errors.Is(err, ErrNoValue) {
			t.Errorf("%.40q asks for %v, and the error is %v", text, keys, err)
		}
	}
}

func draw[V any](t *rapid.T, name string, gen *rapid.Generator[V]) V { return gen.Draw(t, name) }

// texts are values as they are written.
func texts() *rapid.Generator[string] {
	hexOf := func(n int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcdefABCDEF")), n, n, -1)
	}
	domain := rapid.StringMatching(`([a-z0-9_]([a-z0-9-]{0,8}[a-z0-9])?\.){1,3}[a-zA-Z]{2,6}`)
	return rapid.OneOf(
		rapid.Map(prefixes(), func(p string) string { return p }),
		domain,
		rapid.Map(domain, func(d string) string { return "a.b@" + d }),
		rapid.Map(domain, func(d string) string { return "https://" + d + "/A?b=c" }),
		hexOf(32), hexOf(40), hexOf(56), hexOf(64), hexOf(96), hexOf(128), hexOf(70),
		rapid.StringMatching(`[0-9]{1,3}:[A-Za-z0-9+/]{3,20}:[A-Za-z0-9+/]{3,20}`),
		rapid.StringMatching(`([0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}`),
	)
}

func TestADefangedTextAsksForTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := draw(t, "plain", texts())
		defanged := strings.NewReplacer(
			"://", draw(t, "scheme", rapid.SampledFrom([]string{"://", "[://]", "[:]//"})),
			":", draw(t, "colon", rapid.SampledFrom([]string{":", "[:]"})),
			".", draw(t, "dot", rapid.SampledFrom([]string{".", "[.]", "(.)", "{.}", "[dot]", "(DOT)"})),
			"@", draw(t, "at", rapid.SampledFrom([]string{"@", "[@]", "(@)", "[At]", "(at)"})),
		).Replace(plain)
		if strings.HasPrefix(defanged, "http") {
			defanged = "hxxp" + defanged[len("http"):]
		}
		want, err := Ask(plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Ask(" " + defanged + " ")
		if err != nil || len(got) < len(want) || !slices.EqualFunc(got[:len(want)], want, same) {
			t.Errorf("%q asks for %v and %q for %v: %v", plain, want, defanged, got, err)
		}
		for _, k := range want {
			checkAsked(t, k)
		}
	})
}

func FuzzAsk(f *testing.F) {
	for _, text := range []string{"198.51.100.1/24", "2001:db8::1", "*.example.com", "hxxp[://]example[.]com", "a@example.com", "00:00:5e:00:53:01", "3:a:b", "bücher.example", "com."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := Ask(text)
		if (err == nil) != (len(keys) > 0) || err != nil && !errors.Is(err, ErrNoValue) {
			t.Errorf("%d keys, and the error is %v", len(keys), err)
		}
		for _, k := range keys {
			if k.Role != 0 || len(k.Bytes) == 0 || len(k.Bytes) > longest {
				t.Errorf("a key is %v", k)
			}
			checkAsked(t, k)
			Range(k)
		}
	})
}
