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
	// roundsInFlight is how many rounds a writer has between it and the disk:
	// one being synced, one to follow without a gap.
	roundsInFlight = 2
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
		w = &writer{ws: ws, h: ws.h, stream: stream, wake: make(chan struct{}, 1), flight: make(chan *round, roundsInFlight-1), stale: true}
		ws.byName[stream] = w
		ws.wait.Add(2)
		go func() { defer ws.wait.Done(); w.run(ws.stop) }()
		go func() { defer ws.wait.Done(); w.finish() }()
	}
	return w
}

// writer is the only writer of one stream on this node. Its sender composes and
// sends rounds, its finisher waits for their acknowledgements, applies them to
// the index and settles them; so the engine syncs one round while the next is
// composed and the last one's receipts go out. What fails is mended by the
// sender alone, with nothing in flight.
type writer struct {
	ws     *writers
	h      *Hub
	stream string
	wake   chan struct{}
	flight chan *round
	inHand sync.WaitGroup // rounds sent and not finished

	mu      sync.Mutex
	pending []*item
	bytes   int     // of pending
	flying  int     // rounds sent and not finished
	failed  []*item // sent, and not known to be stored
	stale   bool    // the sender must catch up before it sends again

	sent uint64 // sequence of the newest message sent; the sender's own
}

// round is what one write stores.
type round struct {
	items    []*item
	messages []*message
	last     uint64 // the sequence before its first message
	started  time.Time
	acks     acks
}

func (w *writer) add(it *item) {
	w.mu.Lock()
	w.pending = append(w.pending, it)
	w.bytes += len(it.entry.object.Raw)
	w.mu.Unlock()
	w.nudge()
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) run(ctx context.Context) {
	defer close(w.flight)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for w.step(ctx) {
		}
	}
}

// step mends what failed, or sends the next round; false when there is neither.
func (w *writer) step(ctx context.Context) bool {
	w.mu.Lock()
	stale := w.stale
	w.mu.Unlock()
	if stale {
		w.inHand.Wait()
		w.mend(ctx)
		return true
	}
	items := w.gather()
	if len(items) == 0 {
		return false
	}
	r := w.compose(items)
	w.inHand.Add(1)
	if err := w.send(ctx, r); err != nil {
		w.fail(r, err)
		w.landed()
		return true
	}
	w.flight <- r
	return true
}

// finish is the finisher's loop.
func (w *writer) finish() {
	for r := range w.flight {
		if err := w.complete(r); err != nil {
			w.fail(r, err)
		}
		w.landed()
	}
}

func (w *writer) landed() {
	w.mu.Lock()
	w.flying--
	w.mu.Unlock()
	w.inHand.Done()
	w.nudge()
}

// fail leaves a round to be mended. A later round that did get through is left
// there too: the index takes a stream in order only.
func (w *writer) fail(r *round, err error) {
	w.mu.Lock()
	w.failed = append(w.failed, r.items...)
	first := !w.stale
	w.stale = true
	w.mu.Unlock()
	if first {
		w.h.log.Warn("a write was not acknowledged; catching up with the stream", "stream", w.stream, "objects", len(r.items), "error", err)
	}
	w.nudge()
}

var errOutOfTurn = errors.New("a write before this one failed")

// complete waits for a round's acknowledgements, applies it to the index and
// settles its items.
func (w *writer) complete(r *round) error {
	err := r.acks.wait(r.started.Add(writeTimeout))
	w.mu.Lock()
	stale := w.stale
	w.mu.Unlock()
	switch {
	case err != nil:
		return err
	case stale:
		return errOutOfTurn
	}
	now := time.Now()
	through := r.last + uint64(len(r.messages))
	w.h.lags.stored(w.stream, through, now)
	if err := w.h.index.Apply(w.stream, through, w.records(r)); err != nil {
		// They are on disk; the index will say so once it has caught up.
		return fmt.Errorf("applying to the index: %w", err)
	}
	w.h.Metrics.WriteSeconds.Observe(now.Sub(r.started).Seconds())
	w.h.Metrics.BatchObjects.Observe(float64(len(r.items)))
	w.h.Metrics.BatchMessages.Observe(float64(len(r.messages)))
	for _, it := range r.items {
		w.settle(it)
	}
	return nil
}

func (w *writer) records(r *round) []catalog.Record {
	records := make([]catalog.Record, 0, len(r.items))
	for i, m := range r.messages {
		for j, it := range m.items {
			it.place = catalog.Place{Stream: w.stream, Seq: r.last + uint64(i) + 1, Index: j, Audience: it.stream.Audience, Level: it.stream.Level,
				Added: m.added + int64(j), Supporting: it.entry.object.supporting}
			records = append(records, catalog.Record{Key: it.entry.key, Hash: it.entry.object.Hash, Place: it.place,
				Definition: it.entry.object.Definition != nil, Fresh: it.fresh})
		}
	}
	return records
}

// gather takes what has come in, up to roundBytes. While a round is under way
// less than a full message waits for more: each message costs the engine a
// sync, however small it is.
func (w *writer) gather() []*item {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 || w.flying > 0 && w.bytes < w.h.cfg.Store.MessageBytes {
		return nil
	}
	n, size := firstRound(w.pending)
	items := w.pending[:n:n]
	if w.pending = w.pending[n:]; len(w.pending) == 0 {
		w.pending = nil
	}
	w.bytes -= size
	w.flying++
	return items
}

// firstRound is how many of items make one round, at least one.
func firstRound(items []*item) (n, size int) {
	for n < len(items) && (n == 0 || size+len(items[n].entry.object.Raw) <= roundBytes) {
		size += len(items[n].entry.object.Raw)
		n++
	}
	return n, size
}

// mend catches up with the stream after a failure, settles what proves to be
// stored and writes the rest again, one round at a time, with nothing else in
// flight. What cannot be stored is refused as unavailable.
func (w *writer) mend(ctx context.Context) {
	w.mu.Lock()
	left := w.failed
	w.failed = nil
	w.mu.Unlock()
	var err error
	for try := range writeTries {
		if try > 0 {
			w.h.Metrics.WriteRetries.Inc()
			w.pause(ctx, try)
		}
		if err = w.catchUp(ctx); err != nil {
			continue
		}
		if left, err = w.settleStored(left); err != nil {
			continue
		}
		if left, err = w.writeAgain(ctx, left); err == nil {
			return
		}
	}
	w.h.log.Error("a write failed for good; its submitters are told to send again", "stream", w.stream, "objects", len(left), "error", err)
	w.mu.Lock()
	w.stale = true
	w.mu.Unlock()
	for _, it := range left {
		it.entry.receipt.refuseLine(it.line, stix.Finding{Code: "unavailable", Path: it.entry.object.Pointer,
			Message: "the hub could not store the object now; send the same bytes again"})
		w.h.placed(it.entry)
	}
}

// writeAgain writes items in rounds of the usual size and returns those it did
// not get to.
func (w *writer) writeAgain(ctx context.Context, items []*item) ([]*item, error) {
	for len(items) > 0 {
		n, _ := firstRound(items)
		r := w.compose(items[:n])
		if err := w.send(ctx, r); err != nil {
			return items, err
		}
		if err := w.complete(r); err != nil {
			return items, err
		}
		items = items[n:]
	}
	return nil, nil
}

func (w *writer) pause(ctx context.Context, try int) {
	t := time.NewTimer(time.Duration(try*try) * 50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// catchUp applies to the index whatever the stream holds beyond it, and goes on
// sending from there.
func (w *writer) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	last, _, err := w.h.catchUp(ctx, w.stream)
	if err != nil {
		return err
	}
	w.sent = last
	w.mu.Lock()
	w.stale = false
	w.mu.Unlock()
	return nil
}

// settleStored settles the items that catching up found in the stream.
func (w *writer) settleStored(items []*item) ([]*item, error) {
	var left []*item
	for i, it := range items {
		stored, known, err := w.h.index.Get(it.entry.key)
		if err != nil {
			return append(left, items[i:]...), fmt.Errorf("reading the index: %w", err)
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

// message is one STIX bundle of objects of one subject.
type message struct {
	msg   *nats.Msg
	items []*item
	added int64
	size  int
}

// compose makes the messages of a round: one subject each, objects' bytes
// spliced in unchanged, in the order they came.
func (w *writer) compose(items []*item) *round {
	type group struct {
		subject              string
		unmarked, supporting bool
	}
	open := map[group]*message{}
	groups := map[*message]group{}
	var out []*message
	for _, it := range items {
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
	return &round{items: items, messages: out}
}

// send hands a round to the engine so that its k-th message follows sequence
// sent+k; the engine refuses any other order. It does not wait.
func (w *writer) send(ctx context.Context, r *round) error {
	r.last, r.started = w.sent, time.Now()
	for at := 0; at < len(r.messages); {
		n := min(len(r.messages)-at, maxBatch)
		var err error
		if n >= batchFrom {
			err = w.sendBatch(ctx, r, r.messages[at:at+n])
		} else {
			err = w.sendEach(r, r.messages[at:at+n])
		}
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

func (w *writer) sendEach(r *round, messages []*message) error {
	for _, m := range messages {
		f, err := w.h.js.PublishMsgAsync(m.msg, jetstream.WithExpectStream(w.stream), jetstream.WithExpectLastSequence(w.sent), jetstream.WithRetryAttempts(0))
		if err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		w.sent++
		r.acks = append(r.acks, pendingAck{f, w.sent})
	}
	return nil
}

// sendBatch waits for its one acknowledgement: a batch is rare, and large.
func (w *writer) sendBatch(ctx context.Context, r *round, messages []*message) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	b, err := jetstreamext.NewBatchPublisher(w.h.js)
	if err != nil {
		return fmt.Errorf("opening a batch: %w", err)
	}
	for i, m := range messages[:len(messages)-1] {
		var opts []jetstreamext.BatchMsgOpt
		if i == 0 {
			opts = append(opts, jetstreamext.WithBatchExpectLastSequence(w.sent))
		}
		if err := b.AddMsg(m.msg, opts...); err != nil {
			return errors.Join(fmt.Errorf("adding to a batch: %w", err), b.Discard())
		}
	}
	ack, err := b.CommitMsg(ctx, messages[len(messages)-1].msg)
	if err != nil {
		return fmt.Errorf("committing a batch: %w", err)
	}
	want := w.sent + uint64(len(messages))
	if w.sent = want; ack.Sequence != want {
		return fmt.Errorf("batch stored up to sequence %d, expected %d", ack.Sequence, want)
	}
	return nil
}

// acks are the acknowledgements a round waits for, each with the sequence it
// must bring.
type acks []pendingAck

type pendingAck struct {
	future jetstream.PubAckFuture
	want   uint64
}

func (a acks) wait(until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	var errs []error
	for _, p := range a {
		select {
		case ack := <-p.future.Ok():
			if ack.Sequence != p.want {
				errs = append(errs, fmt.Errorf("stored at sequence %d, expected %d", ack.Sequence, p.want))
			}
		case err := <-p.future.Err():
			errs = append(errs, err)
		case <-t.C:
			return errors.Join(append(errs, errors.New("no acknowledgement in time"))...)
		}
	}
	return errors.Join(errs...)
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
