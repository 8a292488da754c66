package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Group commit. Each stream has one writer. While one write is under way the
// next is gathered, so nothing lingers and a busy stream writes large
// messages. Every write says which sequence it expects to follow: if anything
// else wrote, or an answer was lost, the writer first catches up with the
// stream and then looks again at what is left to write.
const (
	// roundBytes bounds one round of a writer, so that an early submission's
	// receipt does not wait for a late one's bytes.
	roundBytes = 4 << 20
	// batchFrom messages or more go as one atomic batch; a batch costs 4-6 ms
	// in the engine, and below this plain publishes win.
	batchFrom = 16
	// maxBatch is the engine's own bound for an atomic batch.
	maxBatch = 1000
	// writeTimeout is how long one write may take before the writer asks the
	// stream what became of it.
	writeTimeout = 10 * time.Second
	// writeTries bounds how often a write is tried before the submitter is
	// told to send again.
	writeTries = 5
)

// item is one object on its way into one stream.
type item struct {
	entry  *entry
	line   int // in the receipt
	stream policy.Stream
	fresh  bool // the index knew nothing of this version
	place  catalog.Place
}

// writers has one writer for each stream that something was written to.
type writers struct {
	h      *Hub
	ledger *ledger
	clock  clock

	mu     sync.Mutex
	byName map[string]*writer
	closed bool
	stop   context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newWriters(h *Hub) *writers {
	ctx, cancel := context.WithCancel(context.Background())
	return &writers{h: h, ledger: newLedger(), byName: map[string]*writer{}, stop: ctx, cancel: cancel, clock: clock{last: h.lastAdded}}
}

// close ends the writers; the intake has ended before, so nothing is pending.
func (ws *writers) close() {
	ws.mu.Lock()
	ws.closed = true
	ws.mu.Unlock()
	ws.cancel()
	ws.wait.Wait()
}

func (ws *writers) of(stream string) *writer {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.byName[stream]
	if w == nil {
		w = &writer{ws: ws, h: ws.h, stream: stream, wake: make(chan struct{}, 1), stale: true}
		ws.byName[stream] = w
		ws.wait.Add(1)
		go func() { defer ws.wait.Done(); w.run(ws.stop) }()
	}
	return w
}

// writer is the only writer of one stream on this node.
type writer struct {
	ws     *writers
	h      *Hub
	stream string
	wake   chan struct{}

	mu      sync.Mutex
	pending []*item

	// Only the writer's goroutine touches these.
	last  uint64 // sequence the index has applied
	stale bool   // last must be read again before the next write
}

func (w *writer) add(it *item) {
	w.mu.Lock()
	w.pending = append(w.pending, it)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for round := w.gather(); len(round) > 0; round = w.gather() {
			w.write(ctx, round)
		}
	}
}

// gather takes what has come in, up to roundBytes.
func (w *writer) gather() []*item {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < len(w.pending) && (n == 0 || size+len(w.pending[n].entry.object.Raw) <= roundBytes) {
		size += len(w.pending[n].entry.object.Raw)
		n++
	}
	round := w.pending[:n:n]
	w.pending = w.pending[n:]
	if len(w.pending) == 0 {
		w.pending = nil
	}
	return round
}

// write stores a round and settles each of its items, whatever happens.
func (w *writer) write(ctx context.Context, round []*item) {
	var err error
	for try := range writeTries {
		if try > 0 {
			w.h.Metrics.WriteRetries.Inc()
			w.pause(ctx, try)
		}
		if w.stale {
			if err = w.catchUp(ctx); err != nil {
				continue
			}
			// Some may have been stored although no answer came.
			if round, err = w.settleStored(round); err != nil || len(round) == 0 {
				if err == nil {
					return
				}
				continue
			}
		}
		if err = w.store(ctx, round); err == nil {
			return
		}
		w.stale = true
		w.h.log.Warn("a write was not acknowledged; catching up with the stream", "stream", w.stream, "objects", len(round), "error", err)
	}
	w.h.log.Error("a write failed for good; its submitters are told to send again", "stream", w.stream, "objects", len(round), "error", err)
	for _, it := range round {
		it.entry.receipt.refuseLine(it.line, stix.Finding{Code: "unavailable", Path: it.entry.object.Pointer,
			Message: "the hub could not store the object now; send the same bytes again"})
		w.h.placed(it.entry)
	}
}

func (w *writer) pause(ctx context.Context, try int) {
	t := time.NewTimer(time.Duration(try*try) * 50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// catchUp applies to the index whatever the stream holds beyond it.
func (w *writer) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	last, _, err := w.h.catchUp(ctx, w.stream)
	if err != nil {
		return err
	}
	w.last, w.stale = last, false
	return nil
}

// settleStored settles the items that catching up found in the stream.
func (w *writer) settleStored(round []*item) ([]*item, error) {
	var left []*item
	for _, it := range round {
		stored, known, err := w.h.index.Get(it.entry.key)
		if err != nil {
			return round, fmt.Errorf("reading the index: %w", err)
		}
		p, there := placedIn(stored, it.stream.Audience, it.entry.object.level)
		if !there || stored.Hash != it.entry.object.Hash {
			it.fresh = !known
			left = append(left, it)
			continue
		}
		it.place = p
		w.settle(it)
	}
	return left, nil
}

func (w *writer) settle(it *item) {
	it.entry.receipt.settle(it.line, api.Accepted, it.place, it.entry.object.marking.Level == stix.NoLevel)
	w.h.placed(it.entry)
}

// store writes a round's messages and, when all are on disk, applies them to
// the index and settles their items.
func (w *writer) store(ctx context.Context, round []*item) error {
	messages := w.compose(round)
	started := time.Now()
	if err := w.publish(ctx, messages); err != nil {
		return err
	}
	took := time.Since(started)
	w.h.Metrics.WriteSeconds.Observe(took.Seconds())
	w.h.Metrics.BatchObjects.Observe(float64(len(round)))
	w.h.Metrics.BatchMessages.Observe(float64(len(messages)))
	records := make([]catalog.Record, 0, len(round))
	for i, m := range messages {
		seq := w.last + uint64(i) + 1
		for j, it := range m.items {
			it.place = catalog.Place{Stream: w.stream, Seq: seq, Index: j, Audience: it.stream.Audience, Level: it.stream.Level,
				Added: m.added + int64(j), Supporting: it.entry.object.supporting}
			records = append(records, catalog.Record{Key: it.entry.key, Hash: it.entry.object.Hash, Place: it.place,
				Definition: it.entry.object.Definition != nil, Fresh: it.fresh})
		}
	}
	w.last += uint64(len(messages))
	w.h.lags.stored(w.stream, w.last, time.Now())
	if err := w.h.index.Apply(w.stream, w.last, records); err != nil {
		// They are on disk; the index will say so once it has caught up.
		return fmt.Errorf("applying to the index: %w", err)
	}
	for _, it := range round {
		w.settle(it)
	}
	return nil
}

// message is one STIX bundle of objects of one subject.
type message struct {
	msg   *nats.Msg
	items []*item
	added int64
	size  int
}

// compose makes the messages of a round: one subject each, objects' bytes
// spliced in unchanged, in the order they came.
func (w *writer) compose(round []*item) []*message {
	type group struct {
		subject              string
		unmarked, supporting bool
	}
	open := map[group]*message{}
	groups := map[*message]group{}
	var out []*message
	for _, it := range round {
		o := it.entry.object
		g := group{it.entry.receipt.sub.region.Subject(it.stream, it.entry.key.Origin, o.Type), o.marking.Level == stix.NoLevel, o.supporting}
		m := open[g]
		if m == nil || m.size+len(o.Raw) > w.h.cfg.Store.MessageBytes {
			m = &message{}
			open[g], groups[m] = m, g
			out = append(out, m)
		}
		m.items = append(m.items, it)
		m.size += len(o.Raw) + 1
	}
	for _, m := range out {
		g := groups[m]
		raws := make([][]byte, len(m.items))
		for i, it := range m.items {
			raws[i] = it.entry.object.Raw
		}
		m.added = w.ws.clock.next(len(m.items))
		first := m.items[0]
		m.msg = nats.NewMsg(g.subject)
		m.msg.Data = stix.AppendBundle(make([]byte, 0, m.size+stix.BundleOverhead()), "bundle--"+uuid.NewString(), raws...)
		hd := m.msg.Header
		hd.Set(api.HeaderAdded, formatAdded(m.added))
		hd.Set(api.HeaderOrigin, first.entry.key.Origin)
		hd.Set(api.HeaderAudience, first.stream.Audience)
		hd.Set(api.HeaderLevel, first.stream.Level.String())
		if g.unmarked {
			hd.Set(api.HeaderUnmarkedLevel, first.stream.Level.String())
		}
		if g.supporting {
			hd.Set(api.HeaderSupporting, "true")
		}
	}
	return out
}

// publish writes messages so that the k-th follows sequence last+k, and
// returns when the engine has acknowledged, that is synced, all of them.
func (w *writer) publish(ctx context.Context, messages []*message) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	last := w.last
	for len(messages) > 0 {
		n := min(len(messages), maxBatch)
		var err error
		if n >= batchFrom {
			err = w.publishBatch(ctx, messages[:n], last)
		} else {
			err = w.publishEach(ctx, messages[:n], last)
		}
		if err != nil {
			return err
		}
		last += uint64(n)
		messages = messages[n:]
	}
	return nil
}

func (w *writer) publishEach(ctx context.Context, messages []*message, last uint64) error {
	futures := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		f, err := w.h.js.PublishMsgAsync(m.msg, jetstream.WithExpectStream(w.stream), jetstream.WithExpectLastSequence(last+uint64(i)), jetstream.WithRetryAttempts(0))
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		futures[i] = f
	}
	var errs []error
	for i, f := range futures {
		select {
		case ack := <-f.Ok():
			if ack.Sequence != last+uint64(i)+1 {
				errs = append(errs, fmt.Errorf("stored at sequence %d, expected %d", ack.Sequence, last+uint64(i)+1))
			}
		case err := <-f.Err():
			errs = append(errs, err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for an acknowledgement: %w", ctx.Err())
		}
	}
	return errors.Join(errs...)
}

func (w *writer) publishBatch(ctx context.Context, messages []*message, last uint64) error {
	b, err := jetstreamext.NewBatchPublisher(w.h.js)
	if err != nil {
		return fmt.Errorf("opening a batch: %w", err)
	}
	for i, m := range messages[:len(messages)-1] {
		var opts []jetstreamext.BatchMsgOpt
		if i == 0 {
			opts = append(opts, jetstreamext.WithBatchExpectLastSequence(last))
		}
		if err := b.AddMsg(m.msg, opts...); err != nil {
			return errors.Join(fmt.Errorf("adding to a batch: %w", err), b.Discard())
		}
	}
	ack, err := b.CommitMsg(ctx, messages[len(messages)-1].msg)
	if err != nil {
		return fmt.Errorf("committing a batch: %w", err)
	}
	if want := last + uint64(len(messages)); ack.Sequence != want {
		return fmt.Errorf("batch stored up to sequence %d, expected %d", ack.Sequence, want)
	}
	return nil
}

// clock stamps date_added: microseconds, strictly rising over everything the
// hub accepts, even when the machine's clock goes back.
type clock struct {
	mu   sync.Mutex
	last int64
}

// next reserves n microseconds and returns the first.
func (c *clock) next(n int) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := max(time.Now().UnixMicro(), c.last+1)
	c.last = first + int64(n) - 1
	return first
}
