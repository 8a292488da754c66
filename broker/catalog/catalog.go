// Package catalog is the hub's view of its streams: which objects are stored,
// under which hash, in which order, and what they say of which values. It answers
// what the pipeline asks (is this new?), and what readers ask that are not
// subscribers: pages of collections, versions, look-ups. It holds keys and
// positions, never the bytes of an object, and it is never the truth: delete the
// folder and it comes back from the streams (CatchUp).
//
// It decides nothing about who may have what: a caller names the streams it may
// read (View), and is told of nothing outside them, nor of what outside them
// supersedes or revokes.
//
// What it promises: an answer is right for the positions it reports
// (Position), also after kill -9 or a power cut, which may only make a
// position older. Damage to its files is either harmless, or found when the
// index is opened (it is then begun anew, see Recovered), or found when the
// damaged part is read (ErrDamaged; open it again and it is begun anew).
//
//   - catalog.go: the words, and looking one object up
//   - apply.go: recording what a stream stored, forgetting a stream
//   - erase.go: forgetting single objects
//   - moved.go: what is left of a message, and where its bytes are
//   - scrub.go: removing what was forgotten from the files
//   - listing.go, mark.go, observed.go, count.go: what is recorded for readers
//   - page.go, selection.go: pages of collections
//   - mentions.go, newest.go: what objects say of a value
//   - lookup.go: questions about more than one key
//   - rebuild.go: reading streams back into the index
//   - verify.go: holding the index against the streams
//   - open.go: opening, and what is done about damage
//   - lineage.go: the newest version of an object, and what all have in common
//   - survey.go: the same after a stream was forgotten
//   - keys.go, value.go, names.go, chain.go, sealed.go: the format on disk
//   - disk.go: what becomes of a full or failing disk
//   - filter.go: knowing quickly what is not held
package catalog

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix"
)

var (
	// ErrDamaged means that the index cannot be used any more. Close it, open it
	// again and catch up: Open begins a new one, if what is on disk is damaged.
	ErrDamaged = errors.New("the index is damaged; it must be opened again")
	// ErrDiskFull means that the index waits for disk space. Nothing was
	// recorded and nothing is lost: apply the same again, or catch up, later.
	ErrDiskFull = errors.New("the index waits for disk space")
	// ErrClosed means that the index was closed.
	ErrClosed = errors.New("the index is closed")
	// ErrKey means that a name cannot be part of a key because it holds a NUL.
	ErrKey = errors.New("a NUL character cannot be part of a key")
)

// Key names one version of one object as one origin published it.
type Key struct {
	// Origin is the submitting member.
	Origin string
	// ID is the object's STIX id.
	ID string
	// Version is modified, else created, as stix.Instant writes it; for an object
	// with neither (an SCO) the hex SHA-256 of its bytes, so that SCOs never
	// conflict.
	Version string
}

// KeyOf returns the key of an object.
func KeyOf(origin string, o *stix.Object) Key {
	version := stix.Instant(o.Version())
	if version == "" {
		hash := o.Hash()
		version = hex.EncodeToString(hash[:])
	}
	return Key{origin, o.ID, version}
}

// Place is one address of a stored object.
type Place struct {
	// Stream, Seq and Index are the message and the object's position in it.
	Stream   string
	Seq      uint64
	Index    int
	Audience string
	Level    stix.Level
	// Added is the object's date_added in Unix microseconds, UTC.
	Added int64
	// Supporting is true when the object carries no marking of its own and
	// travelled under the level of the objects that refer to it; the rule of
	// one level for all places does not count it.
	Supporting bool
}

// Entry is what is known of a key: one hash, and every place in the order in
// which they were applied.
type Entry struct {
	// Hash is the SHA-256 of the object's bytes.
	Hash   [32]byte
	Places []Place
}

// Options of an index; the zero value is good.
type Options struct {
	// Logger hears of damage and of a full disk; nil means slog.Default.
	Logger *slog.Logger
	// Key encrypts the files of the index, if it is not nil. An index under another
	// key, or none, is begun anew.
	Key *[32]byte
	// CacheBytes is for blocks read from disk; 0 means 128 MiB. Besides it the
	// index holds up to 96 MiB that is not written out yet.
	CacheBytes int64

	tuning tuning
}

// Index is the catalogue of one hub. Its methods may be called at the same
// time; writers take turns.
type Index struct {
	db        *pebble.DB
	disk      *disk
	log       *slog.Logger
	unlock    func() error
	recovered string

	// gate keeps the database open while a call is inside it.
	gate   sync.RWMutex
	closed bool

	names atomic.Pointer[names]
	keys  sync.Pool // *[]byte

	// posMu guards positions and moves, which repeat what the database holds.
	posMu     sync.RWMutex
	positions map[string]position
	// moves has where what is left of a message is, by its stream and sequence.
	moves map[string]map[uint64]uint64

	surveys surveys
	// erasing counts how often an erasure began or ended: it is odd during one.
	erasing atomic.Uint64
	scrub   scrub

	filter *filter
	// filling ends when the filter is full; Close cancels and waits for it.
	filling    sync.WaitGroup
	stopFilter context.CancelFunc

	writer    writer
	conflicts atomic.Int64
}

// Recovered says in words why Open began a new index in place of the one it
// found, or "" if it had no reason to.
func (x *Index) Recovered() string { return x.recovered }

// enter holds the database open until the caller unlocks gate for reading; it
// does not if it returns an error.
func (x *Index) enter() error {
	x.gate.RLock()
	var err error
	if x.closed {
		err = ErrClosed
	} else if e := x.disk.failure(); e != nil {
		err = fmt.Errorf("%w (%w)", ErrDamaged, e)
	}
	if err != nil {
		x.gate.RUnlock()
	}
	return err
}

// Get returns what is known of a key, and false if nothing is. An entry all of
// whose streams were forgotten is not known.
func (x *Index) Get(k Key) (e Entry, known bool, err error) {
	e, _, known, err = x.Lookup(k)
	return e, known, err
}

// Lookup returns what is known of a key, as Get does, and the lineage of the
// object, whether this version of it is known or not: what all its known
// versions by this origin have in common. That is zero for an object that is
// not known, and for one that has no versions (stix.Lineage).
func (x *Index) Lookup(k Key) (e Entry, l stix.Lineage, known bool, err error) {
	if err := x.enter(); err != nil {
		return e, l, false, err
	}
	defer x.gate.RUnlock()
	newest, v, err := x.version(k)
	if err == nil && newest != nil {
		l, err = x.lineage(k, newest)
	}
	if err == nil && v != nil {
		e, err = x.entry(v)
	}
	if errors.Is(err, ErrKey) {
		return Entry{}, stix.Lineage{}, false, err
	}
	if err != nil {
		return Entry{}, stix.Lineage{}, false, x.fault("looking up an object", err)
	}
	if len(e.Places) == 0 {
		return Entry{}, l, false, nil
	}
	return e, l, true, nil
}

// read returns the value under a key, nil if there is none.
func (x *Index) read(k Key, form func([]byte, Key) ([]byte, error)) (*stored, error) {
	buf := x.keys.Get().(*[]byte)
	defer x.keys.Put(buf)
	key, err := form((*buf)[:0], k)
	if err != nil {
		return nil, err
	}
	*buf = key
	if x.filter.lacks(key) {
		return nil, nil
	}
	v, closer, err := x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(stored)
	err = s.decode(v)
	if cerr := closer.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// entry spells a stored value out and leaves out the places of streams that
// were forgotten.
func (x *Index) entry(s *stored) (Entry, error) {
	// Read after the value: a name is published before the first value using it.
	n := x.names.Load()
	e := Entry{Hash: s.hash, Places: make([]Place, 0, len(s.places))}
	for _, p := range s.places {
		stream, live := n.streams.name(p.stream)
		if !live {
			continue
		}
		audience, known := n.audiences.name(p.audience)
		if !known {
			return Entry{}, fmt.Errorf("%w: audience %d has no name", errFormat, p.audience)
		}
		e.Places = append(e.Places, Place{
			Stream: stream, Seq: p.seq, Index: p.index, Audience: audience,
			Level: p.level, Added: p.added, Supporting: p.supporting,
		})
	}
	return e, nil
}

// Position returns the last applied sequence of a stream, 0 if none, and the
// highest date_added (Unix microseconds, UTC) among its objects, 0 if none.
func (x *Index) Position(stream string) (seq uint64, lastAdded int64, err error) {
	if err := x.enter(); err != nil {
		return 0, 0, err
	}
	defer x.gate.RUnlock()
	p := x.position(stream)
	return p.seq, p.lastAdded, nil
}

func (x *Index) position(stream string) position {
	x.posMu.RLock()
	defer x.posMu.RUnlock()
	return x.positions[stream]
}

func (x *Index) setPosition(stream string, p position) {
	x.posMu.Lock()
	defer x.posMu.Unlock()
	x.positions[stream] = p
}

func (x *Index) dropPosition(stream string) {
	x.posMu.Lock()
	defer x.posMu.Unlock()
	delete(x.positions, stream)
	delete(x.moves, stream)
}

// fault wraps an error of the database. What is certainly damage is
// remembered, so that the next Open begins anew.
func (x *Index) fault(doing string, err error) error {
	if pebble.IsCorruptionError(err) || errors.Is(err, errFormat) {
		x.disk.fail(err)
		return fmt.Errorf("%s: %w (%w)", doing, ErrDamaged, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
