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

// WorkPerQuestion bounds how much one question looks at: keys of values, and for
// workPerReading of them what stands at a place or a version of an object.
const (
	WorkPerQuestion = 50_000
	workPerReading  = 20
)

// Mentions returns what a view says of a value: the objects that name it, the
// networks around it and what is inside it if it is an address or a network, and
// with Below also its subdomains if it is a domain. Each version of an object is
// told once for each value that it names, the one added last first, Limit at
// most. more is true if there is more, or may be: where there was more to look at
// than WorkPerQuestion, which are told is not said, and there may even be none.
func (x *Index) Mentions(ctx context.Context, v View, q Question) (found []Mention, more bool, err error) {
	if err := x.enter(); err != nil {
		return nil, false, err
	}
	defer x.gate.RUnlock()
	m := mentions{
		selection: newSelection(x, v, Query{Versions: []string{VersionAll}}), ctx: ctx,
		left: WorkPerQuestion, seen: map[form][]version{},
	}
	if q.Work != nil {
		m.left = min(m.left, *q.Work)
		before := m.left
		defer func() { *q.Work -= before - max(0, m.left) }()
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
	ctx  context.Context
	it   *pebble.Iterator
	left int // work
	cut  bool
	seen map[form][]version
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
	head := []byte{kindValue, byte(key.Kind)}
	// One iterator for all of it: opening costs as much as going to a key.
	if m.it, err = m.x.db.NewIter(&pebble.IterOptions{LowerBound: head, UpperBound: after(head)}); err != nil {
		return err
	}
	m.places = map[uint32][]mentioned{}
	return errors.Join(m.lookAt(head, key, below), m.it.Close())
}

func (m *mentions) lookAt(head []byte, key values.Key, below bool) error {
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

func (m *mentions) scan(prefix []byte) error { return m.scanRange(prefix, after(prefix)) }

// scanRange gathers the places in view whose keys are from lower on and below
// upper.
func (m *mentions) scanRange(lower, upper []byte) error {
	for ok := m.it.SeekGE(lower); ok && bytes.Compare(m.it.Key(), upper) < 0; ok = m.it.Next() {
		if m.left--; m.left < 0 {
			m.cut = true
			return nil
		}
		if m.left%1024 == 0 && m.ctx.Err() != nil {
			return m.ctx.Err()
		}
		key, place, err := parseValueKey(m.it.Key())
		if err != nil {
			return err
		}
		if from, open := m.from[place.stream]; !open || place.seq < from {
			continue
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
	}
	return m.it.Error()
}
