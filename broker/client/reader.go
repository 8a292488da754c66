package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What one stream may have on its way here: enough messages for a distant hub
// when each is small, and few bytes when each is large.
const (
	pullMessages  = 256
	pullBytes     = 8 << 20
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 5 * time.Second
	openTimeout   = 5 * time.Second

	retryBase = time.Second
	retryMax  = time.Minute
)

// reader receives one stream.
type reader struct {
	sub     *subscription
	access  source
	consume jetstream.ConsumeContext
	ctx     context.Context
	cancel  context.CancelFunc
	broken  atomic.Bool // must be opened again
	stopped bool

	inside sync.Mutex      // held while a message is received
	closed bool            // no message is received any more
	left   []jetstream.Msg // arrived too late to be handled
}

func (s *subscription) openReader(a source, consumer string) (*reader, error) {
	look, cancelLook := context.WithTimeout(s.ctx, openTimeout)
	defer cancelLook()
	c, err := s.js.Consumer(look, a.Name, consumer)
	if err != nil {
		return nil, fmt.Errorf("looking at the durable on %s: %w", a.Name, err)
	}
	r := &reader{sub: s, access: a}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
	r.consume, err = c.Consume(r.receive,
		jetstream.PullMaxMessagesWithBytesLimit(pullMessages, s.pullBytes),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat),
		jetstream.ConsumeErrHandler(r.trouble))
	if err != nil {
		r.cancel()
		return nil, fmt.Errorf("receiving from %s: %w", a.Name, err)
	}
	s.log.Debug("reading a stream", "stream", a.Name, "audience", a.Audience, "tlp", a.Level)
	return r, nil
}

// trouble is told what goes wrong between messages. A silent hub is asked again
// by the NATS client itself; after anything else the stream is opened anew, if
// the hub still lists it.
func (r *reader) trouble(_ jetstream.ConsumeContext, err error) {
	r.sub.log.Debug("a stream reports", "stream", r.access.Name, "error", err)
	if !errors.Is(err, jetstream.ErrNoHeartbeat) && r.sub.client.link.isUp() {
		r.broken.Store(true)
	}
	r.sub.look()
}

// stop takes no more messages. What has arrived and was not handled goes back
// to the hub at once, for whoever reads next.
func (r *reader) stop() {
	if r.stopped {
		return
	}
	r.stopped = true
	r.cancel()
	if r.sub.client.link.isUp() {
		r.consume.Drain()
	} else {
		r.consume.Stop()
	}
}

// close stops, and returns when the handler is out of this stream.
func (r *reader) close() {
	r.stop()
	<-r.consume.Closed()
	// Closed does not wait for a message that is being received.
	r.inside.Lock()
	defer r.inside.Unlock()
	r.closed = true
	// Only now: given back while there still was a request for messages, they
	// would be sent to it at once. In order, though the hub may turn them.
	slices.SortFunc(r.left, func(a, b jetstream.Msg) int { return cmp.Compare(sequence(a), sequence(b)) })
	for _, msg := range r.left {
		r.sub.finish(finished{msg: msg})
	}
	r.left = nil
}

func sequence(msg jetstream.Msg) uint64 {
	meta, err := msg.Metadata()
	if err != nil {
		return 0
	}
	return meta.Sequence.Stream
}

// receive handles one message, on the stream's own goroutine.
func (r *reader) receive(msg jetstream.Msg) {
	s := r.sub
	r.inside.Lock()
	defer r.inside.Unlock()
	switch {
	case r.closed:
		s.giveBack(msg, 0)
		return
	case r.ctx.Err() != nil:
		r.left = append(r.left, msg)
		return
	}
	s.hold(msg)
	take := r.objects
	if r.access.orders {
		take = r.order
	}
	f, err := take(msg)
	if err != nil {
		s.fail(err)
	}
	s.finish(f)
}

// unreadable is never taken for handled: it comes again until someone mends it.
func (r *reader) unreadable(msg jetstream.Msg, err error) finished {
	r.sub.touch()
	r.sub.log.Error("a message cannot be read", "error", err)
	return finished{msg: msg, delay: retryMax}
}

// objects handles a message of objects.
func (r *reader) objects(msg jetstream.Msg) (finished, error) {
	deliveries, err := open(&r.access.StreamAccess, msg)
	if err != nil {
		return r.unreadable(msg, err), nil
	}
	r.sub.turn.Lock()
	defer r.sub.turn.Unlock()
	r.sub.touch()
	defer r.sub.touch()
	return r.handle(msg, deliveries)
}

// handle calls the handler for what is new in a message.
func (r *reader) handle(msg jetstream.Msg, deliveries []Delivery) (finished, error) {
	s := r.sub
	f := finished{msg: msg}
	fresh, keys, err := s.fresh(deliveries)
	if err != nil {
		return f, err
	}
	if len(keys) > 0 {
		if err := s.seen.start(keys); err != nil {
			return f, err
		}
	}
	times := attempts(msg)
	failed := 0
	for i, d := range fresh {
		if r.ctx.Err() != nil {
			s.seen.unstarted(keys[i:])
			f.keep = true
			r.left = append(r.left, msg)
			return f, nil
		}
		if s.orders.covers(d) { // it may have been ordered since the message came
			s.seen.unstarted(keys[i : i+1])
			continue
		}
		d.Redelivered = s.seen.doubtful(keys[i], times)
		if err := s.handler(s.work, *d); err != nil {
			failed++
			s.log.Warn("the handler failed; the object will come again", "stream", d.Stream, "sequence", d.Sequence, "index", d.Index, "id", d.ID, "error", err)
			continue
		}
		f.keys = append(f.keys, keys[i])
		s.setPending(keys[i])
		if s.opts.Flush != nil {
			continue // what was only gathered dies with the process: it must come again
		}
		if err := s.seen.finished(keys[i]); err != nil {
			return f, err
		}
	}
	f.ack = failed == 0
	s.setFailing(address{r.access.Name, sequence(msg)}, failed > 0)
	if failed > 0 {
		f.delay = pause(times)
	}
	return f, nil
}

// pause is how long what failed rests before the hub sends it again.
func pause(times uint64) time.Duration {
	b := backoff{base: retryBase, max: retryMax, failures: int(min(times-1, 16))}
	return b.next()
}

// attempts is how often the hub has sent a message, 1 or more.
func attempts(msg jetstream.Msg) uint64 {
	meta, err := msg.Metadata()
	if err != nil || meta.NumDelivered == 0 {
		return 1
	}
	return meta.NumDelivered
}

// fresh picks what the options select and was not handled before.
func (s *subscription) fresh(deliveries []Delivery) ([]*Delivery, []key, error) {
	var out []*Delivery
	var keys []key
	within := map[key]bool{}
	for i := range deliveries {
		d := &deliveries[i]
		if !s.opts.wanted(d) {
			continue
		}
		k := d.key(s.opts.EveryPlace)
		known, err := s.known(k)
		if err != nil {
			return nil, nil, err
		}
		if known || within[k] {
			continue
		}
		within[k] = true
		out, keys = append(out, d), append(keys, k)
	}
	return out, keys, nil
}

func (s *subscription) known(k key) (bool, error) {
	s.mu.Lock()
	_, pending := s.pending[k]
	s.mu.Unlock()
	if pending {
		return true, nil
	}
	return s.seen.has(k)
}

func (s *subscription) setPending(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[k] = struct{}{}
}

func (s *subscription) setFailing(a address, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failing {
		s.failing[a] = struct{}{}
	} else {
		delete(s.failing, a)
	}
}
