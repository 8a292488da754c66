package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// The disk decides how fast a hub can acknowledge: each group commit waits for it.
const (
	syncWrites  = 64
	syncBytes   = 4 << 10
	syncAtMost  = 5 * time.Second
	slowSync    = 20 * time.Millisecond  // told
	tooSlowSync = 250 * time.Millisecond // fails
)

// fsync measures what a small write takes to be on the disk for good.
func (h *hub) fsync(ctx context.Context) {
	took, err := syncTimes(ctx, h.cfg.Data)
	if err != nil {
		h.fail("fsync", "the hub must be able to write in its folder: look at its owner, its mode and the disk", "%v", err)
		return
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100] }
	p50, p99 := at(50), at(99)
	tooSlow := h.o.SlowSync
	if tooSlow == 0 {
		tooSlow = tooSlowSync
	}
	told := fmt.Sprintf("p50 %s, p99 %s over %d writes of %d KiB", p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), len(took), syncBytes>>10)
	const do = "put the folder on a disk of its own, with a write cache that outlives power; network disks are slow at this"
	switch {
	case p99 >= tooSlow:
		h.fail("fsync", do, "%s: receipts will take seconds under load", told)
	case p99 >= slowSync:
		h.warn("fsync", do, "%s: a receipt takes at the least two of these", told)
	default:
		h.ok("fsync", "%s", told)
	}
}

func syncTimes(ctx context.Context, dir string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, ".doctor.*")
	if err != nil {
		return nil, fmt.Errorf("writing a file to measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, syncBytes)
	rand.Read(block) //nolint:errcheck // it never fails
	for began := time.Now(); len(took) < syncWrites && (len(took) == 0 || time.Since(began) < syncAtMost); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, fmt.Errorf("measuring the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("measuring the disk: %w", err)
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}
