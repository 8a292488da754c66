package sink

import (
	"strings"
	"testing"

	"github.com/selat-hub/selat/stix/pattern"
)

func TestTheAllowListAlwaysWins(t *testing.T) {
	allow := allowing(t, "\ufeff# ours", "example.com  # and all below", "*.wild.example", "192.0.2.1", "198.51.100.0/24", "2001:db8::/48",
		"0123456789ABCDEF0123456789abcdef", "")
	for _, test := range []struct {
		name, pattern string
		allowed       bool
	}{
		{"the domain itself", "domain-name:value = 'example.com'", true},
		{"in capitals", "domain-name:value = 'EXAMPLE.COM'", true},
		{"a subdomain", "domain-name:value = 'www.example.com'", true},
		{"a wildcard's domain", "domain-name:value = 'wild.example'", true},
		{"another domain with the same end", "domain-name:value = 'notexample.com'", false},
		{"a URL there", "url:value = 'https://user@www.example.com:8080/x'", true},
		{"a URL that only mentions it", "url:value = 'https://evil.example/example.com'", false},
		{"an e-mail address there", "email-addr:value = 'a@example.com'", true},
		{"an address", "ipv4-addr:value = '192.0.2.1'", true},
		{"a URL at an address", "url:value = 'http://192.0.2.1/'", true},
		{"an address within an allowed network", "ipv4-addr:value = '198.51.100.77'", true},
		{"a network around an allowed address", "ipv4-addr:value ISSUBSET '192.0.2.0/24'", true},
		{"another network", "ipv4-addr:value ISSUBSET '203.0.113.0/24'", false},
		{"an IPv6 network around an allowed one", "ipv6-addr:value ISSUBSET '2001:db8::/32'", true},
		{"a hash in capitals", "file:hashes.MD5 = '0123456789ABCDEF0123456789ABCDEF'", true},
		{"another hash", "file:hashes.MD5 = '1123456789abcdef0123456789abcdef'", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, reason := judge(indicator(1, "x", "["+test.pattern+"]"))
			if reason != "" {
				t.Fatal(reason)
			}
			if got := allow.has(v.values[0]); got != test.allowed {
				t.Errorf("allowed: %v", got)
			}
		})
	}
}

func TestADomainAboveAnAllowedOneIsNotBlockedEither(t *testing.T) {
	zone, count := render(t, fileOf(t, "rpz", Settings{Allow: allowing(t, "good.shared.example")}),
		domainEntry(1, "shared.example"), domainEntry(2, "bad.shared.example"))
	if strings.Contains(zone, "\nshared.example") || !strings.Contains(zone, "\nbad.shared.example CNAME .\n") || count.Skipped[OnAllowList] != 1 {
		t.Errorf("%+v\n%s", count, zone)
	}
}

func TestALineThatIsNothingIsNamed(t *testing.T) {
	for _, line := range []string{"https://example.com/", "two words", "192.0.2.1/24", "ex ämple.com", "192.0.2", "0x7f.1", strings.Repeat("a", longestAllowLine+1)} {
		_, err := ReadAllow(strings.NewReader("# first\n" + line + "\n"))
		if err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%.40q: %v", line, err)
		}
	}
}

func FuzzReadAllow(f *testing.F) {
	for _, s := range []string{"example.com\n192.0.2.0/24", "#\n\n*.x.example", "::ffff:192.0.2.1/128\n::1%lo", "\ufeff2001:db8::1", "d41d8cd98f00b204e9800998ecf8427e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ReadAllow(strings.NewReader(s))
		if err != nil {
			return
		}
		for name, listed := range a.domains {
			if !a.has(value{kind: pattern.DomainName, text: name}) || listed && !a.has(value{kind: pattern.URL, text: "http://www." + name}) {
				t.Errorf("%q is on the list and not found", name)
			}
		}
		for p := range a.networks {
			if !a.hasNetwork(p) {
				t.Errorf("%s is on the list and not found", p)
			}
		}
	})
}
