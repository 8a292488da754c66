package catalog

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// filter tells in a fraction of a microsecond that a key is certainly not
// held, which is the answer to nearly every lookup: objects come once, and most
// values and nearly all the networks around an address are named by nothing.
// Pebble would take some 8 µs for it, because it asks the filters of all levels
// but the largest. It is a Bloom filter in memory, two to four bytes a key, filled
// from the keys on disk after each Open; until that is done it knows nothing
// and every question goes to Pebble. Besides keys it holds how those of an object
// without its version begin, and those of a value without its place.
type filter struct {
	seed  maphash.Seed
	ready atomic.Bool
	parts atomic.Pointer[[]*part]

	adding sync.Mutex
	room   int // keys that the last part still takes
}

// part is a blocked Bloom filter: a key sets one bit in each word of one
// block, which is one cache line. At keysPerBlock about one answer in a
// thousand is a needless look into the database.
type part []block

type block [8]uint64

const (
	keysPerBlock = 32
	minPartKeys  = 1 << 18
)

func newFilter() *filter {
	f := &filter{seed: maphash.MakeSeed()}
	f.parts.Store(&[]*part{})
	return f
}

// lacks is true if the key is certainly not held.
func (f *filter) lacks(key []byte) bool {
	return f.ready.Load() && !f.has(key)
}

// has is true if the key was added, and now and then if not.
func (f *filter) has(key []byte) bool {
	h := maphash.Bytes(f.seed, key)
	for _, p := range *f.parts.Load() {
		if p.has(h) {
			return true
		}
	}
	return false
}

// add puts a key in. Whoever learns of the key later, by way of the database,
// finds it here.
func (f *filter) add(key []byte) {
	h := maphash.Bytes(f.seed, key)
	f.adding.Lock()
	defer f.adding.Unlock()
	if f.room == 0 {
		f.grow(minPartKeys)
	}
	f.room--
	parts := *f.parts.Load()
	parts[len(parts)-1].set(h)
}

// addOnce is add for what may have been added before, and often was.
func (f *filter) addOnce(key []byte) {
	if !f.has(key) {
		f.add(key)
	}
}

// grow begins a part twice as large as the last, and at least for that many
// keys. The caller is the one adder.
func (f *filter) grow(keys int) {
	parts := *f.parts.Load()
	if n := len(parts); n > 0 {
		keys = max(keys, 2*len(*parts[n-1])*keysPerBlock)
	}
	p := make(part, (keys+keysPerBlock-1)/keysPerBlock)
	more := append(append(make([]*part, 0, len(parts)+1), parts...), &p)
	f.parts.Store(&more)
	f.room = len(p) * keysPerBlock
}

// spread returns the block of a hash and the hash that picks the bits there.
func (p part) spread(h uint64) (*block, uint64) {
	i, _ := bits.Mul64(h, uint64(len(p)))
	return &p[i], h * 0x9e3779b97f4a7c15
}

func (p part) set(h uint64) {
	b, h := p.spread(h)
	for i := range b {
		atomic.OrUint64(&b[i], 1<<(h>>(8*i)&63))
	}
}

func (p part) has(h uint64) bool {
	b, h := p.spread(h)
	for i := range b {
		if atomic.LoadUint64(&b[i])&(1<<(h>>(8*i)&63)) == 0 {
			return false
		}
	}
	return true
}

func (f *filter) bytes() uint64 {
	n := 0
	for _, p := range *f.parts.Load() {
		n += len(*p) * 64
	}
	return uint64(n)
}

// fillFilter reads all keys into the filter. What it reads it also checks, so
// that damage shows soon after Open rather than on the day the key is needed.
func (x *Index) fillFilter(ctx context.Context) error {
	it, err := x.db.NewIter(nil)
	if err != nil {
		return err
	}
	read := 0
	for ok := it.First(); ok; ok = it.Next() {
		switch k := it.Key(); k[0] {
		case kindObject:
			x.filter.add(k)
			x.filter.addOnce(k[:bytes.LastIndexByte(k, 0)+1]) // see holdsVersions
		case kindNewest:
			x.filter.add(k)
		case kindValue:
			if n := len(k) - placeKeyLen; n > 0 {
				x.filter.addOnce(k[:n])
			}
		}
		if read++; read%4096 == 0 && ctx.Err() != nil {
			return errors.Join(ctx.Err(), it.Close())
		}
	}
	if err := it.Close(); err != nil {
		return err
	}
	x.filter.ready.Store(true)
	return nil
}
