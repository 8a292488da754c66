package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Verification holds an index against its streams: every object of every message
// is looked for under each of its keys, and then it is counted that there is
// nothing more. Add the streams one by one, then Finish. Its methods are not to
// be called at the same time; the index may be written to meanwhile. A stream of
// which something is erased meanwhile is compared only up to then.
type Verification struct {
	x *Index
	// Messages, Objects and Values are what was read and looked for so far.
	Messages, Objects, Values uint64
	// Differences says what does not agree, a line each and at most
	// maxDifferences; Wrong counts all.
	Differences []string
	Wrong       uint64

	streams map[string]*verified
}

// verified is what one stream should have in the index.
type verified struct {
	no                       uint32
	through                  uint64
	messages, places, values uint64
	filed                    uint64 // messages under their origins
	moved                    uint64 // messages that are what is left of others
	added                    int64  // the last date_added
	counts                   map[string]uint64
	erasures                 uint64 // of the stream, as it was read
}

const maxDifferences = 100

// Verify begins a verification.
func (x *Index) Verify() *Verification {
	return &Verification{x: x, streams: map[string]*verified{}}
}

func (v *Verification) differs(format string, args ...any) {
	if v.Wrong++; len(v.Differences) < maxDifferences {
		v.Differences = append(v.Differences, fmt.Sprintf(format, args...))
	}
}

// Stream reads a stream as far as the index has applied it. progress is called
// after each message.
func (v *Verification) Stream(ctx context.Context, src Source, stream string, progress func()) error {
	if err := v.x.enter(); err != nil {
		return err
	}
	defer v.x.gate.RUnlock()
	no, known := v.x.names.Load().streams.numbers[stream]
	if !known {
		return nil
	}
	at := v.x.position(stream)
	s := &verified{no: no, through: at.seq, counts: map[string]uint64{}, erasures: at.erasures}
	v.streams[stream] = s
	err := src.Messages(ctx, stream, 1, s.through, func(m Message) error {
		original, records, err := read(stream, m)
		if err != nil {
			v.differs("%s message %d cannot be read: %v", stream, m.Seq, err)
			return nil
		}
		v.Messages++
		if v.x.At(stream, cmp.Or(original, m.Seq)) != m.Seq {
			return nil // what is left of it is further on
		}
		wrong, told := v.Wrong, v.Differences
		if err := v.message(s, m.Seq, original, records); err != nil {
			return err
		}
		if v.disturbed(stream) {
			// What was read may have been erased since; another time it is told.
			v.Wrong, v.Differences = wrong, told
		}
		progress()
		return ctx.Err()
	})
	if err != nil && ctx.Err() == nil {
		return v.x.fault("verifying stream "+stream, err)
	}
	return err
}

// message looks for a message: itself, or as what is left of an original one.
func (v *Verification) message(s *verified, seq, original uint64, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	s.messages++
	physical := uint64(0)
	if original > 0 {
		seq, physical = original, seq
		s.moved++
	}
	var want listing
	for i := range records {
		r := &records[i]
		s.added = max(s.added, r.Place.Added)
		d := r.described()
		want = append(want, d)
		key, err := appendCountKey(nil, s.no, &d)
		if err != nil {
			return err
		}
		s.counts[string(key)]++
		if err := v.object(s, r); err != nil {
			return err
		}
	}
	value, err := value(v.x.db, appendMessageKey(nil, kindMessage, s.no, seq))
	if err != nil {
		return err
	}
	for _, origin := range want.origins() {
		s.filed++
		key, err := appendOfKey(nil, origin, s.no, seq)
		if err != nil {
			return err
		}
		there, err := v.has(key)
		if err != nil {
			return err
		}
		if !there || !slices.Contains(v.x.names.Load().origins, origin) {
			v.differs("%s message %d: the catalogue does not find it by its origin", records[0].Place.Stream, seq)
		}
	}
	if !bytes.Equal(value, listed{physical, want}.append(nil)) {
		v.differs("%s message %d: the catalogue does not list the objects that are in it", records[0].Place.Stream, seq)
	}
	return nil
}

// object looks for one object under each of its keys.
func (v *Verification) object(s *verified, r *Record) error {
	v.Objects++
	at := fmt.Sprintf("%s message %d object %d, %s of %s", r.Place.Stream, r.Place.Seq, r.Place.Index, r.Key.ID, r.Key.Origin)
	st, others, err := v.entry(r)
	if err != nil {
		return err
	}
	if st == nil {
		v.differs("%s: it is not in the catalogue", at)
		return nil
	}
	if st.hash != r.Hash {
		v.differs("%s: the catalogue knows other bytes of this version", at)
		return nil
	}
	e, err := v.x.entry(st)
	if err != nil {
		return err
	}
	if !slices.Contains(e.Places, r.Place) || st.own != r.Lineage || st.old != r.old() {
		v.differs("%s: the catalogue knows it elsewhere, or in another way", at)
		return nil
	}
	s.places++
	place := storedPlace{stream: s.no, seq: r.Place.Seq, index: r.Place.Index}
	if others > 1 {
		if there, err := v.has(appendMarkKey(nil, &place)); err != nil || !there {
			v.differs("%s: the catalogue takes it for the only one", at)
			return err
		}
	}
	if r.Definition {
		key, err := definition{r.Key.ID, r.Key.Origin, r.Place.Level, s.no}.appendKey(nil)
		if err != nil {
			return err
		}
		if there, err := v.has(key); err != nil || !there {
			v.differs("%s: the catalogue does not know it as a definition", at)
			return err
		}
	}
	for i := range r.Values.Keys {
		k := &r.Values.Keys[i]
		if bits, network := networkBits(k); network && !v.x.names.Load().networks[bits] {
			v.differs("%s: the catalogue does not look for networks of this length", at)
		}
		v.Values++
		s.values++
		said := said{k.Role, r.Values.ValidFrom, r.Values.ValidUntil, r.Values.Revoked}
		prefix := appendValue(nil, k.Kind, k.Bytes)
		if v.x.filter.lacks(prefix) {
			v.differs("%s: the catalogue's filter lacks a value that it names", at)
		}
		got, err := value(v.x.db, appendPlaceKey(prefix, &place))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, said.append(nil)) {
			v.differs("%s: the catalogue does not find it by a value that it names", at)
		}
	}
	return nil
}

// entry returns what is stored of a version, and how many places its object has
// in all versions, two standing for any more.
func (v *Verification) entry(r *Record) (found *stored, places int, err error) {
	err = v.x.eachStored(form{r.Key.Origin, r.Key.ID}, func(version string, s *stored) error {
		places += len(s.places)
		if version == r.Key.Version {
			found = s
		}
		if found != nil && places > 1 {
			return errStop
		}
		return nil
	})
	return found, places, err
}

func (v *Verification) has(key []byte) (bool, error) {
	_, closer, err := v.x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}

// Finish counts what the index holds of the streams, as far as each was read.
func (v *Verification) Finish(ctx context.Context) error {
	if err := v.x.enter(); err != nil {
		return err
	}
	defer v.x.gate.RUnlock()
	held := tally{v: v, names: map[uint32]string{}, of: map[uint32]*verified{}}
	for name, s := range v.streams {
		held.names[s.no], held.of[s.no] = name, &verified{}
	}
	n := 0
	err := scanRange(v.x.db, nil, nil, func(key, value []byte) error {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return held.count(key, value)
	})
	if err != nil {
		if ctx.Err() == nil {
			err = v.x.fault("verifying the index", err)
		}
		return err
	}
	for name, want := range v.streams {
		if !v.disturbed(name) {
			held.of[want.no].compare(v, name, want)
		}
	}
	return nil
}

// tally is what the index holds of each stream, by its number.
type tally struct {
	v     *Verification
	names map[uint32]string
	of    map[uint32]*verified
}

// within returns where a key of a message counts, nil if it was not read.
func (t *tally) within(stream uint32, seq uint64) *verified {
	if name, known := t.names[stream]; known && seq <= t.v.streams[name].through {
		return t.of[stream]
	}
	return nil
}

func (t *tally) count(key, value []byte) error {
	switch key[0] {
	case kindMessage:
		if s := t.within(binary.BigEndian.Uint32(key[1:]), seqOf(key)); s != nil {
			s.messages++
		}
	case kindMoved:
		if s := t.within(binary.BigEndian.Uint32(key[1:]), seqOf(key)); s != nil {
			s.moved++
		}
	case kindOf:
		if len(key) < 13 {
			return fmt.Errorf("%w: key of a message of an origin", errFormat)
		}
		if s := t.within(binary.BigEndian.Uint32(key[len(key)-12:]), seqOf(key)); s != nil {
			s.filed++
		}
	case kindValue:
		_, p, err := parseValueKey(key)
		if err != nil {
			return err
		}
		if s := t.within(p.stream, p.seq); s != nil {
			s.values++
		}
	case kindNewest, kindObject:
		var st stored
		if err := st.decode(value); err != nil {
			return err
		}
		for _, p := range st.places {
			if s := t.within(p.stream, p.seq); s != nil {
				s.places++
			}
		}
	case kindCount:
		return t.number(key, value)
	}
	return nil
}

// number holds a number of objects against those that were read.
func (t *tally) number(key, value []byte) error {
	name, known := t.names[binary.BigEndian.Uint32(key[1:])]
	if !known || !t.v.unmoved(name) || t.v.disturbed(name) {
		return nil
	}
	count, err := parseCount(value)
	if err != nil {
		return err
	}
	want := t.v.streams[name].counts
	if want[string(key)] != count {
		t.v.differs("%s: %d objects are counted under %q, and there are %d", name, count, strings.ReplaceAll(string(key[5:]), "\x00", " "), want[string(key)])
	}
	delete(want, string(key))
	return nil
}

// unmoved is true of a stream that nothing has come to since it was read.
func (v *Verification) unmoved(stream string) bool {
	return v.x.position(stream).seq == v.streams[stream].through
}

// disturbed is true of a stream of which something was erased since it was read.
func (v *Verification) disturbed(stream string) bool {
	return v.x.position(stream).erasures != v.streams[stream].erasures
}

// compare holds what the index has of a stream against what it should have.
func (s *verified) compare(v *Verification, name string, want *verified) {
	for _, n := range []struct {
		what       string
		have, want uint64
	}{
		{"messages", s.messages, want.messages}, {"places of objects", s.places, want.places},
		{"values", s.values, want.values}, {"messages by origin", s.filed, want.filed}, {"messages that moved", s.moved, want.moved},
	} {
		if n.have != n.want {
			v.differs("%s: the catalogue has %d %s, and the stream %d", name, n.have, n.what, n.want)
		}
	}
	if !v.unmoved(name) {
		return
	}
	// What was erased may have been the last.
	if v.x.position(name).lastAdded < want.added {
		v.differs("%s: the catalogue takes another date_added for the last", name)
	}
	if len(want.counts) > 0 {
		v.differs("%s: %d numbers of objects are missing", name, len(want.counts))
	}
}
