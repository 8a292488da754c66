package catalog

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// names is how values spell streams and audiences: by small numbers, so that a
// place takes some 20 bytes. It is never changed, only replaced by a copy.
type names struct {
	streams, audiences table
	// origins are all that ever published.
	origins []string
	// networks tells of each length of prefix whether a network of it was named.
	networks [128]bool
	// next is the number of the next new stream. Numbers of forgotten streams
	// are not used again: that makes Forget one small write, for a place whose
	// stream number has no name is no place at all.
	next uint32
}

// forgotten is how many streams were forgotten so far.
func (n *names) forgotten() uint32 { return n.next - uint32(len(n.streams.byNo)) }

type table struct {
	numbers map[string]uint32
	byNo    map[uint32]string
}

func newTable() table {
	return table{map[string]uint32{}, map[uint32]string{}}
}

func (t table) name(no uint32) (string, bool) {
	s, ok := t.byNo[no]
	return s, ok
}

// with returns a copy of t that has one more name.
func (t table) with(name string, no uint32) table {
	c := newTable()
	for n, i := range t.numbers {
		c.add(n, i)
	}
	c.add(name, no)
	return c
}

// without returns a copy of t that lacks a name.
func (t table) without(name string) table {
	c := newTable()
	for n, i := range t.numbers {
		if n != name {
			c.add(n, i)
		}
	}
	return c
}

func (t table) add(name string, no uint32) {
	t.numbers[name] = no
	t.byNo[no] = name
}

// streamNo returns a stream's number, giving it one first if it has none. The
// caller is the one writer.
func (x *Index) streamNo(stream string) (uint32, error) {
	n := x.names.Load()
	if no, ok := n.streams.numbers[stream]; ok {
		return no, nil
	}
	key, err := named(kindStream, stream)
	if err != nil {
		return 0, err
	}
	no := n.next
	err = x.write(func(b *pebble.Batch) error {
		if err := b.Set(nextStreamKey, binary.AppendUvarint(nil, uint64(no)+1), nil); err != nil {
			return err
		}
		return b.Set(key, binary.AppendUvarint(nil, uint64(no)), nil)
	})
	if err != nil {
		return 0, fmt.Errorf("numbering stream %s: %w", stream, err)
	}
	x.names.Store(&names{streams: n.streams.with(stream, no), audiences: n.audiences, origins: n.origins, networks: n.networks, next: no + 1})
	return no, nil
}

// audienceNo is streamNo for audiences; they are never forgotten.
func (x *Index) audienceNo(audience string) (uint32, error) {
	n := x.names.Load()
	if no, ok := n.audiences.numbers[audience]; ok {
		return no, nil
	}
	key, err := named(kindAudience, audience)
	if err != nil {
		return 0, err
	}
	no := uint32(len(n.audiences.numbers))
	err = x.write(func(b *pebble.Batch) error {
		return b.Set(key, binary.AppendUvarint(nil, uint64(no)), nil)
	})
	if err != nil {
		return 0, fmt.Errorf("numbering an audience: %w", err)
	}
	x.names.Store(&names{streams: n.streams, audiences: n.audiences.with(audience, no), origins: n.origins, networks: n.networks, next: n.next})
	return no, nil
}

// originsOf takes down the origins of records that are new. They are a few
// dozen, and never forgotten.
func (x *Index) originsOf(records []Record) error {
	last := ""
	for i := range records {
		origin := records[i].Key.Origin
		n := x.names.Load()
		if origin == last && i > 0 || slices.Contains(n.origins, origin) {
			last = origin
			continue
		}
		last = origin
		key, err := named(kindOrigin, origin)
		if err != nil {
			return err
		}
		if err := x.write(func(b *pebble.Batch) error { return b.Set(key, nil, nil) }); err != nil {
			return fmt.Errorf("taking down an origin: %w", err)
		}
		origins := append(slices.Clone(n.origins), origin)
		slices.Sort(origins)
		x.names.Store(&names{streams: n.streams, audiences: n.audiences, origins: origins, networks: n.networks, next: n.next})
	}
	return nil
}

// networksOf takes down the lengths of the prefixes that records name.
func (x *Index) networksOf(records []Record) error {
	for i := range records {
		keys := records[i].Values.Keys
		for j := range keys {
			bits, network := networkBits(&keys[j])
			n := x.names.Load()
			if !network || n.networks[bits] {
				continue
			}
			if err := x.write(func(b *pebble.Batch) error { return b.Set([]byte{kindNetwork, bits}, nil, nil) }); err != nil {
				return fmt.Errorf("taking down a length of prefixes: %w", err)
			}
			with := *n
			with.networks[bits] = true
			x.names.Store(&with)
		}
	}
	return nil
}

// loadNames reads the tables at opening.
func loadNames(db *pebble.DB) (*names, error) {
	n := &names{streams: newTable(), audiences: newTable()}
	for kind, t := range map[byte]table{kindStream: n.streams, kindAudience: n.audiences} {
		err := scan(db, func(name string, v []byte) error {
			no, err := parseNumber(v)
			if err != nil {
				return err
			}
			if _, taken := t.byNo[no]; taken {
				return fmt.Errorf("%w: number %d twice", errFormat, no)
			}
			t.add(name, no)
			return nil
		}, kind)
		if err != nil {
			return nil, err
		}
	}
	err := scan(db, func(origin string, _ []byte) error {
		n.origins = append(n.origins, origin)
		return nil
	}, kindOrigin)
	if err != nil {
		return nil, err
	}
	err = scanRange(db, []byte{kindNetwork}, []byte{kindNetwork + 1}, func(key, _ []byte) error {
		if len(key) != 2 || int(key[1]) >= len(n.networks) {
			return fmt.Errorf("%w: length of a prefix", errFormat)
		}
		n.networks[key[1]] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	v, err := value(db, nextStreamKey)
	if err != nil {
		return nil, err
	}
	if v != nil {
		if n.next, err = parseNumber(v); err != nil {
			return nil, err
		}
	}
	for no := range n.streams.byNo {
		if no >= n.next {
			return nil, fmt.Errorf("%w: stream number %d was never given", errFormat, no)
		}
	}
	for no := range n.audiences.byNo {
		if int(no) >= len(n.audiences.numbers) {
			return nil, fmt.Errorf("%w: audience number %d was never given", errFormat, no)
		}
	}
	return n, nil
}

func parseNumber(v []byte) (uint32, error) {
	r := varints{b: v}
	no := uint32(r.uvarint(math.MaxUint32))
	if r.bad || len(r.b) != 0 {
		return 0, fmt.Errorf("%w: number of a name", errFormat)
	}
	return no, nil
}
