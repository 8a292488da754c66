package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/selat-hub/selat/stix"
)

var errBroken = errors.New("the store failed to write")

// fail leaves a round to be mended. A later round that did get through is left
// there too: the index takes a stream in order only.
func (w *writer) fail(r *round, err error) {
	w.mu.Lock()
	w.failed = append(w.failed, r.items...)
	w.doubted = append(w.doubted, r.stamps()...)
	first := !w.stale
	w.stale = true
	w.mu.Unlock()
	if first {
		w.h.log.Warn("a write was not acknowledged; catching up with the stream", "stream", w.stream, "objects", len(r.items), "error", err)
	}
	w.nudge()
}

// mend catches up with the stream after a failure, settles what proves to be
// stored and writes the rest again, one round at a time, with nothing else in
// flight. What cannot be stored is refused as unavailable.
func (w *writer) mend(ctx context.Context) {
	// What waits is looked at too: it may be a second try of something that was
	// given up and got through late.
	w.mu.Lock()
	left := append(w.failed, w.pending...)
	w.failed, w.pending, w.bytes = nil, nil, 0
	w.mu.Unlock()
	slices.SortStableFunc(left, func(a, b *item) int { return cmp.Compare(a.order, b.order) })
	var err error
	for try := range writeTries {
		if w.h.isDeposed() {
			err = errDeposed
			break
		}
		if w.h.broken.Load() {
			err = errBroken // no try can succeed, and each would wait for an answer in vain
			break
		}
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
			w.undoubt()
			return
		}
	}
	w.mu.Lock()
	w.stale = true
	// Those that came meanwhile would fare no better, and must not wait for
	// ever.
	left = append(left, w.pending...)
	w.pending, w.bytes = nil, 0
	w.mu.Unlock()
	w.h.log.Error("a write failed for good; its submitters are told to send again", "stream", w.stream, "objects", len(left), "error", err)
	for _, it := range left {
		w.ws.ledger.doubt(it.entry.name(), w.stream, it.entry.object.level)
		w.refuse(it, it.entry.refusal("unavailable", "the hub could not store the object now; send the same bytes again"))
	}
}

// undoubt settles the stamps of rounds that failed, once the stream was caught up
// with: what of them was stored is in the index. The rest was written again in its
// place, so that the engine would refuse it now, or given up; then the engine has
// answered a later question, and nothing of them is on its way any more.
func (w *writer) undoubt() {
	w.mu.Lock()
	stamps := w.doubted
	w.doubted = nil
	w.mu.Unlock()
	w.ws.ledger.undoubt(w.stream)
	if len(stamps) > 0 {
		w.h.recalls.look() // what came late may be of an object that was recalled
	}
	w.ws.clock.settle(stamps...)
}

func (w *writer) refuse(it *item, f stix.Finding) {
	it.entry.receipt.refuseLine(it.line, f)
	w.h.placed(it.entry)
}

// writeAgain writes items in rounds of the usual size and returns those it did
// not get to.
func (w *writer) writeAgain(ctx context.Context, items []*item) ([]*item, error) {
	for len(items) > 0 {
		n, _ := firstRound(items)
		r := w.compose(items[:n])
		err := w.send(ctx, r)
		if err == nil {
			err = w.complete(r)
		}
		if err != nil {
			w.mu.Lock()
			w.doubted = append(w.doubted, r.stamps()...)
			w.mu.Unlock()
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
	if err := w.settleSent(ctx); err != nil {
		return err
	}
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

// settleSent makes sure that nothing which was given up is stored from now on. A hub of
// one node has only one engine, which has answered a later question; in a cluster what
// one node proposed may be taken up by another that comes to lead the stream.
func (w *writer) settleSent(ctx context.Context) error {
	if w.h.lead == nil {
		return nil
	}
	w.mu.Lock()
	doubted := len(w.doubted) > 0
	w.mu.Unlock()
	if !doubted {
		return nil
	}
	_, err := w.h.fence(ctx, w.stream)
	return err
}

// settleStored settles the items that catching up found in the stream.
func (w *writer) settleStored(items []*item) ([]*item, error) {
	var left []*item
	for i, it := range items {
		stored, _, no, err := w.h.compare(it.entry)
		if err != nil {
			return append(left, items[i:]...), fmt.Errorf("reading the index: %w", err)
		}
		if no != nil {
			w.refuse(it, *no)
			continue
		}
		p, there := placedIn(stored, it.stream.Audience, it.entry.object.level)
		if !there {
			left = append(left, it)
			continue
		}
		it.place = p
		w.settle(it)
	}
	return left, nil
}
