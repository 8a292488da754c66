package sinks

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What is recalled leaves the state at once. What is superseded must stay: a recall
// may name the later version alone, at any time, and then the earlier one counts
// again. That is so no more once it ended by itself, revoked or over, for no version
// comes back from that. Then its bytes can go, but not that it was there: it still
// keeps older versions, which may yet arrive, from counting, and Verify looks for it.

// keepEnded is how long the bytes of what ended are kept, so that a clock that was
// set wrong for a while costs nothing.
const keepEnded = 24 * time.Hour

// ended reports whether a version has ended for good. Of what has no version the
// bytes tell which order means it.
func (h *Held) ended(now time.Time) bool {
	before := now.Add(-keepEnded)
	return h.Version != "" && (h.Revoked && h.Added.Before(before) || !h.ValidUntil.IsZero() && h.ValidUntil.Before(before))
}

// Strip drops the bytes of what ended a day ago or earlier, unless a file that its
// guard keeps still shows it, or an event that waits tells of it.
func (s *State) Strip(now time.Time) (stripped int, err error) {
	snapshot := s.db.NewSnapshot()
	defer snapshot.Close() //nolint:errcheck // it was only read
	u := &inUse{state: s, told: map[string]uint64{}, keys: map[string]bool{}}
	err = s.each(snapshot, []byte("w\x00"), func(key, _ []byte) error {
		u.files = append(u.files, string(key[len("w\x00"):]))
		return nil
	})
	if err != nil {
		return 0, err
	}
	err = s.each(snapshot, []byte("o\x00"), func(key, value []byte) error {
		h, object, err := decode(value)
		if err != nil || len(object) == 0 || !h.ended(now) {
			return err
		}
		done, err := s.strip(u, key)
		if done {
			stripped++
		}
		return err
	})
	if err != nil {
		return stripped, fmt.Errorf("dropping what ended: %w", err)
	}
	return stripped, nil
}

// strip drops the bytes of one version, if it is there still and nobody needs them.
func (s *State) strip(u *inUse, key []byte) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, err := get(s.db, key)
	if err != nil || value == nil {
		return false, err
	}
	h, _, err := decode(value)
	if err != nil {
		return false, err
	}
	if needed, err := u.has(&h, key); needed || err != nil {
		return false, err
	}
	h.Stripped = true
	if value, err = h.encode(nil); err != nil {
		return false, err
	}
	return true, s.db.Set(key, value, pebble.NoSync)
}

// inUse knows which versions files show and events tell of.
type inUse struct {
	state *State
	files []string
	keys  map[string]bool   // that events have
	told  map[string]uint64 // the last event looked at, by stream
}

func (u *inUse) has(h *Held, key []byte) (bool, error) {
	for _, st := range u.state.streams {
		if err := u.events(st.name); err != nil {
			return false, err
		}
	}
	if u.keys[string(key)] {
		return true, nil
	}
	for _, name := range u.files {
		shown, err := get(u.state.db, []byte("p\x00"+name+"\x00"+h.Origin+"\x00"+h.ID))
		if err != nil || bytes.Equal(shown, key) {
			return true, err
		}
	}
	return false, nil
}

// events looks at the events of a stream that came since it looked last.
func (u *inUse) events(name string) error {
	prefix := []byte("e\x00" + name + "\x00")
	it, err := u.state.db.NewIter(&pebble.IterOptions{LowerBound: binary.BigEndian.AppendUint64(bytes.Clone(prefix), u.told[name]+1), UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	defer it.Close() //nolint:errcheck // Error tells
	for it.First(); it.Valid(); it.Next() {
		var q queued
		if err := json.Unmarshal(it.Value(), &q); err != nil {
			return fmt.Errorf("%w: an event: %w", errState, err)
		}
		u.keys[string(q.Key)] = true
		u.told[name] = binary.BigEndian.Uint64(it.Key()[len(prefix):])
	}
	return it.Error()
}
