package sinks

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// blocked is a daemon with a list of bad1.example and bad2.example, and the path of
// its allow-list.
func blocked(t *testing.T) (d *Daemon, allow string) {
	t.Helper()
	dir := t.TempDir()
	allow = filepath.Join(dir, "allow.txt")
	put(t, allow, "good.example\n")
	put(t, filepath.Join(dir, "sinks.yaml"), "allow: allow.txt\nsinks: {a: {format: list, path: a.txt, exposure: public}}\n")
	config, err := Load(filepath.Join(dir, "sinks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	if d, err = Open(config, Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { now = now.Add(time.Second); return now }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for n := range 2 {
		id := fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", n)
		object := fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[domain-name:value = 'bad%d.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}`, id, n+1)
		if err := d.state.Put(&client.Delivery{Object: []byte(object), ID: id, Type: "indicator", Version: "2026-01-01T00:00:00Z", Origin: "sg",
			Audience: "region", Level: stix.Clear, Added: now}, now); err != nil {
			t.Fatal(err)
		}
	}
	return d, allow
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheAllowListIsReadAgainWhenItChanges(t *testing.T) {
	d, allow := blocked(t)
	path := filepath.Join(filepath.Dir(allow), "a.txt")
	changed := time.Time{}
	for _, step := range []struct {
		name, list, want string
		anew             bool // what the file shows counts as changed
	}{
		{"as it was at the start", "", "bad1.example\nbad2.example\n", true},
		{"when nothing is on it now", "#", "bad1.example\nbad2.example\n", true},
		{"when one comes to it", "# ours\nbad1.example\n", "bad2.example\n", true},
		{"as it was while it cannot be understood", "no domain\n", "bad2.example\n", false},
		{"as it was while it is not there", "-", "bad2.example\n", false},
		{"when it is there again", "bad1.example\nwww.bad2.example\n", "", true},
	} {
		switch step.list {
		case "":
		case "-":
			if err := os.Remove(allow); err != nil {
				t.Fatal(err)
			}
		default:
			put(t, allow, step.list)
		}
		if err := d.writeAll(t.Context(), true); err != nil {
			t.Fatal(step.name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != step.want {
			t.Errorf("%s: %q, %v", step.name, b, err)
		}
		w, err := d.state.Written("a")
		if err != nil || w.Changed.After(changed) != step.anew {
			t.Errorf("%s: changed %s, before %s, %v", step.name, w.Changed, changed, err)
		}
		changed = w.Changed
	}
}

func TestARunningDaemonWritesWhenTheAllowListChanges(t *testing.T) {
	d, allow := blocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	put(t, allow, "# one more\nbad1.example\n")
	woken, _ := d.woken()
	go func() { defer close(done); d.timers(ctx) }()
	<-woken
	cancel()
	<-done
	if _, err := d.write(t.Context(), d.files[0], true); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(filepath.Dir(allow), "a.txt")); err != nil || string(b) != "bad2.example\n" {
		t.Errorf("%q, %v", b, err)
	}
}
