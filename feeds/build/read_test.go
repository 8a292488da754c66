package build_test

import (
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix/pattern"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name    string
		kind    build.Kind
		text    string
		pattern string // "" where refused
		code    string
	}{
		{"an address", build.IP, "192.0.2.1", "[ipv4-addr:value = '192.0.2.1']", ""},
		{"an IPv6 address in its shortest form", build.IP, "2001:0DB8::0001", "[ipv6-addr:value = '2001:db8::1']", ""},
		{"a mapped address is IPv4", build.IP, "::ffff:192.0.2.1", "[ipv4-addr:value = '192.0.2.1']", ""},
		{"a network without the bits its prefix hides", build.IP, "198.51.100.7/24", "[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ""},
		{"a network of one address is the address", build.IP, "198.51.100.7/32", "[ipv4-addr:value = '198.51.100.7']", ""},
		{"a defanged address", build.IP, "192[.]0[.]2[.]1", "[ipv4-addr:value = '192.0.2.1']", ""},
		{"a private address", build.IP, "10.1.2.3", "", build.ReservedAddress},
		{"a loopback address", build.IP, "::1", "", build.ReservedAddress},
		{"a mapped private address", build.IP, "::ffff:10.0.0.1", "", build.ReservedAddress},
		{"a link-local address", build.IP, "fe80::1", "", build.ReservedAddress},
		{"a multicast address", build.IP, "224.0.0.1", "", build.ReservedAddress},
		{"no address at all", build.IP, "0.0.0.0", "", build.ReservedAddress},
		{"a network around private ones", build.IP, "172.0.0.0/8", "", build.ReservedAddress},
		{"half the internet", build.IP, "128.0.0.0/1", "", build.TooWide},
		{"an address with zeros in front", build.IP, "192.000.002.001", "", build.InvalidValue},
		{"an address with a zone", build.IP, "fe80::1%eth0", "", build.InvalidValue},
		{"an endpoint", build.IPPort, "192.0.2.1:443", "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", ""},
		{"an IPv6 endpoint", build.IPPort, "[2001:db8::7]:80", "[network-traffic:dst_ref.value = '2001:db8::7' AND network-traffic:dst_port = 80]", ""},
		{"an endpoint without a port", build.IPPort, "192.0.2.1", "", build.InvalidValue},
		{"a port that is none", build.IPPort, "192.0.2.1:70000", "", build.InvalidValue},
		{"port 0", build.IPPort, "192.0.2.1:0", "", build.InvalidValue},
		{"a domain in lower case without its dot", build.Domain, "CDN.Bad.Example.", "[domain-name:value = 'cdn.bad.example']", ""},
		{"a domain in Unicode", build.Domain, "bücher.example", "[domain-name:value = 'xn--bcher-kva.example']", ""},
		{"a top-level domain", build.Domain, "com", "", build.InvalidValue},
		{"an address for a domain", build.Domain, "192.0.2.1", "", build.InvalidValue},
		{"localhost", build.Domain, "localhost", "", build.ReservedDomain},
		{"a printer at home", build.Domain, "printer.local", "", build.ReservedDomain},
		{"a URL as it is written", build.URL, "http://files.bad.example/a/b.exe?x=\"1\",y", "[url:value = 'http://files.bad.example/a/b.exe?x=\"1\",y']", ""},
		{"a URL with what a pattern escapes", build.URL, `http://bad.example/it's\x`, `[url:value = 'http://bad.example/it\'s\\x']`, ""},
		{"a defanged URL", build.URL, "hxxps://bad[.]example/x", "[url:value = 'https://bad.example/x']", ""},
		{"a URL of a private address", build.URL, "http://192.168.1.1/", "", build.ReservedAddress},
		{"a URL of localhost", build.URL, "http://localhost/", "", build.ReservedDomain},
		{"a relative URL", build.URL, "/etc/passwd", "", build.InvalidValue},
		{"an e-mail address", build.Email, "Phish@Bad.Example", "[email-addr:value = 'Phish@bad.example']", ""},
		{"an e-mail address with a name", build.Email, "P <phish@bad.example>", "", build.InvalidValue},
		{"a hash in lower case", build.MD5, "D41D8CD98F00B204E9800998ECF84270", "[file:hashes.'MD5' = 'd41d8cd98f00b204e9800998ecf84270']", ""},
		{"a hash of which the length tells", build.Hash, strings.Repeat("ab", 32), "[file:hashes.'SHA-256' = '" + strings.Repeat("ab", 32) + "']", ""},
		{"the hash of nothing", build.SHA256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "", build.KnownGood},
		{"the hash of no certificate", build.CertSHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709", "", build.KnownGood},
		{"a hash that is cut", build.SHA1, "0123", "", build.InvalidValue},
		{"a certificate", build.CertSHA1, "0123456789abcdef0123456789abcdef01234567", "[x509-certificate:hashes.'SHA-1' = '0123456789abcdef0123456789abcdef01234567']", ""},
		{"a mutex with a backslash", build.Mutex, `Global\it's`, `[mutex:name = 'Global\\it\'s']`, ""},
		{"a registry key", build.Registry, `HKEY_LOCAL_MACHINE\Software\Bad`, `[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Software\\Bad']`, ""},
		{"a registry key of a hive in short", build.Registry, `HKLM\Software\Bad`, `[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Software\\Bad']`, ""},
		{"a user agent", build.UserAgent, "Bad/1.0", "[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'Bad/1.0']", ""},
		{"an autonomous system", build.ASN, "AS64496", "[autonomous-system:number = 64496]", ""},
		{"a MAC address", build.MAC, "00-00-5E-00-53-01", "[mac-addr:value = '00:00:5e:00:53:01']", ""},
		{"a value with a line break", build.FileName, "a\nb", "", build.InvalidValue},
		{"a value that turns the reading order", build.FileName, "a\u202eb", "", build.InvalidValue},
		{"nothing", build.Domain, " ", "", build.InvalidValue},
		{"a kind that nobody knows", "colour", "blue", "", build.UnknownKind},
		{"an endpoint by its form", build.Auto, "192.0.2.1:8080", "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 8080]", ""},
		{"a domain by its form", build.Auto, "bad[.]example", "[domain-name:value = 'bad.example']", ""},
		{"a hash by its form", build.Auto, strings.Repeat("0f", 20), "[file:hashes.'SHA-1' = '" + strings.Repeat("0f", 20) + "']", ""},
		{"a word", build.Auto, "hello", "", build.InvalidValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, refused := build.Read(tt.kind, tt.text)
			switch {
			case refused != nil && refused.Code != tt.code:
				t.Fatalf("refused as %s (%s), want %q", refused.Code, refused.Message, tt.code)
			case refused != nil:
				return
			case tt.code != "":
				t.Fatalf("read as %s, want it refused as %s", v, tt.code)
			case v.Pattern() != tt.pattern:
				t.Errorf("pattern %s, want %s", v.Pattern(), tt.pattern)
			}
			if _, err := pattern.Parse(v.Pattern()); err != nil {
				t.Error(err)
			}
			again, refused := build.Read(v.Kind, v.String())
			if refused != nil || again != v {
				t.Errorf("%v reads back as %v (%v)", v, again, refused)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "[2001:db8::1]:443", "hxxp://bad[.]example/'\\", "a@bad.example", "xn--bcher-kva.example", "10.0.0.0/8", "\u202e", strings.Repeat("0f", 32), "3:abc:def", "\xff"} {
		f.Add("auto", s)
		f.Add("url", s)
		f.Add("filename", s)
	}
	m := build.Maker{Feed: "fuzz", Namespace: "cert.example"}
	f.Fuzz(func(t *testing.T, kind, text string) {
		v, refused := build.Read(build.Kind(kind), text)
		if refused != nil {
			return
		}
		p, err := pattern.Parse(v.Pattern())
		if err != nil {
			t.Fatalf("%q: %v", v.Pattern(), err)
		}
		for _, o := range pattern.Values(p) {
			if o.Constant.Text != v.Text && o.PathText != "network-traffic:dst_port" {
				t.Fatalf("%q asks for %q", text, o.Constant.Text)
			}
		}
		if d, ok := m.Observable(v, 0); ok {
			if _, err := d.Build(build.Version{}); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
