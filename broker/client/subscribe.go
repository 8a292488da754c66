package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// Handler takes one object. When it returns nil the object is recorded and
// acknowledged, and does not come again; when it returns an error the object
// comes again after a pause, and others go on meanwhile. It is never called by
// two goroutines at a time. Its context ends SubscribeOptions.Grace after
// that of Subscribe.
type Handler func(ctx context.Context, d Delivery) error

// SubscribeOptions says what to receive and what to remember.
type SubscribeOptions struct {
	// StateDir is a folder that remembers what was handled, so that nothing is
	// repeated across restarts. Empty remembers in memory only.
	StateDir string
	// Types and Origins select at the client; empty is all. What they leave
	// out is acknowledged, and does not come again when they change.
	Types, Origins []string
	// Since is where to begin at the very first start of this state. Streams
	// this seat has already read go on where it stopped.
	Since Start
	// Replay forgets what was handled and goes back (or forward) to these. One that
	// the hub refuses, or of a stream that the seat does not read, is logged and passed
	// over; Subscribe ends with ErrNotReplayed if none is left.
	Replay []Start
	// EveryPlace hands over an object once for each audience it came through,
	// instead of once. Who keeps objects needs it to know, when one is recalled
	// from one audience, whether it is held through another.
	EveryPlace bool
	// OnRecall is told what is to be forgotten. It is never called while the
	// handler is, is called again after a pause when it returned an error, and
	// once it returned nil the order is acknowledged to the hub, which shows its
	// origin that this seat has forgotten. Orders that leave this seat what it
	// has (Keeps) are for OnNarrowed. An order may be about an object that was
	// never handed over, and the same may come again under another level.
	//
	// With or without OnRecall, an object that is covered by an order which has
	// arrived is not handed over any more, and the orders that wait for the seat
	// when Subscribe begins are taken before its first object.
	OnRecall func(ctx context.Context, o api.RecallOrder) error
	// OnNarrowed is told, as OnRecall is, of orders that leave this seat what it
	// has: later versions than those covered stand under the stricter level Unless.
	// The hub has the covered ones no more and gives them to nobody. One that comes
	// after something was recalled of its object, though it was given before, is for
	// OnRecall: had it come in time, the recall would have taken what it left.
	OnNarrowed func(ctx context.Context, o api.RecallOrder) error
	// Forgotten, when set, is called before orders are acknowledged that OnRecall and
	// OnNarrowed took, once for many: what they only noted is to be carried out by
	// then, wherever the objects went. After an error the orders come again, after a
	// pause, and Forgotten is called again without OnRecall; a Subscribe with Idle
	// ends with ErrNotForgotten. It may be called while the handler has an object.
	Forgotten func(ctx context.Context) error
	// Flush, when set, is called before what the handler took is recorded and
	// acknowledged, once for many objects: a handler that only gathers has written
	// by then, and has again what it had not when its process died. It may be
	// called while the handler has the next object. An error ends Subscribe, and
	// what it was about comes again.
	Flush func() error
	// Idle, when set, makes Subscribe return nil once it is connected, nothing
	// was delivered for this long, and nothing is waiting.
	Idle time.Duration
	// Refresh is how often the hub is asked for streams; default 10 s.
	Refresh time.Duration
	// Grace is how long the handler may go on with its object after the
	// context of Subscribe ended; default 20 s.
	Grace time.Duration
}

// Subscribe hands every object this seat may read to handler, until ctx ends
// or Idle has passed; both are no error. It follows the seat's rights as they
// change, and the hub across restarts.
//
// Objects of one stream come in the order they were stored, except what comes
// again: after the handler failed, or because Subscribe ended with messages on
// their way. See the package comment for what is guaranteed about repeats.
func (c *Client) Subscribe(ctx context.Context, handler Handler, o SubscribeOptions) (err error) {
	if o.Refresh <= 0 {
		o.Refresh = 10 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 20 * time.Second
	}
	s := &subscription{client: c, opts: o, handler: handler, log: c.log, readers: map[string]*reader{},
		kick: make(chan struct{}, 1), done: make(chan finished, recorderQueue),
		ordered: make(chan struct{}, 1), forgetting: make(chan struct{}, 1), pending: map[key]struct{}{}, held: map[jetstream.Msg]struct{}{}, failing: map[address]struct{}{}}
	if s.js, err = jetstream.NewWithAPIPrefix(c.nc, api.APIPrefix); err != nil {
		return fmt.Errorf("preparing to receive: %w", err)
	}
	if s.seen = seen(newMemorySeen()); o.StateDir != "" {
		disk, err := openSeen(o.StateDir, c.log)
		if err != nil {
			return err
		}
		s.seen = disk
	}
	defer func() { err = errors.Join(err, s.seen.close()) }()
	if s.orders, err = openOrders(s.seen); err != nil {
		return err
	}
	me, err := c.Whoami(ctx)
	if err != nil {
		return quietly(ctx, err)
	}
	if me.Kind == string(policy.Publisher) {
		return fmt.Errorf("seat %s only publishes: subscribe with a seat of kind subscriber or both", me.Seat)
	}
	s.pullBytes = max(pullBytes, me.Limits.PayloadBytes+headerRoom)
	streams, err := c.Streams(ctx)
	if err != nil {
		return quietly(ctx, err)
	}
	if err := s.position(ctx, streams.Streams); err != nil {
		return quietly(ctx, err)
	}
	return quietly(ctx, s.run(ctx, streams))
}

// quietly makes the end of ctx no error, unless it has a cause of its own.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// subscription is one Subscribe under way. Its goroutines: this one supervises
// the streams; one records and acknowledges; one keeps slow messages alive; one has
// orders acknowledged (Forgotten); and
// each stream's messages arrive on a goroutine of the NATS client, where the
// handler runs, one at a time.
type subscription struct {
	client    *Client
	opts      SubscribeOptions
	handler   Handler
	log       *slog.Logger
	js        jetstream.JetStream
	seen      seen
	orders    *orders
	pullBytes int

	readers map[string]*reader // of the supervisor alone
	kick    chan struct{}      // look at the streams now
	ordered chan struct{}      // an order was handled
	done    chan finished      // to the recorder
	fail    context.CancelCauseFunc
	// forgetting wakes the forgetter.
	forgetting chan struct{}
	ctx        context.Context // ends with Subscribe's, or with fail
	work       context.Context // the handler's

	turn     sync.Mutex // held while a message is handled
	lastSeen atomic.Int64

	mu      sync.Mutex
	pending map[key]struct{} // handled, not yet recorded
	held    map[jetstream.Msg]struct{}
	failing map[address]struct{}
	taken   []finished // orders for the forgetter
	// unforgotten is why they are not acknowledged.
	unforgotten error
}

// address of a message.
type address struct {
	stream   string
	sequence uint64
}

func (s *subscription) run(ctx context.Context, streams *api.Streams) error {
	ctx, s.fail = context.WithCancelCause(ctx)
	s.ctx = ctx
	defer s.fail(nil)
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	s.work = work
	defer endWork()

	var tasks, recorder sync.WaitGroup
	recorder.Go(s.record)
	tasks.Go(func() { s.keepAlive(work) })
	tasks.Go(func() { s.forgetter(work) })
	tasks.Go(func() { s.grace(ctx, endWork) })
	err := s.supervise(ctx, streams)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	s.fail(nil)
	s.closeReaders()
	close(s.done)
	recorder.Wait()
	endWork()
	tasks.Wait()
	return err
}

// grace ends the handler's context some time after ctx.
func (s *subscription) grace(ctx context.Context, endWork context.CancelFunc) {
	select {
	case <-ctx.Done():
	case <-s.work.Done():
		return
	}
	t := time.NewTimer(s.opts.Grace)
	defer t.Stop()
	select {
	case <-t.C:
		endWork()
	case <-s.work.Done():
	}
}

// supervise opens and closes readers as the seat's rights change.
func (s *subscription) supervise(ctx context.Context, streams *api.Streams) error {
	s.touch()
	s.follow(ctx, s.firstOrders(ctx, streams))
	refresh := time.NewTicker(s.opts.Refresh)
	defer refresh.Stop()
	idle := time.NewTicker(max(s.opts.Idle/4, time.Millisecond))
	defer idle.Stop()
	if s.opts.Idle <= 0 {
		idle.Stop()
	}
	again := backoff{base: reconnectBase, max: reconnectMax}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-idle.C:
			if s.sinceTouched() < s.opts.Idle || !s.client.link.isUp() {
				continue
			}
			if over, err := s.isIdle(ctx); over || err != nil {
				return err
			}
		case <-refresh.C:
			again.failures = 0
			s.refresh(ctx)
		case <-s.kick:
			if err := again.wait(ctx); err != nil {
				return nil
			}
			s.refresh(ctx)
		}
	}
}

// refresh asks for the streams again. An answer that does not come changes
// nothing: what is open stays open.
func (s *subscription) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	streams, err := s.client.Streams(ctx)
	if err != nil {
		if errors.Is(err, ErrClosed) {
			s.fail(err)
		}
		if ctx.Err() == nil {
			s.log.Warn("the hub does not tell the streams of this seat", "error", err)
		}
		return
	}
	s.follow(ctx, streams)
}

// isIdle reports whether nothing is waiting for this seat, here or at the hub.
func (s *subscription) isIdle(ctx context.Context) (bool, error) {
	s.mu.Lock()
	busy := len(s.failing)+len(s.held) > 0
	s.mu.Unlock()
	if busy {
		return false, nil
	}
	streams, err := s.client.Streams(ctx)
	if err != nil {
		return false, quietly(ctx, err)
	}
	s.follow(ctx, streams)
	for _, a := range followed(streams) {
		if s.waits(&a) || s.readers[a.Name] == nil {
			return false, nil
		}
	}
	if s.sinceTouched() < s.opts.Idle {
		return false, nil
	}
	return true, s.notForgotten()
}

// source is a stream that is followed: of objects, or of the orders about them.
type source struct {
	api.StreamAccess
	orders bool
}

// followed lists what a seat may read, its orders first.
func followed(streams *api.Streams) []source {
	var out []source
	if c := streams.Control; c != nil {
		out = append(out, source{api.StreamAccess{Name: c.Name, Last: c.Last, Delivered: c.Delivered, AckFloor: c.AckFloor, Pending: c.Pending}, true})
	}
	for _, a := range streams.Streams {
		out = append(out, source{a, false})
	}
	return out
}

// follow opens a reader on each stream that has none, and closes those of
// streams the seat may no longer read, leaving the others alone.
func (s *subscription) follow(ctx context.Context, streams *api.Streams) {
	open := map[string]bool{}
	for _, a := range followed(streams) {
		open[a.Name] = true
		r := s.readers[a.Name]
		if r != nil && !r.broken.Load() {
			continue
		}
		if r != nil {
			r.close()
			delete(s.readers, a.Name)
		}
		r, err := s.openReader(a, streams.Consumer)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("a stream cannot be opened; trying again", "stream", a.Name, "error", err)
			}
			s.look()
			continue
		}
		s.readers[a.Name] = r
	}
	for name, r := range s.readers {
		if !open[name] {
			s.log.Info("this seat may no longer read a stream", "stream", name)
			r.close()
			delete(s.readers, name)
		}
	}
}

func (s *subscription) closeReaders() {
	// All stop taking messages before the first is waited for.
	for _, r := range s.readers {
		r.stop()
	}
	for _, r := range s.readers {
		r.close()
	}
}

// look makes the supervisor look at the streams soon.
func (s *subscription) look() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *subscription) touch() { s.lastSeen.Store(time.Now().UnixNano()) }

func (s *subscription) sinceTouched() time.Duration {
	return time.Since(time.Unix(0, s.lastSeen.Load()))
}

// wanted reports whether the options select an object.
func (o *SubscribeOptions) wanted(d *Delivery) bool {
	return (len(o.Types) == 0 || slices.Contains(o.Types, d.Type)) &&
		(len(o.Origins) == 0 || slices.Contains(o.Origins, d.Origin))
}
