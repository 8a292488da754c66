package sinks

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// What orders do to what is held. They may come in another sequence than they were
// given in, since the hub sends again what a daemon had in hand that died, and the
// same is left then: a recall spares what a later narrowing left, and the client hands
// a narrowing that comes after a later recall to Recall.

// covered reports whether an order is about what is held, which came under a level.
func (h *Held) covered(o *api.RecallOrder, level stix.Level, object []byte) bool {
	d := client.Delivery{Object: object, ID: h.ID, Type: h.Type, Version: h.Version, Origin: h.Origin, Audience: h.Audience, Level: level}
	if h.Version == "" {
		d.SHA256 = sumOf(object)
	}
	return client.Covers(o, &d)
}

// Recall forgets what an order covers, and returns when that is on disk and no
// receiver of events is being told of it any more. What a version took away from
// others that may now be recalled itself does not come back.
func (s *State) Recall(o *api.RecallOrder, now time.Time) (forgotten int, err error) {
	err = s.change(o.Origin, o.ID, now, func(b *pebble.Batch) (bool, error) {
		var rest []Held
		err := s.eachHeld(b, o.Origin, o.ID, func(key []byte, h *Held, object []byte) error {
			level, err := placed(key)
			if err != nil {
				return err
			}
			covered := h.covered(o, level, object)
			// A narrowing takes what it covers, and one that was ordered after what is
			// recalled leaves to the seat what that does not cover.
			left := !h.Narrowed || o.Unless != stix.NoLevel || o.At.Before(h.NarrowedAt)
			if h.Forgotten && !everything(o, h.Level) || !h.Forgotten && left && !covered {
				rest = append(rest, *h)
				return nil
			}
			if !h.Forgotten {
				forgotten++
			}
			if err := h.eachTimer(func(key []byte) error { return b.Delete(key, nil) }); err != nil {
				return err
			}
			if h.Narrowed && !covered {
				return b.Delete(key, nil)
			}
			h.Level = level
			return h.forget(b, key, o)
		})
		for i := range rest {
			err = errors.Join(err, rest[i].eachTimer(func(key []byte) error { return b.Set(key, nil, nil) }))
		}
		return forgotten > 0, err
	})
	if err != nil {
		return 0, fmt.Errorf("forgetting %s of %s: %w", o.ID, o.Origin, err)
	}
	s.interrupt(o.Origin, o.ID)
	return forgotten, s.Flush()
}

// Narrow gives what an order covers the level of the stricter version that follows,
// and returns when that is on disk: the seat may keep it, until that one comes, and
// nobody else may see it any more.
func (s *State) Narrow(o *api.RecallOrder, now time.Time) error {
	err := s.change(o.Origin, o.ID, now, func(b *pebble.Batch) (bool, error) {
		came, err := s.holdsFrom(b, o)
		if err != nil {
			return false, err
		}
		return true, s.eachHeld(b, o.Origin, o.ID, func(key []byte, h *Held, object []byte) error {
			level, err := placed(key)
			if err != nil || h.Forgotten || !h.covered(o, level, object) {
				return err
			}
			if came {
				return b.Delete(key, nil)
			}
			if !h.Narrowed || o.At.Before(h.NarrowedAt) {
				h.NarrowedAt = o.At
			}
			h.Narrowed, h.Level = true, max(h.Level, o.Unless)
			value, err := h.encode(object)
			if err != nil {
				return err
			}
			return b.Set(key, value, nil)
		})
	})
	if err != nil {
		return fmt.Errorf("narrowing %s of %s: %w", o.ID, o.Origin, err)
	}
	s.interrupt(o.Origin, o.ID)
	return s.Flush()
}

// holdsFrom reports whether a version is held that the hub stored after a narrowing:
// then that one comes late, and what it covers was kept only until this one came.
func (s *State) holdsFrom(r reader, o *api.RecallOrder) (found bool, err error) {
	from := (&Held{Version: o.Before}).instant()
	err = s.eachHeld(r, o.Origin, o.ID, func(_ []byte, h *Held, _ []byte) error {
		if found = !h.Forgotten && h.instant() >= from; found {
			return errStop
		}
		return nil
	})
	return found, err
}
