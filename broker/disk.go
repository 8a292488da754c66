package broker

import (
	"fmt"
	"sync"
	"time"
)

// diskGuard keeps the engine from ever meeting a full disk: it would close the
// whole store, for readers too. Submissions are refused while less than the
// reserve is free; reading and acknowledging go on.
type diskGuard struct {
	mu   sync.Mutex
	at   time.Time
	room int64 // what may be accepted before the next look
	err  error
}

const (
	// diskEvery is how long a look at the disk stays good at the most; it ends
	// earlier once a quarter of the room it found is given out.
	diskEvery = 250 * time.Millisecond
	// diskCopies is how often accepted bytes may stand on the disk at the worst:
	// as written, and again while a full block is compressed.
	diskCopies = 2
)

// diskError says that the disk is too full to accept, nil if it is not.
func (h *Hub) diskError() error { return h.diskRoom(0) }

// diskRoom says so for a submission of this many bytes, and counts them.
func (h *Hub) diskRoom(size int) error {
	g := &h.disk
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.room -= int64(size); g.room > 0 && time.Since(g.at) < diskEvery {
		return g.err
	}
	g.at = time.Now()
	free, err := freeBytes(h.cfg.Data)
	if err != nil {
		g.err = fmt.Errorf("looking at the disk: %w", err)
		return g.err
	}
	// What is in hand is not on the disk yet.
	inHand := int64(0)
	if h.leading() && h.intake != nil {
		inHand = h.intake.load.bytes()
	}
	left := int64(free) - h.cfg.Store.ReserveBytes - diskCopies*inHand
	g.room, g.err = left/4/diskCopies, nil
	if left <= 0 {
		g.err = fmt.Errorf("the disk of %s has %d MiB free, less than store.reserve_bytes (%d MiB) and what is in hand: make room", h.cfg.Data, free>>20, h.cfg.Store.ReserveBytes>>20)
	}
	return g.err
}
