package sinks

import (
	"context"
	"errors"
	"time"

	"github.com/selat-hub/selat/broker/client"
)

// Gaps is where to go back to, to receive what is missing: the first missing message
// of each stream that lacks some.
func (v *Verified) Gaps() (out []client.Start) {
	for _, s := range v.Streams {
		if s.Missing > 0 {
			out = append(out, client.Start{Stream: s.Stream, Sequence: s.FirstMissing})
		}
	}
	return out
}

// Repair has what is missing sent again and receives it, until nothing came for
// idle, then writes every sink. What is not forgotten yet, writing tells.
func (d *Daemon) Repair(ctx context.Context, hub *client.Client, v *Verified, idle time.Duration) error {
	if err := d.receive(ctx, hub, idle, v.Gaps()); err != nil && !errors.Is(err, client.ErrNotForgotten) {
		return err
	}
	return d.writeAll(ctx, false)
}

// Replay has a Run that is under way receive again what is missing. It returns when
// that begins.
func (d *Daemon) Replay(ctx context.Context, v *Verified) error {
	gaps := v.Gaps()
	if len(gaps) == 0 {
		return nil
	}
	select {
	case d.replays <- gaps:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
