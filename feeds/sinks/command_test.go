package sinks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
)

func TestACommandIsSplitAsAShellWouldSplitIt(t *testing.T) {
	for _, test := range []struct {
		text string
		want sinks.Command
	}{
		{`systemctl reload unbound`, sinks.Command{"systemctl", "reload", "unbound"}},
		{`sqlite3 '{}' "pragma integrity_check"`, sinks.Command{"sqlite3", "{}", "pragma integrity_check"}},
		{`[sh, -c, "a; b", '{}']`, sinks.Command{"sh", "-c", "a; b", "{}"}},
		{`a\ b ''`, sinks.Command{"a b", ""}},
	} {
		var reload strings.Builder
		if strings.HasPrefix(test.text, "[") {
			reload.WriteString(test.text)
		} else {
			reload.WriteString("|-\n      " + test.text)
		}
		config := load(t, t.TempDir(), "sinks:\n  a:\n    format: list\n    exposure: public\n    reload: "+reload.String()+"\n")
		if diff := cmp.Diff(test.want, config.Sinks["a"].Reload); diff != "" {
			t.Errorf("%s: %s", test.text, diff)
		}
	}
}

func TestACommandThatOnlyAShellCouldRunIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		`"a 'b"`: "line 5", "a && b": "sh -c", "a > b": "sh -c", "a; b": "sh -c", "[a, {}]": "in quotes", "{}": "in quotes",
	} {
		file := filepath.Join(t.TempDir(), "sinks.yaml")
		must(t, os.WriteFile(file, fmt.Appendf(nil, "sinks:\n  a:\n    format: list\n    exposure: public\n    check: %s\n", text), 0o600))
		if _, err := sinks.Load(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line 5") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWhatACheckLeavesBehindIsPrivateAndGone(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	s, o, _ := plainly(t, 3)
	seen := filepath.Join(t.TempDir(), "seen")
	o.Check = sinks.Command{"sh", "-c", `ls -ld "$1" | cut -c1-10 >"$2" && cp "$3" "$1/log"`, "sh", "{tmp}", seen, "{}"}
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if b, err := os.ReadFile(seen); err != nil || string(b) != "drwx------\n" {
		t.Errorf("it has mode %q, %v", b, err)
	}
	left, err := os.ReadDir(temporary)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// An automatic check must work for a daemon without privileges, and write nowhere
// that others know of.
func TestNoFormatsOwnCheckWritesWhereOthersRead(t *testing.T) {
	for _, f := range sink.Formats() {
		if strings.Contains(f.Check, "/tmp") || strings.HasPrefix(f.Check, "nft") || strings.ContainsAny(f.Check, `'"`) {
			t.Errorf("%s checks by %s", f.Name, f.Check)
		}
	}
}
