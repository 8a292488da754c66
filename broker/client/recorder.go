package client

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// recorderQueue bounds the messages that are handled but not yet recorded.
	recorderQueue = 32
	// keepAliveEvery is well under the 30 s after which the hub sends a
	// message again.
	keepAliveEvery = 10 * time.Second
)

// finished is a message the handler is done with, for better or worse.
type finished struct {
	msg  jetstream.Msg
	keys []key // objects handled now
	// ack the message, or have it sent again after delay; keep it for now.
	ack   bool
	order bool // it is an order
	delay time.Duration
	keep  bool
	// then, when set, is called after that.
	then func()
}

// finish hands a message to the recorder, and waits while that is behind.
func (s *subscription) finish(f finished) { s.done <- f }

// record makes durable what was handled and then acknowledges it. While one
// write is under way the next is gathered. A lost acknowledgement is harmless:
// the message comes again, is recognised, and acknowledged again.
func (s *subscription) record() {
	for f := range s.done {
		group := []finished{f}
		for more := true; more && len(group) < recorderQueue; {
			select {
			case f, ok := <-s.done:
				if ok {
					group = append(group, f)
				}
				more = ok
			default:
				more = false
			}
		}
		s.recordGroup(group)
	}
	if !s.client.link.isUp() {
		return
	}
	if err := s.client.nc.FlushTimeout(openTimeout); err != nil {
		s.log.Debug("the last acknowledgements may be lost; they will be repeated", "error", err)
	}
}

func (s *subscription) recordGroup(group []finished) {
	var keys []key
	for _, f := range group {
		keys = append(keys, f.keys...)
	}
	var err error
	if len(keys) > 0 {
		if s.opts.Flush != nil {
			err = s.opts.Flush()
		}
		if err == nil {
			err = s.seen.add(keys)
		}
		if err != nil {
			s.fail(err)
		}
	}
	s.mu.Lock()
	for _, k := range keys {
		if err == nil {
			delete(s.pending, k)
		}
	}
	s.mu.Unlock()
	for _, f := range group {
		if f.order && f.ack && s.opts.Forgotten != nil {
			s.forget(f)
			continue
		}
		if !f.keep {
			s.release(f.msg)
		}
		switch {
		case err != nil, f.keep:
		case f.ack:
			if err := f.msg.Ack(); err != nil {
				s.log.Debug("an acknowledgement was not sent; it will be repeated", "error", err)
			}
		default:
			s.giveBack(f.msg, f.delay)
		}
		if f.then != nil {
			f.then()
		}
	}
}

// giveBack asks the hub to send a message again, after delay.
func (s *subscription) giveBack(msg jetstream.Msg, delay time.Duration) {
	var err error
	if delay > 0 {
		err = msg.NakWithDelay(delay)
	} else {
		err = msg.Nak()
	}
	if err != nil {
		s.log.Debug("a message was not given back; it comes again by itself", "error", err)
	}
}

func (s *subscription) hold(msg jetstream.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[msg] = struct{}{}
}

func (s *subscription) release(msg jetstream.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, msg)
}

// keepAlive tells the hub that messages in hand are being worked on.
func (s *subscription) keepAlive(ctx context.Context) {
	tick := time.NewTicker(keepAliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		msgs := make([]jetstream.Msg, 0, len(s.held))
		for m := range s.held {
			msgs = append(msgs, m)
		}
		s.mu.Unlock()
		for _, m := range msgs {
			if err := m.InProgress(); err != nil {
				s.log.Debug("the hub was not told that a message is in work", "error", err)
			}
		}
	}
}
