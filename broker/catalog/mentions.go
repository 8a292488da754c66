package catalog

import (
	"bytes"
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix/values"
)

// Mention is one object that names a value, or something around or inside it.
type Mention struct {
	Item
	// Key is the value that the object names, with what it says of it.
	Key values.Key
	// ValidFrom and ValidUntil are an indicator's, in Unix microseconds, 0 where
	// it has none.
	ValidFrom, ValidUntil int64
	// Latest is false if the view shows a newer version of the object by the same
	// origin, Revoked true if this version or a newer one is revoked.
	Latest, Revoked bool
}

// Question asks what a view says of a value.
type Question struct {
	Key values.Key
	// Below asks for what is below a domain as well.
	Below bool
	// Limit is the most mentions in the answer, 1 or more.
	Limit int
	// Work, where it is set, is how much questions that share it may still look
	// at, and goes down by what this one did. A question that begins with more
	// than WorkPerQuestion is answered as if it stood alone.
	Work *int
}

// WorkPerQuestion bounds how much one question looks at: what the view shows of
// keys of values, and for workPerReading of them what stands at a place or a
// version of an object.
//
// Keys that the view does not show must change no answer. Those of one value are
// passed over at once, however many there are; those of the values inside a
// network or below a domain are passed one by one, and more than
// hiddenPerQuestion of them cut a question short. What questions share they take
// nothing off: each that looks inside something takes workPerRange, whatever is
// there.
const (
	WorkPerQuestion   = 50_000
	workPerReading    = 20
	workPerRange      = 1000
	hiddenPerQuestion = 1_000_000
)

// Mentions returns what a view says of a value: the objects that name it, the
// networks around it and what is inside it if it is an address or a network, and
// with Below also its subdomains if it is a domain. Each version of an object is
// told once for each value that it names, the one added last first, Limit at
// most. more is true if there is more, or may be: where there was more to look at
// than that, which are told is not said, and there may even be none.
func (x *Index) Mentions(ctx context.Context, v View, q Question) (found []Mention, more bool, err error) {
	if err := x.enter(); err != nil {
		return nil, false, err
	}
	defer x.gate.RUnlock()
	m := mentions{
		selection: newSelection(x, v, Query{Versions: []string{VersionAll}}), ctx: ctx,
		left: WorkPerQuestion,
	}
	if q.Work != nil {
		m.left = min(m.left, *q.Work)
		before := m.left
		defer func() { *q.Work -= before - max(0, m.left) + m.ranges*workPerRange }()
	}
	if err = m.look(q.Key, q.Below); err == nil {
		found, more, err = m.newest(q.Limit)
	}
	if err != nil {
		if ctx.Err() == nil {
			err = x.fault("looking up a value", err)
		}
		return nil, false, err
	}
	return found, more, nil
}

// mentions is one question: first the places are gathered, which is cheap, then
// what stands there is read, from the newest on, until there is enough.
type mentions struct {
	*selection
	ctx    context.Context
	it     *pebble.Iterator
	left   int // work
	ranges int // networks and domains of which the inside was looked at
	cut    bool
	// hidden is the number of keys passed over, row that of the last value.
	hidden, row int
	last        []byte
	// places of each stream in view
	places map[uint32][]mentioned
}

// mentioned is one key of a value.
type mentioned struct {
	seq   uint64
	index int
	key   values.Key
	said
}

func (m *mentions) look(key values.Key, below bool) (err error) {
	m.places = map[uint32][]mentioned{}
	err = m.lookAt(key, below)
	if m.it != nil {
		err = errors.Join(err, m.it.Close())
	}
	return err
}

func (m *mentions) lookAt(key values.Key, below bool) error {
	head := []byte{kindValue, byte(key.Kind)}
	// The widest network comes first in the order of the keys, and what is
	// inside comes last: going forward only, one seek helps the next.
	var around [128]values.Key
	n := len(around)
	for k := range values.Supernets(key) {
		if bits, _ := networkBits(&k); m.names.networks[bits] {
			n--
			around[n] = k
		}
	}
	for _, k := range around[n:] {
		if err := m.scan(appendValue(nil, k.Kind, k.Bytes)); err != nil {
			return err
		}
	}
	inside := key.Kind == values.Domain && below
	if _, network := networkBits(&key); network {
		inside = true // itself among it
	} else if err := m.scan(appendValue(nil, key.Kind, key.Bytes)); err != nil {
		return err
	}
	if lo, hi := values.Range(key); inside && lo != nil {
		m.ranges++
		return m.scanRange(appendBound(head, key.Kind, lo), appendBound(head, key.Kind, hi))
	}
	return nil
}

// appendBound appends a bound of a range of values.
func appendBound(head []byte, kind values.Kind, bound []byte) []byte {
	if ofOneLength(kind) {
		return append(bytes.Clone(head), bound...)
	}
	return appendEscaped(bytes.Clone(head), bound)
}

// scan gathers the places of one value.
func (m *mentions) scan(prefix []byte) error {
	if m.x.filter.lacks(prefix) {
		return nil
	}
	return m.scanRange(prefix, after(prefix))
}

// open opens the one iterator for all there is to look at, unless it is open:
// that costs as much as going to a key.
func (m *mentions) open(kind []byte) (err error) {
	if m.it == nil {
		m.it, err = m.x.db.NewIter(&pebble.IterOptions{LowerBound: kind, UpperBound: after(kind)})
	}
	return err
}

// scanRange gathers the places in view whose keys are from lower on and below
// upper.
func (m *mentions) scanRange(lower, upper []byte) error {
	if err := m.open(lower[:2]); err != nil {
		return err
	}
	ok := m.it.SeekGE(lower)
	for n := 0; ok && bytes.Compare(m.it.Key(), upper) < 0; n++ {
		if n%1024 == 1023 && m.ctx.Err() != nil {
			return m.ctx.Err()
		}
		key, place, err := parseValueKey(m.it.Key())
		if err != nil {
			return err
		}
		if from, open := m.from[place.stream]; !open || place.seq < from {
			if m.hidden++; m.hidden > hiddenPerQuestion {
				m.cut = true
				return nil
			}
			ok = m.pass(place)
			continue
		}
		if m.left--; m.left < 0 {
			m.cut = true
			return nil
		}
		v, err := m.it.ValueAndErr()
		if err != nil {
			return err
		}
		s, err := decodeSaid(v)
		if err != nil {
			return err
		}
		key.Role, key.Bytes = s.role, bytes.Clone(key.Bytes)
		m.places[place.stream] = append(m.places[place.stream], mentioned{place.seq, place.index, key, s})
		ok = m.it.Next()
	}
	return m.it.Error()
}

// worthSeeking is how many keys of one value cost as much as a seek.
const worthSeeking = 8

// pass goes on from a place that is not in view: to the next key, and if many of
// the same value are passed, to where the next place in view would be.
func (m *mentions) pass(place storedPlace) bool {
	key := m.it.Key()
	value := key[:len(key)-placeKeyLen]
	if !bytes.Equal(value, m.last) {
		m.last, m.row = append(m.last[:0], value...), 0
	}
	if m.row++; m.row < worthSeeking {
		return m.it.Next()
	}
	m.row = 0
	next, found := storedPlace{}, false
	for no, from := range m.from {
		if (no > place.stream || no == place.stream && from > place.seq) && (!found || no < next.stream) {
			next, found = storedPlace{stream: no, seq: from}, true
		}
	}
	if !found {
		return m.it.SeekGE(after(m.last))
	}
	return m.it.SeekGE(appendPlaceKey(bytes.Clone(m.last), &next))
}
