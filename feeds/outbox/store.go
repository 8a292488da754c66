package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of a Store.
type Options struct {
	// FS replaces the file system in tests.
	FS vfs.FS
	// Now replaces the clock in tests.
	Now    func() time.Time
	Logger *slog.Logger
}

// Store is the ledger and the outbox of all feeds of one daemon, in one folder.
// Its methods are safe for concurrent use; of one feed there is one Reading at a
// time.
type Store struct {
	db  *pebble.DB
	now func() time.Time

	mu   sync.Mutex
	next uint64 // number of the next item of any feed
	// first is the number of a feed's oldest item when it was looked for last:
	// before it are only the traces of what was settled, which take long to pass.
	first map[string]uint64
	// low is the first number of an item in each batch that is not committed yet.
	low map[string]map[*pebble.Batch]uint64
}

// cacheBytes is of what is read again and again: each row is looked up.
const cacheBytes = 64 << 20

// Kinds of keys. Each is followed by the feed's name, a zero byte, and the rest.
const (
	kindFeed     = 'f' // state of the feed, JSON
	kindRow      = 'r' // row key: what was published of it
	kindSeen     = 's' // row key: when it was seen, and since when it is not there
	kindShared   = 'h' // object id: what was published of it
	kindProposed = 'p' // object id: what may be published of it next
	kindRevision = 'v' // key: the source's revision
	kindItem     = 'o' // number: an item of the outbox
	kindContent  = 'c' // hash of a file that was read
)

// Open opens the store in a folder, which is made if need be and belongs to one
// process at a time.
func Open(dir string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	db, err := pebble.Open(dir, &pebble.Options{FS: o.FS, FormatMajorVersion: pebble.FormatTableFormatV6, MemTableSize: 16 << 20, CacheSize: cacheBytes, Logger: pebbleLog{o.Logger}})
	if err != nil {
		return nil, fmt.Errorf("opening the outbox in %s: %w", dir, err)
	}
	s := &Store{db: db, now: o.Now, first: map[string]uint64{}, low: map[string]map[*pebble.Batch]uint64{}}
	if err := s.findNext(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close writes out what is in memory.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing the outbox: %w", err)
	}
	return nil
}

// findNext continues the numbers after the last that is waiting: those before
// it may be given again once they are settled.
func (s *Store) findNext() error {
	return scan(s.db, []byte{kindItem}, []byte{kindItem + 1}, func(k, _ []byte) error {
		s.next = max(s.next, binary.BigEndian.Uint64(k[len(k)-8:])+1)
		return nil
	})
}

// Feed is what is known of a feed as a whole.
type Feed struct {
	// Reading numbers its readings from 1.
	Reading uint64 `json:"reading"`
	// Success is when a reading was complete last, and Failure when one was not,
	// with the reason; zero if never.
	Success time.Time `json:"success,omitzero"`
	Failure time.Time `json:"failure,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	// ETag and Modified are the validators of the document that was read last to
	// its end (RFC 9110 §8.8), of the address From.
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"last_modified,omitempty"`
	From     string `json:"from,omitempty"`
	// Made names what its objects were made with when it was read last to its end.
	Made string `json:"made,omitempty"`
	// Waiting tells that rows left, and their grace is not over.
	Waiting bool `json:"waiting,omitempty"`
	// Shrunk holds back revocations: so many rows of a list left at once, or so few
	// of those that came could be read, that an operator has to say that it is meant.
	Shrunk *Shrunk `json:"shrunk,omitempty"`
}

// Shrunk counts the rows that left at once, of how many there were; and those that
// were read, with how many of them could not be.
type Shrunk struct {
	Left   int `json:"left"`
	Of     int `json:"of"`
	Read   int `json:"read"`
	Unread int `json:"unread,omitempty"`
}

func (s *Shrunk) String() string {
	text := fmt.Sprintf("%d of %d rows left at once", s.Left, s.Of)
	if s.Unread > 0 {
		text += fmt.Sprintf(", and %d of the %d that came cannot be read", s.Unread, s.Read)
	}
	return text
}

// Feed returns what is known of a feed, the zero Feed if nothing is.
func (s *Store) Feed(name string) (f Feed, err error) {
	b, err := get(s.db, key(kindFeed, name, ""))
	if err == nil && b != nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

// Update changes what is known of a feed.
func (s *Store) Update(name string, change func(*Feed)) error {
	f, err := s.Feed(name)
	if err != nil {
		return err
	}
	change(&f)
	b, err := json.Marshal(&f)
	if err != nil {
		return err
	}
	return s.db.Set(key(kindFeed, name, ""), b, pebble.Sync)
}

// HasRead reports whether a file of this content was read to its end, and whether
// all that it put into the outbox is settled.
func (s *Store) HasRead(feed string, hash []byte) (read, settled bool, err error) {
	b, err := get(s.db, key(kindContent, feed, string(hash)))
	if b == nil || err != nil {
		return false, false, err
	}
	if len(b) != 8 {
		return true, true, nil // noted by a version that did not keep the number
	}
	from, _ := s.oldest(feed)
	to := itemKey(feed, binary.BigEndian.Uint64(b))
	if settled = true; bytes.Compare(from, to) >= 0 {
		return true, settled, nil
	}
	err = scan(s.db, from, to, func(_, _ []byte) error {
		settled = false
		return io.EOF
	})
	return true, settled, err
}

// NoteRead remembers that a file of this content was read to its end: after
// Reading.Complete, so that every item of it has a number below the next.
func (s *Store) NoteRead(feed string, hash []byte) error {
	s.mu.Lock()
	next := s.next
	s.mu.Unlock()
	return s.db.Set(key(kindContent, feed, string(hash)), binary.BigEndian.AppendUint64(nil, next), pebble.Sync)
}

func key(kind byte, feed, rest string) []byte {
	k := make([]byte, 0, len(feed)+len(rest)+2)
	k = append(append(k, kind), feed...)
	return append(append(k, 0), rest...)
}

// after is the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// get returns a copy of a value, nil if there is none.
func get(r pebble.Reader, k []byte) ([]byte, error) {
	v, closer, err := r.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append([]byte{}, v...)
	return v, closer.Close()
}

// scan calls fn with the keys from lower on and below upper, until it returns
// io.EOF. Key and value are good only during the call.
func scan(r pebble.Reader, lower, upper []byte, fn func(k, v []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = fn(it.Key(), v)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("outbox: " + fmt.Sprintf(format, args...))
}
func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("outbox: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it where it cannot go on.
func (l pebbleLog) Fatalf(format string, args ...any) {
	panic(fmt.Errorf("outbox: "+format, args...))
}
