package misp

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix/pattern"
)

var (
	md5Sum    = strings.Repeat("0f", 16)
	sha1Sum   = strings.Repeat("0f", 20)
	sha256Sum = strings.Repeat("0f", 32)
	sha512Sum = strings.Repeat("0f", 64)
)

// asks are attributes and what they ask for. back is the type under which the
// pattern is written, where that is another one, and "-" where no attribute is.
var asks = []struct {
	typ            Text
	value, pattern string
	back           Text
}{
	{"ip-dst", "192.0.2.1", "[ipv4-addr:value = '192.0.2.1']", ""},
	{"ip-src", "2001:db8::1", "[ipv6-addr:value = '2001:db8::1']", "ip-dst"},
	{"ip-dst", "192.0.2.0/24", "[ipv4-addr:value ISSUBSET '192.0.2.0/24']", ""},
	{"domain", "Bad.Example", "[domain-name:value = 'bad.example']", ""},
	{"hostname", "cdn.bad.example", "[domain-name:value = 'cdn.bad.example']", "domain"},
	{"url", "hxxps://bad[.]example/it's|x", `[url:value = 'https://bad.example/it\'s|x']`, ""},
	{"uri", "https://bad.example/", "[url:value = 'https://bad.example/']", "url"},
	{"md5", strings.ToUpper(md5Sum), "[file:hashes.'MD5' = '" + md5Sum + "']", ""},
	{"sha1", sha1Sum, "[file:hashes.'SHA-1' = '" + sha1Sum + "']", ""},
	{"sha224", strings.Repeat("0f", 28), "[file:hashes.'SHA-224' = '" + strings.Repeat("0f", 28) + "']", ""},
	{"sha256", sha256Sum, "[file:hashes.'SHA-256' = '" + sha256Sum + "']", ""},
	{"sha384", strings.Repeat("0f", 48), "[file:hashes.'SHA-384' = '" + strings.Repeat("0f", 48) + "']", ""},
	{"sha512", sha512Sum, "[file:hashes.'SHA-512' = '" + sha512Sum + "']", ""},
	{"sha3-256", sha256Sum, "[file:hashes.'SHA3-256' = '" + sha256Sum + "']", ""},
	{"sha3-512", sha512Sum, "[file:hashes.'SHA3-512' = '" + sha512Sum + "']", ""},
	{"ssdeep", "3:AbC:dEf", "[file:hashes.'SSDEEP' = '3:AbC:dEf']", ""},
	{"x509-fingerprint-md5", md5Sum, "[x509-certificate:hashes.'MD5' = '" + md5Sum + "']", ""},
	{"x509-fingerprint-sha1", sha1Sum, "[x509-certificate:hashes.'SHA-1' = '" + sha1Sum + "']", ""},
	{"x509-fingerprint-sha256", sha256Sum, "[x509-certificate:hashes.'SHA-256' = '" + sha256Sum + "']", ""},
	{"filename", `a'b\c.exe`, `[file:name = 'a\'b\\c.exe']`, ""},
	{"mutex", `Global\x`, `[mutex:name = 'Global\\x']`, ""},
	{"regkey", `HKLM\Software\Bad`, `[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Software\\Bad']`, ""},
	{"AS", "AS64496", "[autonomous-system:number = 64496]", ""},
	{"user-agent", "Bad/1.0", "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'Bad/1.0']", ""},
	{"mac-address", "00-00-5E-00-53-01", "[mac-addr:value = '00:00:5e:00:53:01']", ""},
	{"email-src", "phish@bad.example", "[email-addr:value = 'phish@bad.example']", ""},
	{"email", "phish@bad.example", "[email-addr:value = 'phish@bad.example']", "email-src"},
	{"email-reply-to", "phish@bad.example", "[email-addr:value = 'phish@bad.example']", "email-src"},
	{"email-subject", "Your invoice", "[email-message:subject = 'Your invoice']", ""},
	{"email-attachment", "a.zip", "[email-message:body_multipart[*].body_raw_ref.name = 'a.zip']", ""},
	{"email-x-mailer", "Bad 1", "[email-message:additional_header_fields.'X-Mailer' = 'Bad 1']", ""},
	{"ip-dst|port", "192.0.2.1|443", "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", ""},
	{"ip-dst|port", "192.0.2.1:443", "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", ""},
	{"ip-src|port", "2001:db8::1|8080", "[network-traffic:src_ref.value = '2001:db8::1' AND network-traffic:src_port = 8080]", ""},
	{"hostname|port", "bad.example|8080", "[network-traffic:dst_ref.value = 'bad.example' AND network-traffic:dst_port = 8080]", ""},
	{"domain|ip", "bad.example|192.0.2.1", "[domain-name:value = 'bad.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']", ""},
	{"filename|md5", "a b.exe|" + md5Sum, "[file:name = 'a b.exe' AND file:hashes.'MD5' = '" + md5Sum + "']", ""},
	{"filename|sha256", "a.exe|" + sha256Sum, "[file:name = 'a.exe' AND file:hashes.'SHA-256' = '" + sha256Sum + "']", ""},
	{"regkey|value", `HKCU\Run|calc.exe`, `[windows-registry-key:key = 'HKEY_CURRENT_USER\\Run' AND windows-registry-key:values[*].data = 'calc.exe']`, ""},
}

func TestAnAttributeAndItsPatternSayTheSame(t *testing.T) {
	told := map[Text]bool{}
	for _, a := range asks {
		t.Run(string(a.typ)+" "+a.value, func(t *testing.T) {
			told[a.typ] = true
			asked, refused := (&Attribute{Type: a.typ, Value: Text(a.value)}).Ask()
			if refused != nil {
				t.Fatal(refused)
			}
			if asked.Pattern() != a.pattern || asked.Title == "" {
				t.Errorf("it asks %s (%s), want %s", asked.Pattern(), asked.Title, a.pattern)
			}
			back, ok := FromPattern(a.pattern)
			if a.back == "" {
				a.back = a.typ
			}
			if !ok || back.Type != a.back || !bool(back.ToIDS) || back.Category == "" {
				t.Errorf("the pattern is written as %+v, %t; want %s", back, ok, a.back)
			}
		})
	}
	for typ := range simple {
		if !told[typ] && typ != "tlsh" { // its hash is the one above in form
			t.Errorf("%s is not among the types", typ)
		}
	}
	for _, w := range pairs {
		if !told[w[0]] {
			t.Errorf("%s is not among the types", w[0])
		}
	}
}

func TestWhatNoPatternAsksForIsRefusedWithACode(t *testing.T) {
	for _, a := range []struct{ name, typ, value, code string }{
		{"a rule", "yara", "rule x {}", build.UnsupportedType},
		{"a composite that is none", "domain|size", "a.example|7", build.UnsupportedType},
		{"a file by its size", "filename|size-in-bytes", "a.exe|7", build.UnsupportedType},
		{"half of a composite", "domain|ip", "a.example", build.InvalidValue},
		{"a name that resolves to a network", "domain|ip", "a.example|192.0.2.0/24", build.InvalidValue},
		{"a port that is none", "hostname|port", "a.example|x", build.InvalidValue},
		{"an address that is none", "ip-dst|port", "a.example|80", build.InvalidValue},
		{"a private address", "ip-dst", "10.0.0.1", build.ReservedAddress},
		{"the hash of nothing", "filename|md5", "a|d41d8cd98f00b204e9800998ecf8427e", build.KnownGood},
		{"control characters", "email-subject", "a\x00b", build.InvalidValue},
		{"no type", "", "x", build.UnsupportedType},
	} {
		t.Run(a.name, func(t *testing.T) {
			asked, refused := (&Attribute{Type: Text(a.typ), Value: Text(a.value)}).Ask()
			if refused == nil || refused.Code != a.code {
				t.Fatalf("%+v, %v; want %s", asked, refused, a.code)
			}
			if strings.Contains(refused.Message, "a.example") || strings.Contains(refused.Message, "\x00") {
				t.Errorf("it quotes the value: %s", refused.Message)
			}
		})
	}
}

func TestAPatternThatNoAttributeSaysIsNotWritten(t *testing.T) {
	for _, p := range []string{
		"[domain-name:value != 'a.example']",
		"[domain-name:value LIKE 'a%']",
		"[domain-name:value IN ('a.example', 'b.example')]",
		"[NOT domain-name:value = 'a.example']",
		"[domain-name:value = 'a.example'] WITHIN 5 SECONDS",
		"[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']",
		"[domain-name:value = 'a.example' OR domain-name:value = 'b.example']",
		"[domain-name:value = 'a.example' AND domain-name:value = 'b.example']",
		"[ipv4-addr:value = '10.0.0.1']",
		"[file:size = 7]",
		"[file:name = 'a|b' AND file:hashes.'MD5' = '" + md5Sum + "']",
		"[mutex:name = ' x']",
		"[domain-name:value",
		"",
	} {
		if a, ok := FromPattern(p); ok {
			t.Errorf("%s is written as %+v", p, a)
		}
	}
}

func TestWhoIsAttackedAndWhoIsAPersonIsPersonal(t *testing.T) {
	for _, a := range []struct {
		name string
		Attribute
		personal bool
	}{
		{"a domain", Attribute{Type: "domain"}, false},
		{"an address to look for", Attribute{Type: "email-src", ToIDS: true}, false},
		{"an address that is not looked for", Attribute{Type: "email-src"}, true},
		{"the address of a person", Attribute{Type: "email", ToIDS: true, Category: "Person"}, true},
		{"who got the mail", Attribute{Type: "email-dst", ToIDS: true}, true},
		{"a user that is a target", Attribute{Type: "target-user", ToIDS: true}, true},
		{"an account of a bank", Attribute{Type: "iban", ToIDS: true}, true},
		{"text about a person", Attribute{Type: "text", Category: "Person"}, true},
		{"a domain in targeting data", Attribute{Type: "domain", Category: "Targeting data", ToIDS: true}, false},
		{"a text that is a password", Attribute{Type: "text", Relation: "password"}, true},
		{"a domain that is a recipient", Attribute{Type: "domain", Relation: "to"}, true},
	} {
		if a.Attribute.Personal() != a.personal {
			t.Errorf("%s: %t", a.name, !a.personal)
		}
	}
	for name, personal := range map[Text]bool{"file": false, "ip-port": false, "domain-ip": false, "url": false, "": false,
		"person": true, "credential": true, "bank-account": true, "victim": true, "user-account": true, "identity": true} {
		if (&Object{Name: name}).Personal() != personal {
			t.Errorf("the template %q: %t", name, !personal)
		}
	}
}

// typed draws a type and a value that is often of it.
func typed(t *rapid.T) *Attribute {
	a := rapid.SampledFrom(asks).Draw(t, "ask")
	value := a.value
	if rapid.Bool().Draw(t, "other") {
		value = rapid.StringOf(rapid.RuneFrom([]rune("ab.|:'\\/-% \x00é0129"))).Draw(t, "value")
	}
	return &Attribute{Type: a.typ, Value: Text(value)}
}

func TestWhateverAnAttributeAsksIsReadBackAsThat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := typed(t)
		asked, refused := a.Ask()
		if refused != nil {
			return
		}
		if _, err := pattern.Parse(asked.Pattern()); err != nil {
			t.Fatalf("%+v asks %s: %v", a, asked.Pattern(), err)
		}
		back, ok := FromPattern(asked.Pattern())
		if !ok {
			// A bar in a part of a composite cannot be told from the one between.
			if strings.Count(string(a.Value), "|") > 1 {
				return
			}
			t.Fatalf("%+v asks %s, which no attribute says", a, asked.Pattern())
		}
		again, refused := back.Ask()
		if refused != nil || again.Pattern() != asked.Pattern() {
			t.Fatalf("%+v asks %s and is written as %+v, which asks %s", a, asked.Pattern(), back, again.Pattern())
		}
	})
}

func FuzzFromPattern(f *testing.F) {
	for _, a := range asks {
		f.Add(a.pattern)
	}
	f.Add("[ipv4-addr:value ISSUBSET '192.0.2.1']")
	f.Fuzz(func(t *testing.T, p string) {
		a, ok := FromPattern(p)
		if !ok {
			return
		}
		asked, refused := a.Ask()
		if refused != nil {
			t.Fatalf("%q is written as %+v, which is refused: %v", p, a, refused)
		}
		was, err := pattern.Parse(p)
		if err != nil {
			t.Fatal(err)
		}
		is, err := pattern.Parse(asked.Pattern())
		if err != nil || !strings.EqualFold(was.String(), is.String()) {
			t.Fatalf("%q is written as %+v, which asks %q: %v", p, a, asked.Pattern(), err)
		}
	})
}

func FuzzAsk(f *testing.F) {
	for _, a := range asks {
		f.Add(string(a.typ), a.value)
	}
	f.Fuzz(func(t *testing.T, typ, value string) {
		asked, refused := ask(Text(typ), value)
		if refused != nil {
			if refused.Code == "" || refused.Message == "" {
				t.Fatalf("%+v", refused)
			}
			return
		}
		if _, err := pattern.Parse(asked.Pattern()); err != nil {
			t.Fatal(fmt.Errorf("%q %q: %w", typ, value, err))
		}
	})
}
