package sinks

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/feeds/sink"
)

// Output is a sink that is a file or a folder, as the configuration has it.
type Output struct {
	Name   string
	Path   string
	View   View
	File   sink.File
	Folder sink.Folder
	Mode   fs.FileMode
	// Check and Reload have the path where {} is; none if empty.
	Check, Reload Command
	// Shrink is how many percent of its lines a file may lose at once; what is
	// recalled does not count. 100 allows all.
	Shrink int

	// ReloadEvery is the least time between two reloads, none if zero.
	ReloadEvery time.Duration

	allow   *sink.Allow
	written bool // since it was made: its format or its settings may be others
}

// Written is what is known of what a sink wrote last.
type Written struct {
	// At is when it was written, Changed when what it shows changed last.
	At      time.Time `json:"at"`
	Changed time.Time `json:"changed"`
	// Digest is of what it shows.
	Digest string     `json:"digest"`
	Count  sink.Count `json:"count"`
	// Withheld counts what the view does not show, by reason.
	Withheld map[string]int `json:"withheld,omitempty"`
	// Guarded says that the shrink guard holds back what would leave.
	Guarded bool `json:"guarded,omitempty"`
	// Reload says that the consumer has not loaded it yet; Reloaded is when it did
	// last.
	Reload   bool      `json:"reload,omitempty"`
	Reloaded time.Time `json:"reloaded,omitzero"`
}

// ErrShrink means that the shrink guard holds back a file; what was recalled has
// left it all the same.
var ErrShrink = errors.New("the file would lose too much at once")

// Written tells what a sink wrote last, zero if nothing yet.
func (s *State) Written(name string) (w Written, err error) {
	v, err := get(s.db, []byte("w\x00"+name))
	if err != nil || v == nil {
		return w, err
	}
	if err := json.Unmarshal(v, &w); err != nil {
		return w, fmt.Errorf("%w: sink %s: %w", errState, name, err)
	}
	return w, nil
}

func (s *State) setWritten(b *pebble.Batch, name string, w *Written) error {
	v, err := json.Marshal(w)
	if err != nil {
		return err
	}
	return b.Set([]byte("w\x00"+name), v, nil)
}

// Write has a sink show what counts now, if that is not what it shows already.
// accept lets it shrink whatever it loses.
//
// The consumer loads it once it is in its place; when that fails, or is too soon
// after the last time, it is tried again by the next Write.
func (s *State) Write(ctx context.Context, o *Output, now time.Time, accept bool) (Written, error) {
	// What an end left unfinished may have what was recalled since.
	for _, suffix := range []string{".new", ".kept"} {
		(&made{path: o.beside(suffix)}).discard()
	}
	snapshot := s.db.NewSnapshot()
	defer snapshot.Close() //nolint:errcheck // it was only read
	was, err := s.Written(o.Name)
	if err != nil {
		return was, err
	}
	next := Written{At: now, Changed: was.Changed, Withheld: map[string]int{}, Reload: was.Reload, Reloaded: was.Reloaded}
	if next.Digest, err = s.digest(snapshot, o, now, next.Withheld); err != nil {
		return was, err
	}
	if next.Digest != was.Digest || next.Changed.IsZero() {
		next.Changed = changeAfter(was.Changed, now)
	}
	if o.written && next.Digest == was.Digest && !was.Guarded && exists(o.Path) {
		if !maps.Equal(next.Withheld, was.Withheld) {
			was.Withheld = next.Withheld
			err = s.save(o, &was, nil)
		}
		err = errors.Join(err, s.reload(ctx, o, &was, now))
		return was, err
	}
	var failed error
	shown := func() iter.Seq[Counted] { return s.Current(snapshot, &o.View, now, nil, &failed) }
	made, err := o.render(ctx, ".new", shown(), next.Changed)
	if err = errors.Join(err, failed); err != nil {
		return was, fmt.Errorf("writing %s: %w", o.Path, err)
	}
	defer made.discard()
	if !accept && o.shrinks(&was.Count, &made.count) {
		guarded := func() iter.Seq[Counted] { return s.guarded(snapshot, o, now, &failed) }
		kept, err := o.render(ctx, ".kept", guarded(), next.Changed)
		if err = errors.Join(err, failed); err != nil {
			return was, fmt.Errorf("writing %s: %w", o.Path, err)
		}
		defer kept.discard()
		// What nobody may hold back is no loss to be guarded against.
		if next.Guarded = o.shrinks(&kept.count, &made.count); next.Guarded {
			made, shown = kept, guarded
		}
	}
	if next.Changed.Equal(was.Changed) && exists(o.Path) {
		// What counts is the same, and yet the file may be another: by its settings,
		// or by what a guard keeps.
		same, err := sameContent(made.path, o.Path)
		if err == nil && !same {
			next.Changed = changeAfter(was.Changed, now)
			made, err = o.render(ctx, ".new", shown(), next.Changed)
		}
		if err = errors.Join(err, failed); err != nil {
			return was, fmt.Errorf("writing %s: %w", o.Path, err)
		}
	}
	next.Count = made.count
	switch err := s.replace(ctx, o, made, &next, shown()); {
	case errors.Is(err, errUnfit) && exists(o.Path):
		return s.withdraw(ctx, snapshot, o, was, now, err)
	case err != nil:
		return was, err
	}
	o.written = true
	if err := errors.Join(failed, s.reload(ctx, o, &next, now)); err != nil {
		return next, err
	}
	if next.Guarded {
		return next, fmt.Errorf("%s: %w: it has %d lines and would have fewer by more than %d percent; look why, then `selat sink once %s --accept-shrink`",
			o.Path, ErrShrink, next.Count.Lines, o.Shrink, o.Name)
	}
	return next, nil
}

// changeAfter is when something changed that changed last at was, as far as those can
// tell who read it in whole seconds and load nothing that has not risen: a clock may
// have been set back, and two changes may come in one second.
func changeAfter(was, now time.Time) time.Time {
	if was.IsZero() {
		return now
	}
	return latestOf(now, was.Add(time.Second))
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// digest is of what a view shows, and of how: equal ones render alike.
func (s *State) digest(r reader, o *Output, now time.Time, withheld map[string]int) (string, error) {
	var failed error
	sum := sha256.New()
	sum.Write(o.allow.Digest())
	for c := range s.Current(r, &o.View, now, withheld, &failed) {
		sum.Write(c.key)
		sum.Write([]byte{'\n', byte(c.Level)}) // which a narrowing raises
		object := sha256.Sum256(c.Object)
		sum.Write(object[:])
	}
	return hex.EncodeToString(sum.Sum(nil)), failed
}

// guardFrom is how many lines a file has before its shrinking is looked at.
const guardFrom = 20

func (o *Output) shrinks(was, is *sink.Count) bool {
	return o.Shrink < 100 && was.Lines >= guardFrom && is.Lines*100 < was.Lines*(100-o.Shrink)
}

// guarded yields what counts and what the file shows already, as far as it is still
// held and may still be shown: what was recalled is not.
func (s *State) guarded(r reader, o *Output, now time.Time, failed *error) iter.Seq[Counted] {
	return func(yield func(Counted) bool) {
		err := groups(r, func(g *group) error {
			if v := Current(g.held, &o.View, now); v.Index >= 0 {
				if !yield(Counted{g.held[v.Index].entry(g.objects[v.Index]), g.keys[v.Index]}) {
					return errStop
				}
				return nil
			}
			return s.shown(r, o, g, yield)
		})
		if !errors.Is(err, errStop) {
			*failed = errors.Join(*failed, err)
		}
	}
}

// made is a file or folder that waits to take its place.
type made struct {
	path  string
	count sink.Count
}

func (m *made) discard() {
	if m.path != "" {
		_ = os.RemoveAll(m.path) // nothing of it counts
	}
}

// beside is where something waits to take a file's place.
func (o *Output) beside(suffix string) string {
	return filepath.Join(filepath.Dir(o.Path), "."+filepath.Base(o.Path)+suffix)
}

func (o *Output) render(ctx context.Context, suffix string, entries iter.Seq[Counted], now time.Time) (*made, error) {
	plain := func(yield func(sink.Entry) bool) {
		for c := range entries {
			if !yield(c.Entry) {
				return
			}
		}
	}
	m := &made{path: o.beside(suffix)}
	m.discard()
	var err error
	if o.Folder != nil {
		if err = os.Mkdir(m.path, 0o700); err == nil {
			m.count, err = o.Folder.Render(ctx, m.path, plain, now)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(m.path, marker), []byte(markerText), 0o600)
		}
		if err == nil {
			err = o.chmod(m.path)
		}
	} else {
		m.count, err = o.renderFile(ctx, m.path, plain, now)
	}
	if err != nil {
		m.discard()
		return m, err
	}
	return m, nil
}

func (o *Output) renderFile(ctx context.Context, path string, entries iter.Seq[sink.Entry], now time.Time) (count sink.Count, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return count, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	if count, err = o.File.Render(ctx, w, entries, now); err != nil {
		return count, err
	}
	if err := w.Flush(); err != nil {
		return count, err
	}
	if err := f.Chmod(o.Mode); err != nil {
		return count, err
	}
	return count, f.Sync()
}

// errUnfit is of a file that its consumer would not load. The one in its place stays
// then, without what does not count any more.
var errUnfit = errors.New("does not pass its check")

// withdraw has a file lose what does not count any more, where what counts does not
// pass its check: of what it shows that is left which still counts.
func (s *State) withdraw(ctx context.Context, r reader, o *Output, was Written, now time.Time, unfit error) (Written, error) {
	var failed error
	left := func() iter.Seq[Counted] { return s.left(r, o, now, &failed) }
	next := was
	next.At, next.Digest = now, "" // none, so that it is tried again
	made, err := o.render(ctx, ".kept", left(), next.Changed)
	same := false
	if err = errors.Join(err, failed); err == nil {
		same, err = sameContent(made.path, o.Path)
	}
	if err == nil && !same {
		next.Changed = changeAfter(was.Changed, now)
		made, err = o.render(ctx, ".kept", left(), next.Changed)
	}
	if err = errors.Join(err, failed); err != nil {
		return was, fmt.Errorf("writing %s: %w", o.Path, err)
	}
	defer made.discard()
	next.Count = made.count
	if err := s.replace(ctx, o, made, &next, left()); err != nil {
		return was, fmt.Errorf("%s stays as it is, with what should leave it: %w; %v", o.Path, errStays, err)
	}
	return next, errors.Join(unfit, failed, s.reload(ctx, o, &next, now))
}

// errStays is of a file that still shows what should have left it.
var errStays = errors.New("neither what counts nor what is left of it passes its check")

// left yields what a file shows of objects that count: where a later version does, the
// earlier one, if it may still be shown.
func (s *State) left(r reader, o *Output, now time.Time, failed *error) iter.Seq[Counted] {
	return func(yield func(Counted) bool) {
		err := groups(r, func(g *group) error {
			if Current(g.held, &o.View, now).Index < 0 {
				return nil
			}
			return s.shown(r, o, g, yield)
		})
		if !errors.Is(err, errStop) {
			*failed = errors.Join(*failed, err)
		}
	}
}

// shown yields what a file shows of one object, as far as it is still held and may
// still be shown: what was recalled is not.
func (s *State) shown(r reader, o *Output, g *group, yield func(Counted) bool) error {
	shown, err := get(r, []byte("p\x00"+o.Name+"\x00"+g.held[0].Origin+"\x00"+g.held[0].ID))
	if err != nil || shown == nil {
		return err
	}
	for i := range g.keys {
		if string(g.keys[i]) != string(shown) {
			continue
		}
		if at, _ := place(g.held, &g.held[i], &o.View); at >= 0 && latestShown(g.held, &o.View) >= 0 {
			if !yield(Counted{g.held[at].entry(g.objects[at]), g.keys[at]}) {
				return errStop
			}
		}
	}
	return nil
}

// replace checks what was made, and puts it into its place. That the consumer must
// load it is written down before.
func (s *State) replace(ctx context.Context, o *Output, m *made, w *Written, keys iter.Seq[Counted]) error {
	if err := replaceable(o.Path, o.Folder != nil); err != nil {
		return err
	}
	if len(o.Check) > 0 {
		if err := runCommand(ctx, o.Check, m.path); err != nil {
			return fmt.Errorf("what would replace %s %w: %w", o.Path, errUnfit, err)
		}
	}
	same, err := sameContent(m.path, o.Path)
	if err == nil && same {
		err = o.chmod(o.Path)
	}
	if err != nil {
		return err
	}
	if !same {
		w.Reload = len(o.Reload) > 0
		pending := *w
		pending.Digest = "" // until it is there
		if err := s.save(o, &pending, nil); err != nil {
			return err
		}
		if err := swap(m.path, o.Path, o.Folder != nil); err != nil {
			return fmt.Errorf("putting %s into its place: %w", o.Path, err)
		}
	}
	return s.save(o, w, keys)
}

// save writes down what a sink shows, and with keys which objects these are.
func (s *State) save(o *Output, w *Written, keys iter.Seq[Counted]) error {
	b := s.db.NewBatch()
	defer b.Close() //nolint:errcheck // what matters is its Commit
	if keys != nil {
		prefix := []byte("p\x00" + o.Name + "\x00")
		if err := b.DeleteRange(prefix, after(prefix), nil); err != nil {
			return err
		}
		for c := range keys {
			if err := b.Set([]byte("p\x00"+o.Name+"\x00"+c.Origin+"\x00"+c.ID), c.key, nil); err != nil {
				return err
			}
		}
	}
	if err := s.setWritten(b, o.Name, w); err != nil {
		return err
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("noting what %s shows: %w", o.Path, err)
	}
	return nil
}

// reload has the consumer load what is in its place, if it has not and may now.
func (s *State) reload(ctx context.Context, o *Output, w *Written, now time.Time) error {
	if !w.Reload || len(o.Reload) == 0 {
		return nil
	}
	if since := now.Sub(w.Reloaded); since >= 0 && since < o.ReloadEvery {
		return nil
	}
	if err := runCommand(ctx, o.Reload, o.Path); err != nil {
		return fmt.Errorf("%s is written, and its consumer could not be told: %w", o.Path, err)
	}
	w.Reload, w.Reloaded = false, now
	return s.save(o, w, nil)
}
