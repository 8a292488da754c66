package outbox

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a list that changes, the store that follows it, and the hub.
type world struct {
	t     *rapid.T
	fs    *vfs.MemFS
	store *Store
	clock time.Time
	rules Rules

	list map[string]int       // row: its content
	left map[string]time.Time // by what the store was told in complete readings
	live map[string]int       // what must be on the hub, unrevoked

	hub map[string]map[string][]byte // id, version: bytes
	// real, if there is one, is given all that the model of it is given.
	real *member
}

func (w *world) open() {
	s, err := Open("state", Options{FS: w.fs, Now: func() time.Time { return w.clock }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store = s
}

// crash keeps what was synced and nothing else.
func (w *world) crash() {
	old := w.store
	w.fs = w.fs.CrashClone(vfs.CrashCloneCfg{})
	if err := old.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

func draft(key string, content int) source.Draft {
	id := stix.StableID("test/outbox", "indicator", key)
	return source.Draft{ID: id, Build: func(v source.Version) ([]byte, error) {
		created := v.Created.UTC().Format(stampFormat)
		return fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":%q,"created":%q,"modified":%q,"pattern":"[domain-name:value = '%s.example']","pattern_type":"stix","valid_from":%q,"object_marking_refs":[%q],"name":"%s %d"}`, id,
			created, v.Modified.UTC().Format(stampFormat), key, created, stix.Clear.MarkingID(), key, content), nil
	}}
}

// read reads the list. Where the reading stops early it crashes or fails.
func (w *world) read(stop int, crash bool) {
	r, err := w.store.Begin("f", w.rules)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, k := range slices.Sorted(maps.Keys(w.list)) {
		if i == stop {
			if crash {
				if err := r.b.Close(); err != nil {
					w.t.Fatal(err)
				}
				w.crash()
				return
			}
			if err := r.Fail(fmt.Errorf("cut")); err != nil {
				w.t.Fatal(err)
			}
			w.told(k)
			return
		}
		if err := r.Row(source.Row{Key: k, Position: k, Objects: []source.Draft{draft(k, w.list[k])}}); err != nil {
			w.t.Fatal(err)
		}
		if crash && i%2 == 0 {
			if err := r.Flush(); err != nil {
				w.t.Fatal(err)
			}
			w.told(k + "\x00") // this row, and those before it in the batch
		}
	}
	if err := r.Complete(nil); err != nil {
		w.t.Fatal(err)
	}
	w.told("")
	for k := range w.live {
		if _, there := w.list[k]; there {
			continue
		}
		if w.left[k].IsZero() {
			w.left[k] = w.clock
		}
		if w.clock.Sub(w.left[k]) >= w.rules.Grace {
			delete(w.live, k)
			delete(w.left, k)
		}
	}
}

// told says that rows below end were taken in, all for an empty one.
func (w *world) told(end string) {
	for k, c := range w.list {
		if end == "" || k < end {
			w.live[k] = c
			delete(w.left, k)
		}
	}
}

// send takes some of the outbox; lost is an answer that never came.
func (w *world) send(most int, lost bool) {
	items, err := w.store.Next("f", most, 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, it := range items {
		of := w.hub[it.ID]
		if of == nil {
			of = map[string][]byte{}
			w.hub[it.ID] = of
		}
		if old, known := of[it.Version]; known && !bytes.Equal(old, it.Raw) {
			w.t.Fatalf("%s has two forms at %s", it.ID, it.Version)
		} else if !known {
			for v, raw := range of {
				if v > it.Version {
					w.t.Fatalf("%s: %s came after %s", it.ID, it.Version, v)
				}
				if bytes.Contains(raw, []byte(`"revoked":true`)) {
					w.t.Fatalf("%s: a version after it was revoked", it.ID)
				}
			}
		}
		of[it.Version] = it.Raw
	}
	w.real.submit(w.t, items)
	if lost {
		w.crash()
		return
	}
	if err := w.store.Settle("f", items); err != nil {
		w.t.Fatal(err)
	}
}

// check holds the hub to what must be there.
func (w *world) check() {
	for {
		if n, _, err := w.store.Depth("f"); err != nil {
			w.t.Fatal(err)
		} else if n == 0 {
			break
		}
		w.send(100, false)
	}
	got, want := []string{}, []string{}
	hub := w.hub
	if w.real != nil {
		hub = w.real.held(w.t)
		if !reflect.DeepEqual(hub, w.hub) {
			w.t.Fatalf("the hub holds %q, and was given %q", hub, w.hub)
		}
	}
	for _, versions := range hub {
		raw := versions[slices.Max(slices.Collect(maps.Keys(versions)))]
		if !bytes.Contains(raw, []byte(`"revoked":true`)) {
			_, name, _ := bytes.Cut(raw, []byte(`"name":`))
			got = append(got, string(name))
		}
	}
	for k, c := range w.live {
		want = append(want, fmt.Sprintf(`"%s %d"}`, k, c))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("the hub holds %q, not %q", got, want)
	}
}

func TestTheHubHoldsWhatTheHistorySaysWhateverCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { history(t, nil) })
}

// history is one, of a feed of eight rows.
func history(t *rapid.T, real *member) {
	w := &world{t: t, fs: vfs.NewCrashableMem(), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), real: real,
		list: map[string]int{}, left: map[string]time.Time{}, live: map[string]int{}, hub: map[string]map[string][]byte{},
		rules: Rules{Whole: true, Grace: time.Duration(rapid.IntRange(0, 3).Draw(t, "grace")) * time.Hour}}
	w.open()
	defer func() {
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		w.clock = w.clock.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
		k := fmt.Sprintf("row%d", rapid.IntRange(0, 7).Draw(t, "row"))
		switch rapid.IntRange(0, 5).Draw(t, "step") {
		case 0:
			w.list[k] = rapid.IntRange(0, 3).Draw(t, "content")
		case 1:
			delete(w.list, k)
		case 2:
			w.read(-1, false)
		case 3:
			w.read(rapid.IntRange(0, 8).Draw(t, "stop"), rapid.Bool().Draw(t, "crash"))
		case 4:
			w.send(rapid.IntRange(1, 5).Draw(t, "most"), rapid.Bool().Draw(t, "lost"))
		case 5:
			w.crash()
		}
	}
	w.check()
	// Read again, nothing is new but what ends its grace.
	w.read(-1, false)
	w.check()
	r, err := w.store.Begin("f", w.rules)
	if err != nil {
		t.Fatal(err)
	}
	for k, c := range w.list {
		if err := r.Row(source.Row{Key: k, Objects: []source.Draft{draft(k, c)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Complete(nil); err != nil {
		t.Fatal(err)
	}
	if r.New+r.Changed != 0 {
		t.Fatalf("the same list made %d new and %d changed", r.New, r.Changed)
	}
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
