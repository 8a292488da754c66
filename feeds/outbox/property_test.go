package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheHubHoldsWhatTheHistorySaysWhateverCrashes(t *testing.T) {
	shrunk := 0
	rapid.Check(t, func(t *rapid.T) { shrunk += history(t, nil) })
	if shrunk == 0 {
		t.Error("no list shrank too much: the guard was not tried")
	}
}

// history is one, and tells how often its list shrank too much.
func history(t *rapid.T, real *member) (shrunk int) {
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), real: real, events: map[string]*event{},
		live: map[string]*published{}, told: map[string]int{}, family: -1, proposed: -1, hub: map[string]map[string][]byte{},
		rules: Rules{Whole: true, Grace: time.Duration(rapid.IntRange(0, 3).Draw(t, "grace")) * time.Hour,
			ShrinkRows: rapid.IntRange(3, 8).Draw(t, "shrink rows"), ShrinkPercent: rapid.SampledFrom([]int{20, 50, 100}).Draw(t, "shrink percent")}}
	w.open()
	defer func() {
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		w.clock = w.clock.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0, 1, 2:
			w.change(t)
		case 3:
			if c := w.read(-1, false, rapid.IntRange(0, 3).Draw(t, "accept") == 0, rapid.Bool().Draw(t, "backwards")); c.Shrunk != nil {
				shrunk++
			}
		case 4:
			w.read(rapid.IntRange(0, 12).Draw(t, "stop"), rapid.Bool().Draw(t, "crash"), false, rapid.Bool().Draw(t, "backwards"))
		case 5:
			w.send(rapid.IntRange(1, 5).Draw(t, "most"), rapid.Bool().Draw(t, "lost"))
		case 6:
			w.crash()
		}
	}
	w.check()
	// Read again, nothing is new but what ends its grace.
	w.read(-1, false, false, false)
	w.check()
	w.read(-1, false, false, false)
	w.check()
	if c := w.read(-1, false, false, true); c.New+c.Changed+c.Revoked != 0 {
		t.Fatalf("the same list made %d new, %d changed and %d revoked", c.New, c.Changed, c.Revoked)
	}
	return shrunk
}

func TestAListThatShrinksTooMuchRevokesNothingUntilAccepted(t *testing.T) {
	s, err := Open("state", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // in memory
	read := func(rows int, accept bool) Count {
		r, err := s.Begin("f", Rules{Whole: true, AcceptShrink: accept})
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if err := r.Row(source.Row{Key: fmt.Sprint(i), Objects: []source.Draft{draft(fmt.Sprint(i), 1)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Complete(nil); err != nil {
			t.Fatal(err)
		}
		return r.Count
	}
	read(200, false)
	if c := read(90, false); c.Revoked != 0 || c.Shrunk == nil || c.Shrunk.Left != 110 {
		t.Errorf("%+v", c)
	}
	if c := read(90, true); c.Revoked != 110 || c.Shrunk != nil {
		t.Errorf("accepted: %+v", c)
	}
}

func TestAnEventThatIsReadAgainAfterItWasTakenBackDoesNotComeBack(t *testing.T) {
	clock := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	s, err := Open("state", Options{FS: vfs.NewMem(), Now: func() time.Time { clock = clock.Add(time.Minute); return clock }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // in memory
	read := func(content int, modified time.Time) Count {
		r, err := s.Begin("f", Rules{})
		if err != nil {
			t.Fatal(err)
		}
		d := draft("k", content)
		d.Modified = modified
		for _, row := range []source.Row{{Key: "k", Objects: []source.Draft{d}}, {Key: "k", Withdrawn: true}} {
			if err := r.Row(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Complete(nil); err != nil {
			t.Fatal(err)
		}
		return r.Count
	}
	for _, step := range []struct {
		name                   string
		content                int
		modified               time.Time
		fresh, revoked, stands int
	}{
		{"told and taken back", 1, time.Time{}, 1, 1, 0},
		{"the same again", 1, time.Time{}, 0, 0, 1},
		{"it says something else", 2, time.Time{}, 1, 1, 0},
		{"the same again in its second life", 2, time.Time{}, 0, 0, 1},
		{"the same, and the source says that it is later", 2, clock.AddDate(0, 0, 1), 1, 1, 0},
	} {
		if c := read(step.content, step.modified); c.New != step.fresh || c.Revoked != step.revoked || c.Unchanged != step.stands || c.Changed != 0 {
			t.Errorf("%s: %+v", step.name, c)
		}
	}
}
