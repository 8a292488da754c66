package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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
	line   int    // in the receipt
	order  uint64 // of arrival at the writer
	stream policy.Stream
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

// settleDoubts returns when nothing of what was given up is on its way any more,
// and what got through all the same is in the index.
func (ws *writers) settleDoubts(ctx context.Context) error {
	ws.mu.Lock()
	var doubtful []*writer
	for _, w := range ws.byName {
		w.mu.Lock()
		if len(w.doubted) > 0 {
			doubtful = append(doubtful, w)
		}
		w.mu.Unlock()
	}
	ws.mu.Unlock()
	for _, w := range doubtful {
		if err := w.alone(ctx, func(context.Context) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (ws *writers) of(stream string) *writer {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.byName[stream]
	if w == nil {
		w = &writer{ws: ws, h: ws.h, stream: stream, wake: make(chan struct{}, 1), tasks: make(chan *task), flight: make(chan *round, roundsInFlight-1), stale: true}
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
	tasks  chan *task
	flight chan *round
	inHand sync.WaitGroup // rounds sent and not finished

	mu      sync.Mutex
	pending []*item
	bytes   int // of pending
	arrived uint64
	flying  int     // rounds sent and not finished
	failed  []*item // sent, and not known to be stored
	doubted []int64 // the stamps of what was
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
	w.arrived++
	it.order = w.arrived
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
	again := time.NewTicker(settleEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case t := <-w.tasks:
			w.runAlone(ctx, t)
		case <-again.C:
			w.settleDoubts(ctx)
		}
		for w.step(ctx) {
			select {
			case t := <-w.tasks: // a busy stream keeps nobody waiting
				w.runAlone(ctx, t)
			default:
			}
		}
	}
}

// task is something that is done to a stream while nothing is written to it.
type task struct {
	ctx  context.Context
	do   func(context.Context) error
	done chan error
}

var errClosing = errors.New("the hub is closing")

// alone has the writer do something with nothing in flight, and the index up to
// the stream.
func (w *writer) alone(ctx context.Context, do func(context.Context) error) error {
	t := &task{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case w.tasks <- t:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ws.stop.Done():
		return errClosing
	}
	return <-t.done
}

func (w *writer) runAlone(ctx context.Context, t *task) {
	w.inHand.Wait()
	w.mu.Lock()
	stale := w.stale
	w.mu.Unlock()
	if stale {
		w.mend(ctx)
		w.mu.Lock()
		stale = w.stale
		w.mu.Unlock()
	}
	if stale {
		t.done <- errors.New("the stream cannot be caught up with now")
		return
	}
	t.done <- t.do(t.ctx)
}

// settleEvery is how often a writer that gave a write up asks what became of it.
const settleEvery = time.Second

// settleDoubts finds out what became of writes that were given up, where nobody
// has come since whose own would have: their stamps hold the watermark of all
// streams back.
func (w *writer) settleDoubts(ctx context.Context) {
	w.mu.Lock()
	doubted := w.stale && len(w.doubted) > 0 && len(w.failed)+len(w.pending) == 0
	w.mu.Unlock()
	if !doubted {
		return
	}
	w.inHand.Wait()
	if err := w.catchUp(ctx); err == nil {
		w.undoubt()
	}
}

// step mends what failed, or sends the next round; false when there is neither.
func (w *writer) step(ctx context.Context) bool {
	w.mu.Lock()
	stale, idle := w.stale, len(w.failed)+len(w.pending) == 0
	w.mu.Unlock()
	if stale && idle {
		return false // nobody waits; the next item has it catch up
	}
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
	w.ws.clock.settle(r.stamps()...)
	for _, it := range r.items {
		w.settle(it)
	}
	return nil
}

// stamps are the reservations of a round's messages.
func (r *round) stamps() []int64 {
	stamps := make([]int64, len(r.messages))
	for i, m := range r.messages {
		stamps[i] = m.added
	}
	return stamps
}

func (w *writer) records(r *round) []catalog.Record {
	records := make([]catalog.Record, 0, len(r.items))
	for i, m := range r.messages {
		offset := stix.BundleHead()
		for j, it := range m.items {
			it.place = catalog.Place{Stream: w.stream, Seq: r.last + uint64(i) + 1, Index: j, Audience: it.stream.Audience, Level: it.stream.Level,
				Added: m.added + int64(j), Supporting: it.entry.object.supporting}
			records = append(records, catalog.RecordOf(it.entry.key.Origin, &it.entry.object.Object, it.place, offset, it.entry.object.values))
			offset += len(it.entry.object.Raw) + 1
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

func (w *writer) settle(it *item) {
	it.entry.receipt.settle(it.line, api.Accepted, it.place, it.entry.object.marking.Level == stix.NoLevel)
	w.h.placed(it.entry)
}
