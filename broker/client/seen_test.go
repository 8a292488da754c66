package client

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func testKey(n byte) key { return key{n} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openState(t testing.TB, dir string) *diskSeen {
	t.Helper()
	s, err := openSeen(dir, slog.New(slog.DiscardHandler))
	must(t, err)
	return s
}

func knows(t testing.TB, s seen, k key) bool {
	t.Helper()
	ok, err := s.has(k)
	must(t, err)
	return ok
}

func TestWhatWasHandledIsRememberedUntilAReplay(t *testing.T) {
	dir := t.TempDir()
	for name, s := range map[string]seen{"disk": openState(t, dir), "memory": newMemorySeen()} {
		if knows(t, s, testKey(1)) {
			t.Errorf("%s knows what it never saw", name)
		}
		begun, err := s.begun()
		must(t, err)
		if begun {
			t.Errorf("%s has begun before it began", name)
		}
		must(t, s.begin())
		must(t, s.start([]key{testKey(1), testKey(2)}))
		must(t, s.add([]key{testKey(1), testKey(2)}))
		if !knows(t, s, testKey(1)) || !knows(t, s, testKey(2)) || knows(t, s, testKey(3)) {
			t.Errorf("%s does not know just what it saw", name)
		}
		must(t, s.close())
	}
	s := openState(t, dir)
	if begun, err := s.begun(); !begun || err != nil || !knows(t, s, testKey(1)) {
		t.Error("a state folder opened again has forgotten")
	}
	must(t, s.forget())
	if knows(t, s, testKey(1)) {
		t.Error("a state folder told to forget has not")
	}
	must(t, s.close())
}

func TestADeathLeavesKnownWhatWasFinishedAndInDoubtWhatWasNot(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	must(t, s.start([]key{testKey(1), testKey(2), testKey(3), testKey(4)}))
	must(t, s.finished(testKey(1)))
	must(t, s.add([]key{testKey(1)}))
	must(t, s.finished(testKey(4)))
	// The process dies: what it wrote is there, and nothing was closed. A copy
	// stands for the folder, whose lock this process still holds.
	dead := filepath.Join(t.TempDir(), "state")
	must(t, os.CopyFS(dead, os.DirFS(dir)))
	b, err := os.ReadFile(filepath.Join(dead, "in-hand"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dead, "in-hand"), append(b, "dx"...), 0o600)) // a torn write
	after := openState(t, dead)
	for n, want := range map[byte][2]bool{1: {true, false}, 2: {false, true}, 3: {false, true}, 4: {true, false}} {
		if got := [2]bool{knows(t, after, testKey(n)), after.doubtful(testKey(n), 1)}; got != want {
			t.Errorf("after a death, %d is known and in doubt: %v, want %v", n, got, want)
		}
	}
	must(t, after.start([]key{testKey(2)}))
	must(t, after.finished(testKey(2)))
	if after.doubtful(testKey(2), 3) {
		t.Error("what was finished since is in doubt")
	}
	must(t, after.close())
	// An orderly end leaves in doubt only what the handler was called with.
	s.unstarted([]key{testKey(3)})
	must(t, s.close())
	again := openState(t, dir)
	if !again.doubtful(testKey(2), 1) || again.doubtful(testKey(3), 1) || !knows(t, again, testKey(4)) {
		t.Error("an orderly end put in doubt what was never started, or forgot what was")
	}
	must(t, again.close())
}

func TestTheJournalIsWrittenAnewBeforeItGrowsLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in-hand")
	j, err := openJournal(path, func(key) (bool, error) { return false, nil }, func([]key) error { return nil })
	must(t, err)
	for i := range journalMost / entrySize {
		k := key{byte(i), byte(i >> 8), byte(i >> 16)}
		must(t, j.start([]key{k}))
		must(t, j.done(k))
		must(t, j.recorded([]key{k}))
	}
	st, err := os.Stat(path)
	must(t, err)
	if st.Size() > journalMost+1024 {
		t.Errorf("the journal has %d bytes", st.Size())
	}
	must(t, j.close())
}

func FuzzOpenJournal(f *testing.F) {
	f.Add([]byte("s0123456789abcdefd0123456789abcdef"))
	f.Add([]byte("d0123456789abcdefs0123456789abcdefs"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "in-hand")
		must(t, os.WriteFile(path, b, 0o600))
		done := 0
		j, err := openJournal(path, func(key) (bool, error) { return false, nil }, func(ks []key) error { done = len(ks); return nil })
		must(t, err)
		if (done+len(j.doubt))*entrySize > len(b) {
			t.Errorf("%d bytes hold %d done and %d in doubt", len(b), done, len(j.doubt))
		}
		must(t, j.close())
	})
}

func TestAMemoryForgetsTheOldest(t *testing.T) {
	m := newMemorySeen()
	at := func(i int) key { return key{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)} }
	for i := range memorySize + 10 {
		must(t, m.add([]key{at(i)}))
	}
	if knows(t, m, at(9)) || !knows(t, m, at(10)) || len(m.keys) != memorySize {
		t.Errorf("it remembers %d, the oldest of them %v", len(m.keys), knows(t, m, at(10)))
	}
}

func TestAFolderOfAnotherKindIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	must(t, s.set(keyFormat, []byte("selat-seen-9")))
	if _, err := openSeen(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrStateInUse) {
		t.Errorf("opened twice: %v", err)
	}
	must(t, s.close())
	if _, err := openSeen(dir, slog.New(slog.DiscardHandler)); err == nil || !bytes.Contains([]byte(err.Error()), []byte("selat-seen-9")) {
		t.Errorf("opened in another format: %v", err)
	}
}

func TestKeysTellApartWhatMustBeToldApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "a", "b", "ab"})
		draw := func() Delivery {
			return Delivery{Origin: text.Draw(t, "origin"), ID: text.Draw(t, "id"), Version: text.Draw(t, "version"), Stream: text.Draw(t, "stream")}
		}
		a, b := draw(), draw()
		same := a.Origin == b.Origin && a.ID == b.ID && a.Version == b.Version
		if (a.key(false) == b.key(false)) != same || (a.key(true) == b.key(true)) != (same && a.Stream == b.Stream) {
			t.Errorf("%+v and %+v", a, b)
		}
	})
}
