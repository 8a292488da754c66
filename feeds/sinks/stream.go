package sinks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
)

// A sink that is told of events is told what changed in what counts for it: the
// event is written with the change that makes it, in one batch, and goes when it
// is delivered.

// streamSink is a stream as the state serves it.
type streamSink struct {
	name    string
	view    *View
	telling *telling // nil while it is told nothing; under the state's mu
}

// telling is events on their way to a receiver.
type telling struct {
	events []sink.Event
	stop   context.CancelFunc
	done   chan struct{} // closed once the receiver has them, or the telling stopped
}

// Follow has the state note events for a stream from now on. What was received
// before is told as created, unless it was told under that name before.
func (s *State) Follow(name string, v *View, now time.Time) error {
	st := &streamSink{name: name, view: v}
	s.mu.Lock()
	s.streams = append(s.streams, st)
	s.mu.Unlock()
	var names [][2]string
	err := groups(s.db, func(g *group) error {
		names = append(names, [2]string{g.held[0].Origin, g.held[0].ID})
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := s.change(n[0], n[1], now, func(*pebble.Batch) (bool, error) { return false, nil }); err != nil {
			return err
		}
	}
	return nil
}

// toldOf is what a stream was told of an object last.
type toldOf struct {
	Version string `json:"version,omitempty"`
	SHA256  string `json:"sha256"`
}

// queued is an event on its way. Key names the object in the state, for its bytes:
// see eventOf.
type queued struct {
	Kind     sink.EventKind `json:"kind"`
	Key      []byte         `json:"key,omitempty"`
	At       time.Time      `json:"at"`
	EventKey string         `json:"event_key"`
	Entry    sink.Entry     `json:"entry"` // without the object
}

// touch notes what a change of one object makes of it for each stream.
func (s *State) touch(b *pebble.Batch, origin, id string, now time.Time) error {
	if len(s.streams) == 0 {
		return nil
	}
	g, err := s.group(b, origin, id)
	if err != nil {
		return err
	}
	for _, st := range s.streams {
		if err := s.touchOne(b, st, g, origin, id, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) touchOne(b *pebble.Batch, st *streamSink, g *group, origin, id string, now time.Time) error {
	toldKey := []byte("t\x00" + st.name + "\x00" + origin + "\x00" + id)
	was, err := get(b, toldKey)
	if err != nil {
		return err
	}
	v := Current(g.held, st.view, now)
	if v.Index < 0 {
		if was == nil {
			return nil
		}
		e := sink.Entry{ID: id, Origin: origin}
		var key []byte
		kind := sink.Recalled
		if i := latestShown(g.held, st.view); i >= 0 && (v.Why == Revoked || v.Why == Expired) {
			if kind = sink.Expired; v.Why == Revoked {
				kind = sink.Revoked
			}
			e, key = g.held[i].entry(nil), g.keys[i]
		}
		if err := b.Delete(toldKey, nil); err != nil {
			return err
		}
		return s.queue(b, st, queued{Kind: kind, Key: key, At: now, Entry: e})
	}
	h := &g.held[v.Index]
	is, err := json.Marshal(toldOf{h.Version, h.SHA256})
	if err != nil || bytes.Equal(is, was) {
		return err
	}
	kind := sink.Updated
	if was == nil {
		kind = sink.Created
	}
	if err := b.Set(toldKey, is, nil); err != nil {
		return err
	}
	return s.queue(b, st, queued{Kind: kind, Key: g.keys[v.Index], At: now, Entry: h.entry(nil)})
}

func (s *State) queue(b *pebble.Batch, st *streamSink, q queued) error {
	counter := []byte("n\x00" + st.name)
	v, err := get(b, counter)
	if err != nil {
		return err
	}
	n := uint64(1)
	if len(v) == 8 {
		n = binary.BigEndian.Uint64(v) + 1
	}
	number := binary.BigEndian.AppendUint64(nil, n)
	sum := sha256.Sum256(append([]byte(st.name+"\x00"+string(q.Kind)+"\x00"+q.Entry.Origin+"\x00"+q.Entry.ID+"\x00"+q.Entry.Version+"\x00"), number...))
	q.EventKey = hex.EncodeToString(sum[:16])
	body, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("noting an event: %w", err)
	}
	if err := b.Set(counter, number, nil); err != nil {
		return err
	}
	return b.Set(append([]byte("e\x00"+st.name+"\x00"), number...), body, nil)
}

// eventsAtOnce bounds what is told together.
const eventsAtOnce = 200

// Pending is how many events wait for a stream.
func (s *State) Pending(name string) (n int, err error) {
	err = s.each(s.db, []byte("e\x00"+name+"\x00"), func(_, _ []byte) error { n++; return nil })
	return n, err
}

// Tell hands a stream the events that wait for it, in order, and returns how many
// were told when none is left, or with the first error.
func (s *State) Tell(ctx context.Context, name string, to sink.Stream) (told int, err error) {
	st := s.stream(name)
	if st == nil {
		return 0, fmt.Errorf("no stream %s is followed", name)
	}
	for {
		n, none, err := s.tellSome(ctx, st, to)
		if told += n; none || err != nil {
			return told, err
		}
	}
}

// tellSome tells the first events that wait; none says that none do. When an object
// of theirs is forgotten meanwhile it stops, and what is left is told next.
func (s *State) tellSome(ctx context.Context, st *streamSink, to sink.Stream) (told int, none bool, err error) {
	s.mu.Lock()
	events, keys, at, err := s.waiting(st)
	if err != nil || len(keys) == 0 {
		s.mu.Unlock()
		return 0, true, err
	}
	part, stop := context.WithCancel(ctx)
	defer stop()
	t := &telling{events: events, stop: stop, done: make(chan struct{})}
	st.telling = t
	s.mu.Unlock()
	if len(events) > 0 {
		err = to.Tell(part, events)
	}
	s.mu.Lock()
	st.telling = nil
	close(t.done)
	s.mu.Unlock()
	delivered := len(events)
	var refused *sink.Refusal
	switch {
	case errors.As(err, &refused) && refused.Index < len(events):
		delivered, keys = refused.Index, keys[:at[refused.Index]]
	case err != nil && part.Err() != nil && ctx.Err() == nil:
		return 0, false, nil
	case err != nil:
		return 0, false, err
	}
	return delivered, false, errors.Join(err, s.wasTold(keys))
}

// waiting reads the first events that wait for a stream, as they may be told now, and
// the keys of these and of those that are told no more; at is which of them is an
// event's.
func (s *State) waiting(st *streamSink) (events []sink.Event, keys [][]byte, at []int, err error) {
	err = s.each(s.db, []byte("e\x00"+st.name+"\x00"), func(key, value []byte) error {
		var q queued
		if err := json.Unmarshal(value, &q); err != nil {
			return fmt.Errorf("%w: an event: %w", errState, err)
		}
		keys = append(keys, bytes.Clone(key))
		e, tell, err := s.eventOf(&q, st.view)
		if tell {
			events, at = append(events, e), append(at, len(keys)-1)
		}
		if err == nil && len(keys) == eventsAtOnce {
			return errStop
		}
		return err
	})
	return events, keys, at, err
}

// interrupt returns when no receiver is being told of an object as it was before the
// last change. Other events that were on their way with it are told again.
func (s *State) interrupt(origin, id string) {
	var stopped []*telling
	s.mu.Lock()
	for _, st := range s.streams {
		if t := st.telling; t != nil && slices.ContainsFunc(t.events, func(e sink.Event) bool { return e.Entry.Origin == origin && e.Entry.ID == id }) {
			t.stop()
			stopped = append(stopped, t)
		}
	}
	s.mu.Unlock()
	for _, t := range stopped {
		<-t.done
	}
}

// wasTold takes events away that were delivered.
func (s *State) wasTold(keys [][]byte) error {
	b := s.db.NewBatch()
	for _, k := range keys {
		if err := b.Delete(k, nil); err != nil {
			return err
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("noting what was told: %w", err)
	}
	return nil
}

func (s *State) stream(name string) *streamSink {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if st.name == name {
			return st
		}
	}
	return nil
}

// eventOf is an event as it may be told now. While it waited its object may have been
// recalled, its latest version have become one that the view may not show, or the
// view have become one that may not show this version. Then that the object counts is
// not told, for the event of its leaving follows; and that it left is told as of one
// that was recalled, without a word of it; as it is of one that ended so long ago that
// its bytes are not kept.
func (s *State) eventOf(q *queued, v *View) (e sink.Event, tell bool, err error) {
	e = sink.Event{Kind: q.Kind, Entry: q.Entry, At: q.At, Key: q.EventKey}
	if q.Kind == sink.Recalled {
		return e, true, nil
	}
	value, err := get(s.db, q.Key)
	if err != nil {
		return e, false, err
	}
	if value != nil {
		g, err := s.group(s.db, q.Entry.Origin, q.Entry.ID)
		if err != nil {
			return e, false, err
		}
		h, object, err := decode(value)
		if err != nil {
			return e, false, err
		}
		if len(object) > 0 && latestShown(g.held, v) >= 0 && policy.MayWriteOut(policy.Stream{Audience: h.Audience, Level: h.Level}, v.Outlet).Allowed {
			e.Entry = h.entry(object)
			return e, true, nil
		}
	}
	if q.Kind == sink.Revoked || q.Kind == sink.Expired {
		e.Kind, e.Entry = sink.Recalled, sink.Entry{ID: q.Entry.ID, Origin: q.Entry.Origin}
		return e, true, nil
	}
	return e, false, nil
}
