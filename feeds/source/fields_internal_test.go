package source

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWhatCSVWritesIsSplitAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		comma := rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "comma")
		field := rapid.Map(rapid.StringOf(rapid.SampledFrom([]rune("ab\",; '\\é\t"))), strings.TrimSpace)
		fields := rapid.SliceOfN(field, 1, 6).Draw(t, "fields")
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.Comma = comma
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		got, open, err := splitFields(strings.TrimSuffix(b.String(), "\n"), byte(comma), nil)
		if open || err != nil {
			t.Fatalf("%q: open %t, %v", b.String(), open, err)
		}
		if diff := cmp.Diff(fields, got); diff != "" {
			t.Fatalf("%q: %s", b.String(), diff)
		}
	})
}

func TestSplitFields(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       []string
		open, bad  bool
	}{
		{"spaces after commas", `"a", "b,c" ,d`, []string{"a", "b,c", "d"}, false, false},
		{"doubled quotes", `"x=""1"",y","z"`, []string{`x="1",y`, "z"}, false, false},
		{"a quote inside of a bare field", `5" disk,x`, []string{`5" disk`, "x"}, false, false},
		{"nothing after the last comma", `a,`, []string{"a", ""}, false, false},
		{"quotes that do not end", `a,"b`, []string{"a", "b"}, true, false},
		{"quotes that end doubled", `"b""`, []string{`b"`}, true, false},
		{"text after quotes", `"a"b,c`, nil, false, true},
		{"empty quotes", `"",""`, []string{"", ""}, false, false},
	} {
		got, open, err := splitFields(tt.line, ',', nil)
		if diff := cmp.Diff(tt.want, got); diff != "" || open != tt.open || (err != nil) != tt.bad {
			t.Errorf("%s: %s, open %t, %v", tt.name, diff, open, err)
		}
	}
}

func TestReadTime(t *testing.T) {
	for s, want := range map[string]string{
		"2026-08-20 09:54:23":       "2026-08-20T09:54:23Z",
		"2026-08-20 09:54:23 UTC":   "2026-08-20T09:54:23Z",
		"2026-08-20 09:54:23 (UTC)": "2026-08-20T09:54:23Z",
		"2026-08-20T10:00:00+08:00": "2026-08-20T02:00:00Z",
		"2026-08-20":                "2026-08-20T00:00:00Z",
		"1787220000":                "2026-08-20T10:00:00Z",
		"2026-08-20T09:54:23.1239Z": "2026-08-20T09:54:23.123Z",
		"0001-01-01":                "",
		"99999999999999":            "",
		"-1":                        "",
		"yesterday":                 "",
	} {
		got, ok := readTime(s)
		if ok != (want != "") || ok && got.Format("2006-01-02T15:04:05.999Z07:00") != want {
			t.Errorf("%s is read as %s, %t", s, got, ok)
		}
	}
}

func TestReadTLP(t *testing.T) {
	for s, want := range map[string]string{
		"": "none", "TLP:AMBER+STRICT": "amber-strict", "amber strict": "amber-strict", "tlp:white": "clear",
		"Green": "green", "TLP RED": "red", "TLP:PURPLE": "?", "amberish": "?", "tlp": "?",
	} {
		got, ok := readTLP(s)
		if ok != (want != "?") || ok && got.String() != want {
			t.Errorf("%q is read as %s, %t", s, got, ok)
		}
	}
}
