package outbox

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Item is one version of an object that the hub has not answered for yet.
type Item struct {
	// Number orders the items.
	Number uint64
	// ID and Version name it; Version is empty of what has none.
	ID, Version string
	// Since is when it came in.
	Since time.Time
	Raw   []byte
}

// number is the next item's, which a batch will bring.
func (s *Store) number(b *pebble.Batch, feed string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.low[feed] == nil {
		s.low[feed] = map[*pebble.Batch]uint64{}
	}
	if _, known := s.low[feed][b]; !known {
		s.low[feed][b] = s.next
	}
	s.next++
	return s.next - 1
}

// commit writes a batch that may bring items of a feed.
func (s *Store) commit(b *pebble.Batch, feed string) error {
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.low[feed], b)
	return nil
}

func itemKey(feed string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key(kindItem, feed, ""), n)
}

// oldest is where to look for a feed's oldest item, and the lowest number that an
// item may have which is committed from now on.
func (s *Store) oldest(feed string) (from []byte, coming uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	coming = s.next
	for _, n := range s.low[feed] {
		coming = min(coming, n)
	}
	return itemKey(feed, s.first[feed]), coming
}

// put adds an item to a batch.
func (s *Store) put(b *pebble.Batch, feed, id, version string, raw []byte) error {
	v := binary.AppendVarint(nil, s.now().UnixMilli())
	v = appendBytes(appendBytes(v, []byte(id)), []byte(version))
	return b.Set(itemKey(feed, s.number(b, feed)), append(v, raw...), nil)
}

// Put adds to the outbox what is to be sent whatever the ledger says: an object
// that was set aside.
func (s *Store) Put(feed, id, version string, raw []byte) error {
	b := s.db.NewBatch()
	if err := s.put(b, feed, id, version, raw); err != nil {
		return err
	}
	return s.commit(b, feed)
}

// Next returns what is to be sent next of a feed, in order: at most so many
// objects and bytes, but at least one if any waits, and of each object one
// version, since a later one waits until the earlier is settled.
func (s *Store) Next(feed string, objects, most int) (items []Item, err error) {
	ids, size := map[string]bool{}, 0
	from, coming := s.oldest(feed)
	err = scan(s.db, from, after(key(kindItem, feed, "")), func(k, v []byte) error {
		it, err := parseItem(k, v)
		if err != nil {
			return err
		}
		if len(items) > 0 && (len(items) >= objects || size+len(it.Raw) > most) || ids[it.ID] {
			return io.EOF
		}
		ids[it.ID] = true
		size += len(it.Raw)
		items = append(items, it)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	if len(items) > 0 {
		s.mu.Lock()
		s.first[feed] = min(items[0].Number, coming)
		s.mu.Unlock()
	}
	return items, nil
}

func parseItem(k, v []byte) (Item, error) {
	if len(k) < 8 {
		return Item{}, errRecord
	}
	d := decoder{b: v}
	it := Item{Number: binary.BigEndian.Uint64(k[len(k)-8:]), Since: time.UnixMilli(d.int()).UTC(), ID: string(d.bytes()), Version: string(d.bytes())}
	if d.bad {
		return it, errRecord
	}
	it.Raw = append([]byte(nil), d.b...)
	return it, nil
}

// Settle takes items out of the outbox: the hub has them, or they were set
// aside.
func (s *Store) Settle(feed string, items []Item) error {
	b := s.db.NewBatch()
	for i := range items {
		if err := b.Delete(itemKey(feed, items[i].Number), nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}

// Depth counts what waits, and tells since when the oldest does.
func (s *Store) Depth(feed string) (n int, oldest time.Time, err error) {
	from, _ := s.oldest(feed)
	err = scan(s.db, from, after(key(kindItem, feed, "")), func(_, v []byte) error {
		if n++; n == 1 {
			d := decoder{b: v}
			oldest = time.UnixMilli(d.int()).UTC()
		}
		return nil
	})
	return n, oldest, err
}
