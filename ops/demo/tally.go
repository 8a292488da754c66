package demo

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/client"
)

// place is one version of one object, byte for byte, in one stream.
type place struct {
	stream, origin, id, version string
	hash                        [sha256.Size]byte
}

// arrival counts how often a place was handed to a seat, and when first.
type arrival struct {
	times int
	first time.Time
}

// tally is what every seat received. Its methods are safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	got     map[string]map[place]arrival // by seat
	total   int
	latest  time.Time
	changed chan struct{} // something arrived since it was last read
}

func newTally() *tally {
	return &tally{got: map[string]map[place]arrival{}, latest: time.Now(), changed: make(chan struct{}, 1)}
}

// handler notes what one seat receives. The hash is computed here, from the
// bytes in hand.
func (t *tally) handler(seat string) client.Handler {
	return func(_ context.Context, d client.Delivery) error {
		p := place{d.Stream, d.Origin, d.ID, d.Version, sha256.Sum256(d.Object)}
		t.note(seat, p, time.Now())
		return nil
	}
}

func (t *tally) note(seat string, p place, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.got[seat] == nil {
		t.got[seat] = map[place]arrival{}
	}
	a := t.got[seat][p]
	if a.times == 0 {
		a.first = at
	}
	a.times++
	t.got[seat][p] = a
	t.total++
	t.latest = at
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// of tells what arrived of one place at one seat.
func (t *tally) of(seat string, p place) arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.got[seat][p]
}

// any reports whether anything arrived at a seat.
func (t *tally) any(seat string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.got[seat]) > 0
}

// state tells how much arrived at all seats, and when the last did.
func (t *tally) state() (total int, latest time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total, t.latest
}

// places lists what a seat received.
func (t *tally) places(seat string) map[place]arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[place]arrival, len(t.got[seat]))
	for p, a := range t.got[seat] {
		out[p] = a
	}
	return out
}
