package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

// settleEvery is how often a seat that is not done is looked at again.
const settleEvery = 20 * time.Millisecond

// warm waits until every seat that reads has received something, so that times
// told later are not those of opening streams. What was sent before is not
// timed. A seat that receives nothing is left to settle.
func (x *show) warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	for _, s := range x.readers {
		for !x.tally.any(s.Name) {
			select {
			case <-ctx.Done():
				if errors.Is(context.Cause(ctx), errPatience) {
					return nil
				}
				return ctx.Err()
			case <-x.tally.changed:
				x.board.draw()
			}
		}
	}
	for _, r := range x.rows {
		r.sent = time.Time{}
	}
	return nil
}

// errPatience says that patience ran out, and not the caller's own time.
var errPatience = errors.New("nothing arrived for long")

// settle waits until nothing more can arrive anywhere: every stream that a seat
// may read has delivered its last message to it, and that was acknowledged.
// Nothing is published any more, so what a seat lacks then it will never get.
func (x *show) settle(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(x.readers))
	for _, s := range x.readers {
		go func() { errs <- x.runDry(ctx, s) }()
	}
	var failed error
	for left := len(x.readers); left > 0; {
		select {
		case err := <-errs:
			left--
			if err != nil && failed == nil {
				failed = err
				cancel()
			}
		case <-x.tally.changed:
			x.board.draw()
		}
	}
	x.board.draw()
	return failed
}

// runDry waits until one seat has all that its streams have for it. A seat that
// gets nothing for as long as patience lasts is a fault, and is judged as it
// stands.
func (x *show) runDry(ctx context.Context, s *seat) error {
	again := time.NewTicker(settleEvery)
	defer again.Stop()
	since := time.Now()
	for {
		open, err := s.client.Streams(ctx)
		if err != nil {
			return fmt.Errorf("seat %s: %w", s.Name, err)
		}
		left := undelivered(s, open)
		if left == "" {
			x.checkRights(s, open)
			return nil
		}
		if _, latest := x.tally.state(); time.Since(later(since, latest)) > patience {
			x.fault("stuck", s.Name, "nothing arrived for %s, and %s", patience, left)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// undelivered says what is still on its way to a seat, "" for nothing. A durable
// with a filter does not move for what the filter leaves out; there the count of
// what is pending must do.
func undelivered(s *seat, open *api.Streams) string {
	filtered := s.FilterType != "" || s.FilterOrigin != ""
	for _, a := range open.Streams {
		switch {
		case a.Pending > 0 || !filtered && a.Delivered < a.Last:
			return a.Name + " has more for it"
		case a.AckFloor < a.Delivered:
			return a.Name + " waits for an acknowledgement"
		}
	}
	return ""
}

// checkRights holds the streams that the hub opens to a seat against those that
// policy lets it read.
func (x *show) checkRights(s *seat, open *api.Streams) {
	var has, may []string
	for _, a := range open.Streams {
		has = append(has, a.Name)
	}
	for _, stream := range x.region.Readable(s.Seat) {
		may = append(may, x.region.Name(stream))
	}
	slices.Sort(has)
	slices.Sort(may)
	if !slices.Equal(has, may) {
		x.fault("rights", s.Name, "the hub opens %d streams to it and policy %d, or others", len(has), len(may))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
