package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/stix"
)

var errState = errors.New("the state holds what this program never wrote")

// State is what a daemon has received and what became of it, in one folder. Keys:
//
//	o origin id version audience tlp  -> an object (record.go)
//	x time origin id                  -> nothing: then its verdict may change
//	w sink                            -> what was written last (file.go)
//	p sink origin id                  -> the key of the object that is in the file
//	t sink origin id                  -> what the stream was told last (stream.go)
//	e sink number                     -> an event that is not told yet
//	n sink                            -> the number of the next
//	b                                 -> where what is received began (verify.go)
type State struct {
	db      *pebble.DB
	streams []*streamSink

	mu      sync.Mutex // one change at a time
	changed func(urgent bool)
	// The earliest and the latest time at which something was looked at since Due
	// last began; a clock can be set back.
	from, to time.Time
}

// stateCache is of what is read again and again: each object that comes is looked up.
const stateCache = 64 << 20

// OpenState opens a state, or makes a new one. changed is called after each change;
// urgent is one that takes from somebody what they may not see any more: a recall, or
// a version that is stricter than one before.
func OpenState(dir string, fs vfs.FS, changed func(urgent bool)) (*State, error) {
	if fs == nil {
		fs = vfs.Default
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, Logger: quiet{}, CacheSize: stateCache})
	if err != nil {
		return nil, fmt.Errorf("opening the state in %s (does another daemon use it?): %w", dir, err)
	}
	return &State{db: db, changed: changed}, nil
}

// readState opens a state that is there to be looked at: nothing of it changes.
func readState(dir string) (*State, error) {
	db, err := pebble.Open(dir, &pebble.Options{ReadOnly: true, Logger: quiet{}})
	return &State{db: db}, err
}

// quiet leaves the store's own news out of the log; what fails is returned.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// Close leaves everything on disk.
func (s *State) Close() error {
	return errors.Join(s.Flush(), s.db.Close())
}

// Put keeps an object; it is on disk after the next Flush.
func (s *State) Put(d *client.Delivery, now time.Time) error {
	h := heldOf(d)
	value, err := h.encode(d.Object)
	if err != nil {
		return err
	}
	return s.change(h.Origin, h.ID, now, func(b *pebble.Batch) (urgent bool, err error) {
		if err := h.eachTimer(func(key []byte) error { return b.Set(key, nil, nil) }); err != nil {
			return false, err
		}
		// Others may hold something of it under a less strict level; and what a
		// narrowing left is kept until the stricter version comes.
		err = s.eachHeld(s.db, h.Origin, h.ID, func(key []byte, was *Held, _ []byte) error {
			level, err := placed(key)
			if urgent = urgent || level < h.Level; err == nil && was.Narrowed && was.instant() < h.instant() {
				err = b.Delete(key, nil)
			}
			return err
		})
		return urgent, errors.Join(err, b.Set(h.key(), value, nil))
	})
}

// placed is the level that an object came under, by its key, whatever it was narrowed
// to since.
func placed(key []byte) (stix.Level, error) {
	level, err := stix.ParseLevel(string(key[bytes.LastIndexByte(key, 0)+1:]))
	if err != nil {
		return level, fmt.Errorf("%w: %w", errState, err)
	}
	return level, nil
}

// eachHeld visits what is held of one object.
func (s *State) eachHeld(r reader, origin, id string, visit func(key []byte, h *Held, object []byte) error) error {
	return s.each(r, objectKey(origin, id), func(key, value []byte) error {
		h, object, err := decode(value)
		if err != nil {
			return err
		}
		return visit(key, &h, object)
	})
}

// change edits what is held of one object, and has every stream told what that
// changes.
func (s *State) change(origin, id string, now time.Time, edit func(*pebble.Batch) (urgent bool, err error)) error {
	s.mu.Lock()
	if s.from.IsZero() || now.Before(s.from) {
		s.from = now
	}
	b := s.db.NewIndexedBatch()
	urgent, err := edit(b)
	if err == nil {
		err = s.touch(b, origin, id, now)
	}
	if err == nil {
		err = b.Commit(pebble.NoSync)
	}
	err = errors.Join(err, b.Close())
	s.mu.Unlock()
	if err == nil && s.changed != nil {
		s.changed(urgent)
	}
	return err
}

// Flush returns when every change is on disk.
func (s *State) Flush() error {
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

// Due looks again at the objects whose verdict may have changed with time since it
// last did, whichever way the clock went, and tells when the next may.
func (s *State) Due(now time.Time) (next time.Time, err error) {
	s.mu.Lock()
	from, to := now, latestOf(now, s.to)
	if !s.from.IsZero() && s.from.Before(now) {
		from = s.from
	}
	s.from, s.to = now, now
	s.mu.Unlock()
	due, next, err := s.timersIn(from, to, now)
	for _, key := range due {
		if err != nil {
			break
		}
		origin, id, _ := bytes.Cut(key[2+timeLen+1:], []byte{0})
		err = s.change(string(origin), string(id), now, func(*pebble.Batch) (bool, error) { return false, nil })
	}
	if err != nil {
		s.mu.Lock()
		s.to = latestOf(s.to, to)
		if from.Before(s.from) {
			s.from = from
		}
		s.mu.Unlock()
	}
	return next, err
}

// timersIn lists the timers after from until to, and tells when the first is after
// now.
func (s *State) timersIn(from, to, now time.Time) (due [][]byte, next time.Time, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte("x\x00" + timeText(from)), UpperBound: []byte("x\x01")})
	if err != nil {
		return nil, next, err
	}
	defer it.Close() //nolint:errcheck // Error tells
	for it.First(); it.Valid(); it.Next() {
		at := timeOf(it.Key()[2:])
		if next.IsZero() && at.After(now) {
			next = at
		}
		if at.After(to) {
			break
		}
		if at.After(from) {
			due = append(due, bytes.Clone(it.Key()))
		}
	}
	return due, next, it.Error()
}

var errStop = errors.New("enough")

// reader is the database, or a batch over it.
type reader interface {
	NewIter(*pebble.IterOptions) (*pebble.Iterator, error)
	Get([]byte) ([]byte, io.Closer, error)
}

// each visits the keys that begin with a prefix, in order.
func (s *State) each(r reader, prefix []byte, visit func(key, value []byte) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		if err := visit(it.Key(), it.Value()); errors.Is(err, errStop) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return it.Error()
}

// after is the first key behind all that begin with a prefix, which ends in a NUL.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++
	return end
}

func get(r reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(v), closer.Close()
}

// group is all that is held of one object.
type group struct {
	held    []Held
	objects [][]byte
	keys    [][]byte
}

func (g *group) add(key, value []byte) error {
	h, object, err := decode(value)
	if err != nil {
		return err
	}
	g.held, g.objects, g.keys = append(g.held, h), append(g.objects, bytes.Clone(object)), append(g.keys, bytes.Clone(key))
	return nil
}

func (s *State) group(r reader, origin, id string) (*group, error) {
	g := &group{}
	return g, s.each(r, objectKey(origin, id), g.add)
}

// groups visits every object, sorted by origin and id, of one moment's state.
func groups(r reader, visit func(*group) error) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte("o\x00"), UpperBound: []byte("o\x01")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	g := &group{}
	for it.First(); it.Valid(); it.Next() {
		if len(g.keys) > 0 && !bytes.Equal(objectOf(g.keys[0]), objectOf(it.Key())) {
			if err := visit(g); err != nil {
				return err
			}
			g = &group{}
		}
		if err := g.add(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil || len(g.keys) == 0 {
		return err
	}
	return visit(g)
}

// objectOf is the part of an object's key that names origin and id.
func objectOf(key []byte) []byte {
	rest := key[2:]
	for range 2 {
		rest = rest[bytes.IndexByte(rest, 0)+1:]
	}
	return key[:len(key)-len(rest)]
}

// Counted is an object that counts for a view: its entry and its key in the state.
type Counted struct {
	sink.Entry
	key []byte
}

// Current yields what counts for a view, sorted by origin and id, and counts what
// does not by reason. failed tells after the last what went wrong.
func (s *State) Current(r reader, v *View, now time.Time, why map[string]int, failed *error) iter.Seq[Counted] {
	return func(yield func(Counted) bool) {
		err := groups(r, func(g *group) error {
			verdict := Current(g.held, v, now)
			if verdict.Index < 0 {
				if why != nil {
					why[verdict.Why]++
				}
				return nil
			}
			if !yield(Counted{g.held[verdict.Index].entry(g.objects[verdict.Index]), g.keys[verdict.Index]}) {
				return errStop
			}
			return nil
		})
		if !errors.Is(err, errStop) {
			*failed = err
		}
	}
}
