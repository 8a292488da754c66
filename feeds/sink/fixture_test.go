package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/stix"
)

var noon = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)

// indicator is an entry of sg, GREEN.
func indicator(n int, name, pattern string) Entry {
	id := fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", n)
	object, err := json.Marshal(map[string]any{
		"type": "indicator", "spec_version": "2.1", "id": id, "created": "2026-08-20T10:00:00.000Z",
		"modified": "2026-08-20T10:00:00.000Z", "name": name, "pattern": pattern, "pattern_type": "stix",
		"valid_from": "2026-08-20T10:00:00Z", "confidence": 75,
		"external_references": []any{map[string]any{"source_name": "x", "url": "https://ref.example/1"}},
	})
	if err != nil {
		panic(err)
	}
	return Entry{
		Object: object, ID: id, Type: "indicator", Version: "2026-08-20T10:00:00Z", Origin: "sg", Audience: "region",
		Level: stix.Green, Added: noon, ValidFrom: noon.Add(-2 * time.Hour),
	}
}

func addressEntry(n int, address string) Entry {
	return indicator(n, "InventedBot C2", "[ipv4-addr:value = '"+address+"']")
}

func domainEntry(n int, name string) Entry {
	return indicator(n, "Invented", "[domain-name:value = '"+name+"']")
}

// fileOf makes a sink of a format.
func fileOf(t testing.TB, name string, s Settings) File {
	t.Helper()
	f, err := FormatNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.CheckOptions(s.Options); err != nil {
		t.Fatal(err)
	}
	file, err := f.File(s)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func render(t interface {
	Helper()
	Fatal(...any)
}, f File, entries ...Entry) (string, Count) {
	t.Helper()
	var b bytes.Buffer
	count, err := f.Render(context.Background(), &b, slices.Values(entries), noon)
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), count
}

func allowing(t testing.TB, lines ...string) *Allow {
	t.Helper()
	a, err := ReadAllow(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// quote writes a constant of a pattern.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// hostile generates text of strangers.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("\n\r\t\\\"';|:#-*.%$(){} =\u2028\u0085\x00ab")), 0, 30, -1),
		rapid.SampledFrom([]string{"-", "(empty)", "#", "", `"; sid:1; rev:1;) drop ip any any -> any any (msg:"`, "\nalert ip any any -> any any (sid:1;)",
			"=1+1", "$INCLUDE /etc/passwd", "@ IN NS evil.", "%n\\", "CEF:0|a|b|", "x\\", strings.Repeat("x", 300)}),
	)
}

// terms generates comparisons, many of them with values that settle.
func terms() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		label := rapid.StringMatching(`[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?`)
		path := rapid.SampledFrom([]string{"domain-name:value", "url:value", "email-addr:value", "file:name", "ipv4-addr:value",
			"ipv6-addr:value", "file:hashes.MD5", "file:hashes.'SHA-1'", "file:hashes.'SHA-256'", "x509-certificate:hashes.'SHA-1'"}).Draw(t, "path")
		var v string
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			v = hostile().Draw(t, "value")
		default:
			switch {
			case strings.HasPrefix(path, "domain"):
				v = strings.Join(rapid.SliceOfN(label, 1, 12).Draw(t, "labels"), ".") + ".example"
			case strings.HasPrefix(path, "url"):
				v = rapid.SampledFrom([]string{"http", "https", "ftp"}).Draw(t, "scheme") + "://" + label.Draw(t, "host") + ".example" +
					rapid.StringMatching(`(:80)?(/[!-~]{0,40})?`).Draw(t, "rest")
			case strings.HasPrefix(path, "email"):
				v = label.Draw(t, "user") + "@" + label.Draw(t, "host") + ".example"
			case path == "file:name":
				v = hostile().Draw(t, "name")
			case path == "ipv4-addr:value":
				v = fmt.Sprintf("198.51.%d.%d", rapid.IntRange(0, 255).Draw(t, "a"), rapid.IntRange(0, 255).Draw(t, "b"))
			case path == "ipv6-addr:value":
				v = fmt.Sprintf("2001:db8:%x::%x", rapid.IntRange(0, 65535).Draw(t, "a"), rapid.IntRange(0, 65535).Draw(t, "b"))
			case strings.HasSuffix(path, "MD5"):
				v = rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "md5")
			case strings.HasSuffix(path, "'SHA-1'"):
				v = rapid.StringMatching(`[0-9a-f]{40}`).Draw(t, "sha1")
			default:
				v = rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "sha256")
			}
		}
		return path + " = " + quote(v)
	})
}

// entriesOf generates entries of strangers, sorted.
func entriesOf(most int) *rapid.Generator[[]Entry] {
	return rapid.Custom(func(t *rapid.T) []Entry {
		var all []Entry
		for n := range rapid.IntRange(0, most).Draw(t, "entries") {
			some := rapid.SliceOfN(terms(), 1, 4).Draw(t, "terms")
			pattern := "[" + strings.Join(some, rapid.SampledFrom([]string{" OR ", " OR ", "] OR [", " AND ", "] FOLLOWEDBY ["}).Draw(t, "join")) + "]"
			e := indicator(n, hostile().Draw(t, "name"), pattern)
			e.Level = rapid.SampledFrom(stix.Levels[:]).Draw(t, "level")
			all = append(all, e)
		}
		return all
	})
}

// needTool skips a test where a consumer's own tool is not installed.
func needTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("skipped: %s is not installed here", name)
	}
}

// suricataLoads has Suricata itself read the rules.
func suricataLoads(t testing.TB, rules string) {
	t.Helper()
	needTool(t, "suricata")
	logs := t.TempDir()
	out, err := exec.Command("suricata", "-T", "-l", logs, "-S", rules).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("Error: ")) || bytes.Contains(out, []byte("Warning: detect")) {
		b, _ := os.ReadFile(rules)
		t.Fatalf("suricata -T: %v\n%s\n%.4000s", err, out, b)
	}
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
