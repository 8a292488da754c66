package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// seen remembers which objects the handler has finished with.
type seen interface {
	has(key) (bool, error)
	// start notes that the handler will be called with these objects.
	start([]key) error
	// unstarted takes that back for objects it was not called with after all.
	unstarted([]key)
	// finished notes that the handler is done with one; whoever opens this
	// memory after the death of this process knows it.
	finished(key) error
	// add records what is finished, and returns once that is as durable as
	// this memory is.
	add([]key) error
	// doubtful reports whether the handler may have been called with an object
	// before; deliveries is how often the hub has sent it.
	doubtful(k key, deliveries uint64) bool
	// forget forgets all of them.
	forget() error
	// begun reports whether a subscription with this memory ever began;
	// begin records that it did.
	begun() (bool, error)
	begin() error
	// keepOrder records an order under a number, dropOrder lets go of it, and
	// keptOrders tells all, by rising numbers. A replay forgets none of them.
	keepOrder(n uint64, order []byte) error
	dropOrder(n uint64) error
	keptOrders(tell func(n uint64, order []byte) error) error
	close() error
}

// ErrStateInUse says that another process subscribes with the same state
// folder.
var ErrStateInUse = errors.New("another subscription is using this state folder; give each its own seat, or its own folder")

// Keys of the state folder's database: a prefix byte, then the key. Each seen
// object takes about 40 bytes of disk, and is kept until a replay.
var (
	keyBegun  = []byte("begun")
	keyFormat = []byte("format")
	orderFrom = []byte("r") // and below seenFrom
	seenFrom  = []byte("s")
	seenTo    = []byte("t")
	format    = []byte("selat-seen-1")
)

// diskSeen is a memory that outlives the process and, after add, a crash of
// the machine.
type diskSeen struct {
	db      *pebble.DB
	lock    *pebble.Lock
	journal *journal
}

// openSeen opens or makes a state folder. The folder is locked while open.
func openSeen(dir string, log *slog.Logger) (*diskSeen, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state folder: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default) // dir/LOCK
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("locking the state folder: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, ErrStateInUse)
	}
	options := &pebble.Options{
		Lock:               lock,
		CacheSize:          4 << 20,
		MemTableSize:       4 << 20,
		MaxOpenFiles:       64,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             engineLog{log},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the state folder %s: %w", dir, err), lock.Close())
	}
	s := &diskSeen{db: db, lock: lock}
	if err := s.checkFormat(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.journal, err = openJournal(filepath.Join(dir, "in-hand"), s.has, s.record); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// checkFormat writes what kind of folder this is, or refuses one of another.
func (s *diskSeen) checkFormat() error {
	v, err := s.get(keyFormat)
	switch {
	case err != nil:
		return err
	case v == nil:
		return s.set(keyFormat, format)
	case string(v) != string(format):
		return fmt.Errorf("the state folder holds %q, and this program reads %q: use another folder", v, format)
	}
	return nil
}

// get returns nil for a key that is not there.
func (s *diskSeen) get(k []byte) ([]byte, error) {
	v, closer, err := s.db.Get(k)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return append([]byte{}, v...), closer.Close()
}

func (s *diskSeen) set(k, v []byte) error {
	if err := s.db.Set(k, v, pebble.Sync); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

func (s *diskSeen) has(k key) (bool, error) {
	v, err := s.get(append(seenFrom[:1:1], k[:]...))
	return v != nil, err
}

func (s *diskSeen) add(keys []key) error {
	if err := s.record(keys); err != nil {
		return err
	}
	return s.journal.recorded(keys)
}

func (s *diskSeen) record(keys []key) error {
	b := s.db.NewBatchWithSize(32 * len(keys))
	for _, k := range keys {
		if err := b.Set(append(seenFrom[:1:1], k[:]...), nil, nil); err != nil {
			return errors.Join(fmt.Errorf("writing the state: %w", err), b.Close())
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return errors.Join(fmt.Errorf("writing the state: %w", err), b.Close())
	}
	return b.Close()
}

func (s *diskSeen) start(keys []key) error { return s.journal.start(keys) }

func (s *diskSeen) finished(k key) error { return s.journal.done(k) }

func (s *diskSeen) unstarted(keys []key) { s.journal.unstarted(keys) }

func (s *diskSeen) doubtful(k key, _ uint64) bool { return s.journal.doubtful(k) }

func (s *diskSeen) forget() error {
	if err := s.db.DeleteRange(seenFrom, seenTo, pebble.Sync); err != nil {
		return fmt.Errorf("clearing the state: %w", err)
	}
	return s.journal.forget()
}

func (s *diskSeen) begun() (bool, error) {
	v, err := s.get(keyBegun)
	return v != nil, err
}

func (s *diskSeen) begin() error { return s.set(keyBegun, []byte{1}) }

func orderKey(n uint64) []byte { return binary.BigEndian.AppendUint64(orderFrom[:1:1], n) }

func (s *diskSeen) keepOrder(n uint64, order []byte) error { return s.set(orderKey(n), order) }

func (s *diskSeen) dropOrder(n uint64) error {
	if err := s.db.Delete(orderKey(n), pebble.NoSync); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

func (s *diskSeen) keptOrders(tell func(n uint64, order []byte) error) (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: orderFrom, UpperBound: seenFrom})
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if k := it.Key(); len(k) == len(orderFrom)+8 {
			if err := tell(binary.BigEndian.Uint64(k[1:]), it.Value()); err != nil {
				return err
			}
		}
	}
	return it.Error()
}

func (s *diskSeen) close() error {
	var err error
	if s.journal != nil {
		err = s.journal.close()
	}
	return errors.Join(err, s.db.Close(), s.lock.Close())
}

// engineLog keeps the database's chatter out of the log.
type engineLog struct{ log *slog.Logger }

func (l engineLog) Infof(string, ...any) {}

func (l engineLog) Errorf(f string, args ...any) {
	l.log.Error("the state folder: " + fmt.Sprintf(f, args...))
}

// Fatalf is called when the disk fails under the database, which cannot go on
// and must not return. Nothing is lost by ending here: what is not recorded
// is not acknowledged either.
func (l engineLog) Fatalf(f string, args ...any) {
	l.Errorf(f, args...)
	os.Exit(1)
}
