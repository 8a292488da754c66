package daemon

import (
	"context"
	"time"
)

// Wait lets so much time pass and returns nil, or the cause when ctx ends before.
// Tests replace it together with the clock.
type Wait func(ctx context.Context, d time.Duration) error

// Sleep is a Wait by this machine's clock.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Until waits so long, or until ctx ends or something comes from woken: then alone it
// reports true.
func (w Wait) Until(ctx context.Context, d time.Duration, woken <-chan struct{}) (wasWoken bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w(ctx, d) == nil {
			cancel()
		}
	}()
	select {
	case <-ctx.Done():
	case <-woken:
		wasWoken = true
		cancel()
	}
	<-done
	return wasWoken
}
