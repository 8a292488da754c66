package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

// What must come of readings, as naive as can be.

// entry is a row of a list.
type entry struct {
	kind    int // of kinds
	content int
	family  int  // what it says of the family that all rows share
	twice   bool // it stands there again, with other words
}

// Kinds of rows.
const (
	good = iota
	unreadable
	skipped
	withdrawn
	unshareable
	kinds
)

// event is what rows are told in. Of those with a revision only what changed is told.
type event struct {
	rows     map[string]entry
	revision int64 // 0 is none
	listed   bool
	gone     bool // it is listed and cannot be had
}

// published is what must be known of a row that is on the hub, unrevoked.
type published struct {
	name    string
	reading int       // that saw it last
	left    time.Time // since when it is not in its list
}

// world is a list that changes, the store that follows it, and the hub.
type world struct {
	t     *rapid.T
	fs    *vfs.MemFS
	store *Store
	clock time.Time
	rules Rules

	events  map[string]*event
	changes int64 // numbers the revisions

	// What must be, by what the store was told and made durable.
	reading    int
	live       map[string]*published
	told       map[string]int // event: the reading that told all of it last
	family     int            // what it is on the hub, -1 before it was told of
	confirmed  int            // the reading that a row last said so in
	proposed   int            // else, -1 for nothing
	proposedAt int            // by this reading

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

// shared is what a row says of the family.
func shared(content int) source.Draft {
	d := draft("family", content)
	d.Shared = true
	return d
}

// row is an entry as a source tells it, and what follows from it.
func (w *world) row(k string, e entry) (source.Row, func()) {
	at := w.reading
	see := func() {
		if p := w.live[k]; p != nil {
			p.reading, p.left = at, time.Time{}
		}
	}
	gone := func() { delete(w.live, k) }
	r := source.Row{Key: k, Position: k}
	switch e.kind {
	case unreadable:
		r.Refused = &build.Refusal{Code: build.InvalidRow}
		return r, see
	case skipped:
		r.Skipped = "not-now"
		return r, gone
	case withdrawn:
		r.Withdrawn = true
		return r, gone
	case unshareable:
		r.Refused = &build.Refusal{Code: build.PersonalData}
		return r, gone
	}
	r.Objects = []source.Draft{shared(e.family), draft(k, e.content)}
	return r, func() {
		w.live[k] = &published{name: fmt.Sprintf(`"%s %d"}`, k, e.content), reading: at}
		switch {
		case w.family < 0:
			w.family, w.confirmed = e.family, at
		case w.family == e.family:
			w.confirmed = at
		case w.confirmed != at && (w.proposed < 0 || w.proposedAt != at || e.family < w.proposed):
			w.proposed, w.proposedAt = e.family, at
		}
	}
}

// step is one row of a reading.
type step struct {
	row    source.Row
	follow func() // what it changes
	stands bool   // it has rows made durable first
}

// steps are what a source tells of the list now.
func (w *world) steps(backwards bool) (steps []step) {
	names := slices.Sorted(maps.Keys(w.events))
	if backwards {
		slices.Reverse(names)
	}
	for _, name := range names {
		e, at := w.events[name], w.reading
		if !e.listed {
			continue
		}
		if known, ok := w.store.Known("f", name, ""); e.gone || ok && known == e.revision {
			r := source.Row{Key: name, Unchanged: true, Revision: e.revision}
			if e.gone {
				r = source.Row{Key: name, Unchanged: true, Refused: &build.Refusal{Code: "gone"}}
			}
			steps = append(steps, step{r, func() {
				for k, p := range w.live {
					if strings.HasPrefix(k, name) && p.reading >= w.told[name] {
						p.reading, p.left = at, time.Time{}
					}
				}
				// What is known to stand is there.
				for k, row := range e.rows {
					if !e.gone && row.kind == good && w.live[k] == nil {
						w.live[k] = &published{name: fmt.Sprintf(`"%s %d"}`, k, row.content), reading: at}
					}
				}
			}, true})
			continue
		}
		keys := slices.Sorted(maps.Keys(e.rows))
		if backwards {
			slices.Reverse(keys)
		}
		for _, k := range keys {
			r, follow := w.row(k, e.rows[k])
			steps = append(steps, step{row: r, follow: follow})
			if e.rows[k].twice {
				again, _ := w.row(k, entry{content: 9, family: 9})
				steps = append(steps, step{row: again, follow: func() {}})
				if e.rows[k].kind == unreadable {
					// Nothing is known of it unless something was published: then it counts.
					_, other := w.row(k, entry{content: 9, family: 9})
					steps[len(steps)-1].follow = func() {
						if w.live[k] == nil {
							other()
						}
					}
				}
			}
		}
		if e.revision > 0 {
			// The event's own row has the object that is about all of it.
			r, follow := w.row(name, entry{family: max(w.family, 0)})
			r.Objects, r.Revision = r.Objects[1:], e.revision
			steps = append(steps, step{row: r, follow: func() {
				family, confirmed, proposed, proposedAt := w.family, w.confirmed, w.proposed, w.proposedAt
				follow()
				w.family, w.confirmed, w.proposed, w.proposedAt = family, confirmed, proposed, proposedAt
				w.told[name] = at
			}})
		}
	}
	return steps
}

// read reads the list. Where the reading stops early it crashes or fails.
func (w *world) read(stop int, crash, accept, backwards bool) Count {
	rules := w.rules
	rules.AcceptShrink = accept
	r, err := w.store.Begin("f", rules)
	if err != nil {
		w.t.Fatal(err)
	}
	w.reading++
	given, unread := 0, 0
	var held []func() // what is not durable yet
	durable := func() {
		for _, follow := range held {
			follow()
		}
		held = nil
	}
	steps := w.steps(backwards)
	for i, s := range steps {
		if i == stop {
			if crash {
				if err := r.b.Close(); err != nil {
					w.t.Fatal(err)
				}
				w.crash()
				return Count{}
			}
			if err := r.Fail(errors.New("cut")); err != nil {
				w.t.Fatal(err)
			}
			durable()
			return Count{}
		}
		if err := r.Row(s.row); err != nil {
			w.t.Fatal(err)
		}
		if s.stands {
			durable()
		}
		held = append(held, s.follow)
		if crash && i%2 == 0 {
			if err := r.Flush(); err != nil {
				w.t.Fatal(err)
			}
			durable()
		}
	}
	duplicates := r.Refused[build.Duplicate]
	if err := r.Complete(nil); err != nil {
		w.t.Fatal(err)
	}
	durable()
	for _, s := range steps {
		switch {
		case s.row.Refused != nil && s.row.Refused.Code == build.InvalidRow:
			unread++
		case s.row.Unchanged || len(s.row.Objects) > 0:
			given++
		}
	}
	given -= duplicates
	w.leave(accept, given == 0 || 2*unread > len(steps))
	if w.proposed >= 0 && w.confirmed != w.reading {
		w.family = w.proposed
	}
	w.proposed = -1
	return r.Count
}

// leave revokes what is not in the list, unless so much of it is not, or what was
// read instead is doubtful.
func (w *world) leave(accept, doubtful bool) {
	live, left, waiting := 0, 0, 0
	for _, p := range w.live {
		switch {
		case !p.left.IsZero():
			waiting++
		case p.reading != w.reading:
			left++
			live++
		default:
			live++
		}
	}
	shrank := live >= w.rules.ShrinkRows && left*100 > live*w.rules.ShrinkPercent
	if !accept && (shrank || doubtful && live > 0 && left+waiting > 0) {
		return
	}
	for k, p := range w.live {
		if p.reading == w.reading {
			continue
		}
		if p.left.IsZero() {
			p.left = w.clock
		}
		if w.clock.Sub(p.left) >= w.rules.Grace {
			delete(w.live, k)
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
	for _, p := range w.live {
		want = append(want, p.name)
	}
	if w.family >= 0 {
		want = append(want, fmt.Sprintf(`"family %d"}`, w.family))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("the hub holds %q, not %q", got, want)
	}
}

// change changes the list.
func (w *world) change(t *rapid.T) {
	name := rapid.SampledFrom([]string{"a/", "b/", "c/"}).Draw(t, "event")
	e := w.events[name]
	if e == nil {
		e = &event{rows: map[string]entry{}, listed: true}
		w.events[name] = e
	}
	k := fmt.Sprintf("%srow%d", name, rapid.IntRange(0, 5).Draw(t, "row"))
	switch rapid.IntRange(0, 6).Draw(t, "change") {
	case 0:
		delete(e.rows, k)
	case 1:
		e.listed = !e.listed
		return
	case 2:
		e.gone = !e.gone && name != "c/"
		return
	default:
		kind := max(0, rapid.IntRange(-4, kinds-1).Draw(t, "kind")) // mostly good
		e.rows[k] = entry{kind, rapid.IntRange(0, 3).Draw(t, "content"), rapid.IntRange(0, 2).Draw(t, "family"), rapid.IntRange(0, 3).Draw(t, "twice") == 0}
	}
	if w.changes++; name != "c/" {
		e.revision = w.changes
	}
}
