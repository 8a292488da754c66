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
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/feeds/sink"
)

// A sink that is told of events is told what changed in what counts for it: the
// event is written with the change that makes it, in one batch, and goes when it
// is delivered.

// streamSink is a stream as the state serves it.
type streamSink struct {
	name string
	view *View
}

// Follow has the state note events for a stream from now on. What was received
// before is told as created, unless it was told under that name before.
func (s *State) Follow(name string, v *View, now time.Time) error {
	st := &streamSink{name, v}
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
		if err := s.change(n[0], n[1], now, func(*pebble.Batch) error { return nil }); err != nil {
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
		var keys [][]byte
		var events []sink.Event
		var at []int // which of the keys is an event's
		err := s.each(s.db, []byte("e\x00"+name+"\x00"), func(key, value []byte) error {
			var q queued
			if err := json.Unmarshal(value, &q); err != nil {
				return fmt.Errorf("%w: an event: %w", errState, err)
			}
			keys = append(keys, bytes.Clone(key))
			e, tell, err := s.eventOf(&q, st.view)
			if tell {
				events, at = append(events, e), append(at, len(keys)-1)
			}
			if err == nil && len(events) == eventsAtOnce {
				return errStop
			}
			return err
		})
		if err != nil || len(keys) == 0 {
			return told, err
		}
		var failed error
		delivered := len(events)
		if delivered > 0 {
			failed = to.Tell(ctx, events)
		}
		var refused *sink.Refusal
		if errors.As(failed, &refused) && refused.Index < len(events) {
			delivered, keys = refused.Index, keys[:at[refused.Index]]
		} else if failed != nil {
			return told, failed
		}
		told += delivered
		if err := s.wasTold(keys); err != nil || failed != nil {
			return told, errors.Join(failed, err)
		}
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
// recalled, or its latest version have become one that the view may not show. Then
// that the object counts is not told, for the event of its leaving follows; and that
// it left is told as of one that was recalled, without a word of it.
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
		if latestShown(g.held, v) >= 0 {
			_, e.Entry.Object, err = decode(value)
			return e, err == nil, err
		}
	}
	if q.Kind == sink.Revoked || q.Kind == sink.Expired {
		e.Kind, e.Entry = sink.Recalled, sink.Entry{ID: q.Entry.ID, Origin: q.Entry.Origin}
		return e, true, nil
	}
	return e, false, nil
}
