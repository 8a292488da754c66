package publisher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// link is a hub that a test can cut off.
type link struct {
	*acceptor
	cut bool
}

var errCut = errors.New("the hub cannot be reached")

func (l *link) Submit(ctx context.Context, payload []byte, o client.SubmitOptions) (*api.Receipt, error) {
	if l.cut {
		return nil, errCut
	}
	return l.acceptor.Submit(ctx, payload, o)
}

// atOnce lets no time pass.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// doing is a feed of a folder with one for what is done.
func doing(t testing.TB) (c *Config, in, done string) {
	t.Helper()
	dir := t.TempDir()
	in, done = filepath.Join(dir, "in"), filepath.Join(dir, "done")
	must(t, os.Mkdir(in, 0o700))
	c = load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    folder: "+in+"\n    done: "+done+"\n")
	return c, in, done
}

func once(t testing.TB, c *Config, hub Submitter) (Result, error) {
	t.Helper()
	p, err := Open(c, hub, Options{Wait: atOnce})
	must(t, err)
	results, err := p.Once(t.Context())
	must(t, p.Close())
	return results[0], err
}

func TestAFileIsDoneWhenTheHubAnsweredForAllOfItAndNotBefore(t *testing.T) {
	c, in, done := doing(t)
	hub := &link{newAcceptor(), true}
	put(t, filepath.Join(in, "a"), "bad.example\n10.0.0.1\n")
	put(t, filepath.Join(in, "b"), "worse.example\n")
	put(t, filepath.Join(in, ".hidden"), "hidden.example\n")
	if _, err := once(t, c, hub); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".hidden", "a", "b"}, names(t, in)); diff != "" || len(names(t, done)) != 0 {
		t.Errorf("with the hub away: %s, done %q", diff, names(t, done))
	}
	hub.cut = false
	r, err := once(t, c, hub)
	if err != nil || r.Rows != 0 || r.Sent.Accepted != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{".hidden"}, names(t, in)); diff != "" {
		t.Errorf("it stays: %s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names(t, done)); diff != "" {
		t.Errorf("done: %s", diff)
	}

	// The next report of the same name is another file, and what says the same again
	// is done at once.
	put(t, filepath.Join(in, "a"), "another.example\n")
	put(t, filepath.Join(in, "again"), "worse.example\n")
	if r, err := once(t, c, hub); err != nil || r.Rows != 1 || r.New != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	got := names(t, done)
	if len(got) != 4 || !slices.ContainsFunc(got, func(n string) bool { return strings.HasPrefix(n, "a.") }) || !slices.Contains(got, "again") {
		t.Errorf("done: %q", got)
	}
	if b, err := os.ReadFile(filepath.Join(done, "a")); err != nil || string(b) != "bad.example\n10.0.0.1\n" {
		t.Errorf("the first is now %q, %v", b, err)
	}
}

func TestAFileThatCannotBeReadToItsEndIsNotDone(t *testing.T) {
	c, in, done := doing(t)
	c.Feeds["a"].MaxBytes = 20
	put(t, filepath.Join(in, "large"), "bad.example\nworse.example\n")
	put(t, filepath.Join(in, "small"), "small.example\n")
	if _, err := once(t, c, newAcceptor()); err == nil || !strings.Contains(err.Error(), "max_bytes") {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"large"}, names(t, in)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"small"}, names(t, done)); diff != "" {
		t.Error(diff)
	}
}

// The crash comes after each step of a file's way. What happens after it is a new
// process that has what is on disk.
func TestWhateverCrashesAFileIsDoneOnceAndNothingIsLost(t *testing.T) {
	read := func(t *testing.T, p *Publisher, f *Feed) { must(t, p.read(t.Context(), f, &Result{})) }
	for _, crash := range []struct {
		name string
		step func(t *testing.T, p *Publisher, f *Feed)
	}{
		{"before anything", func(*testing.T, *Publisher, *Feed) {}},
		{"after it was read and before that is noted", func(t *testing.T, p *Publisher, f *Feed) {
			src, err := f.source(p.config, nil)
			must(t, err)
			must(t, p.readFile(t.Context(), f, src, filepath.Join(f.Folder, "a"), &Result{}))
		}},
		{"after that is noted and before it is sent", read},
		{"after it was sent and before it is settled", func(t *testing.T, p *Publisher, f *Feed) {
			read(t, p, f)
			items, err := p.store.Next(f.Name, 1000, 1<<20)
			must(t, err)
			for _, it := range items {
				_, err := p.hub.Submit(t.Context(), it.Raw, client.SubmitOptions{})
				must(t, err)
			}
		}},
		{"after half of it is settled", func(t *testing.T, p *Publisher, f *Feed) {
			read(t, p, f)
			items, err := p.store.Next(f.Name, 1, 1<<20)
			must(t, err)
			must(t, p.send(t.Context(), f, items, &Sent{}))
			must(t, p.putAway(f))
		}},
		{"after it is settled and before it is put away", func(t *testing.T, p *Publisher, f *Feed) {
			read(t, p, f)
			must(t, p.drain(t.Context(), f, &Sent{}))
		}},
	} {
		t.Run(crash.name, func(t *testing.T) {
			c, in, done := doing(t)
			hub := newAcceptor()
			put(t, filepath.Join(in, "a"), "bad.example\nworse.example\nworst.example\n")
			p, err := Open(c, hub, Options{Wait: atOnce})
			must(t, err)
			crash.step(t, p, c.Feeds["a"])
			must(t, p.Close())
			if len(names(t, in)) != 1 || len(names(t, done)) != 0 {
				t.Errorf("it was put away before the end")
			}
			put(t, filepath.Join(in, "b"), "later.example\n")
			if _, err := once(t, c, hub); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"a", "b"}, names(t, done)); diff != "" || len(names(t, in)) != 0 || len(hub.seen) != 4 {
				t.Errorf("done: %s, not done %q, %d objects", diff, names(t, in), len(hub.seen))
			}
		})
	}
}

func TestADoneFolderIsAnotherOne(t *testing.T) {
	for _, more := range []string{"    file: x\n    done: y\n", "    folder: x\n    done: ./x/\n", "    url: https://a.example/\n    done: y\n"} {
		file := filepath.Join(t.TempDir(), "feeds.yaml")
		put(t, file, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n"+more)
		if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "done") {
			t.Errorf("%q: %v", more, err)
		}
	}
}
