package client

import (
	"context"
	"errors"
	"fmt"
)

// ErrNotForgotten ends a Subscribe with Idle whose Forgotten failed: orders to forget
// objects were taken, and are not acknowledged.
var ErrNotForgotten = errors.New("objects that were recalled are not forgotten everywhere yet")

// forget keeps an order that was taken until Forgotten says that it is carried out.
// The message stays held.
func (s *subscription) forget(f finished) {
	s.mu.Lock()
	s.taken = append(s.taken, f)
	s.mu.Unlock()
	select {
	case s.forgetting <- struct{}{}:
	default:
	}
}

// forgetter acknowledges orders once Forgotten has returned that was called after
// they were taken: apart from the recorder, since it may take long and others are not
// to wait for it.
func (s *subscription) forgetter(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.forgetting:
		}
		s.mu.Lock()
		some := s.taken
		s.taken = nil
		s.mu.Unlock()
		err := s.opts.Forgotten(ctx)
		if err != nil {
			s.log.Debug("orders to forget objects are not acknowledged yet", "orders", len(some), "error", err)
		}
		s.forgotten(some, err)
	}
}

// forgotten acknowledges orders, or has them come again. A Subscribe that ends by
// itself keeps them until it does, or until Forgotten succeeds.
func (s *subscription) forgotten(some []finished, err error) {
	for _, f := range some {
		s.release(f.msg)
		switch {
		case err != nil && s.opts.Idle > 0:
		case err != nil:
			s.giveBack(f.msg, pause(attempts(f.msg)))
		default:
			if err := f.msg.Ack(); err != nil {
				s.log.Debug("an acknowledgement was not sent; it will be repeated", "error", err)
			}
		}
		f.then()
	}
	if s.opts.Idle <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unforgotten = err; err != nil {
		s.taken = append(some, s.taken...)
	}
}

// notForgotten is why a Subscribe that ends by itself leaves orders, nil if it does
// not.
func (s *subscription) notForgotten() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unforgotten == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNotForgotten, s.unforgotten)
}

// waits reports whether something of a stream is not acknowledged yet that may be.
func (s *subscription) waits(a *source) bool {
	return a.Pending > 0 || a.AckFloor < a.Delivered && !(a.orders && s.notForgotten() != nil)
}
