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
	mu  sync.Mutex
	at  time.Time
	err error
}

// diskEvery is how long a look at the disk stays good. At 200 MB/s the disk
// shrinks by 50 MB meanwhile, well within the reserve.
const diskEvery = 250 * time.Millisecond

// diskError says that the disk is too full to accept, nil if it is not.
func (h *Hub) diskError() error {
	g := &h.disk
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) < diskEvery {
		return g.err
	}
	free, err := freeBytes(h.cfg.Data)
	g.at = time.Now()
	switch {
	case err != nil:
		g.err = fmt.Errorf("looking at the disk: %w", err)
	case free < uint64(h.cfg.Store.ReserveBytes):
		g.err = fmt.Errorf("the disk of %s has %d MiB free, less than store.reserve_bytes (%d MiB): make room", h.cfg.Data, free>>20, h.cfg.Store.ReserveBytes>>20)
	default:
		g.err = nil
	}
	return g.err
}
