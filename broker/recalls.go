package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix"
)

// The recalls of a hub are a stream of their own in the HUB account, that no
// export reaches: what was ordered, which messages were to be erased and who was
// told. Whatever a crash cuts short is taken up from there before anybody can
// connect, and what was recalled is known for ever, so that it is not taken
// again. They are the truth about recalls as the CTI_ streams are about objects.
const (
	recallStream   = "RECALLS"
	recallSubject  = "recall."
	recallOrdered  = recallSubject + "ordered"
	recallPlanned  = recallSubject + "planned"
	recallFinished = recallSubject + "finished"
)

// recall is an order and how far it has come.
type recall struct {
	order    order
	written  bool               // it is known to be on disk
	messages map[messageAt]bool // planned, and to be gone when it is finished
	tell     []told
	places   int
	seen     int // places that were found since it was last finished
	finished bool
	settled  bool // every seat that was told has acknowledged it
}

// recalls are all orders of a hub.
type recalls struct {
	h *Hub
	// turn is held by whoever carries one out.
	turn  chan struct{}
	due   chan struct{} // something may have to be carried out again
	queue *orderQueue

	mu     sync.RWMutex
	byName map[name][]*recall
	byID   map[string]*recall
	all    []*recall
	erased map[string]uint64 // how many messages of a stream were planned to be gone
	failed error             // why one is not carried out yet

	last uint64 // of the stream, where others may write to it; whoever has the turn

	ctx    context.Context // ends when the hub begins to close
	cancel context.CancelFunc
}

func (h *Hub) ensureRecallStream(ctx context.Context) error {
	c := StreamSettings(recallStream, recallSubject+"*")
	c.Description = "what was ordered to be forgotten"
	h.replicated(&c)
	if h.cfg.Clustered() {
		c.Subjects = append(c.Subjects, fenceSubject(recallStream))
	}
	if err := h.ensureStream(ctx, c); err != nil {
		return fmt.Errorf("making stream %s: %w", recallStream, err)
	}
	return nil
}

func (h *Hub) openRecalls(ctx context.Context) error {
	rs := &recalls{h: h, turn: make(chan struct{}, 1), due: make(chan struct{}, 1), queue: newOrderQueue(), byName: map[name][]*recall{}, byID: map[string]*recall{}, erased: map[string]uint64{}}
	rs.ctx, rs.cancel = context.WithCancel(context.Background())
	last, err := h.lastSeq(ctx, recallStream)
	if err != nil {
		return err
	}
	rs.last = last
	gone := map[messageAt]bool{}
	read, src := uint64(0), h.source()
	src.fences = true
	err = src.Messages(ctx, recallStream, 1, last, func(m catalog.Message) error {
		if read++; isFence(m.Subject) {
			return nil
		}
		if err := rs.read(gone, m); err != nil {
			return fmt.Errorf("message %d of %s: %w", m.Seq, recallStream, err)
		}
		return nil
	})
	if err == nil && read < last {
		// What they took back must not come to light again.
		err = fmt.Errorf("%s holds %d messages, of which %d can be read: the store is damaged; restore it, then start again", recallStream, last, read)
	}
	h.recalls = rs
	return err
}

// read takes in one stored message. gone are the messages that were planned to be
// gone so far.
func (rs *recalls) read(gone map[messageAt]bool, m catalog.Message) error {
	switch m.Subject {
	case recallOrdered:
		r := &recall{written: true}
		if err := json.Unmarshal(m.Data, &r.order); err != nil {
			return err
		}
		if rs.byID[r.order.Recall] == nil { // else a write that was tried again
			rs.add(r)
		}
	case recallPlanned:
		var p plan
		if err := json.Unmarshal(m.Data, &p); err != nil {
			return err
		}
		p.Messages = slices.DeleteFunc(p.Messages, func(at messageAt) bool { return gone[at] })
		for _, at := range p.Messages {
			gone[at] = true
		}
		if r := rs.byID[p.Recall]; r != nil {
			rs.planned(r, &p)
		}
	case recallFinished:
		var f finish
		if err := json.Unmarshal(m.Data, &f); err != nil {
			return err
		}
		if r := rs.byID[f.Recall]; r != nil {
			rs.finished(r, &f)
		}
	}
	return nil
}

// writesAtOnce bounds how many records are on their way to a disk.
const writesAtOnce = 256

// write stores records and returns when all are on disk.
func (rs *recalls) write(ctx context.Context, subject string, records ...any) error {
	if rs.h.isDeposed() {
		return errDeposed
	}
	err := rs.writeAll(ctx, subject, records)
	if err != nil && rs.h.lead != nil {
		// What became of it is known once the stream is read again from its end.
		err = errors.Join(err, rs.findEnd(ctx))
	}
	return err
}

// findEnd takes the end of the stream for what the next record follows, unless another
// node writes there: after it, nothing of what was given up is stored any more.
func (rs *recalls) findEnd(ctx context.Context) error {
	last, err := rs.h.lastSeq(ctx, recallStream)
	if err != nil {
		return err
	}
	for seq := rs.last + 1; seq <= last; seq++ {
		m, err := rs.h.storedMsg(ctx, recallStream, seq)
		if err != nil {
			return err
		}
		if isFence(m.Subject) {
			rs.h.depose("another node began to recall")
			return errNotNow
		}
	}
	rs.last = last
	return nil
}

func (rs *recalls) writeAll(ctx context.Context, subject string, records []any) error {
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	for some := range slices.Chunk(records, writesAtOnce) {
		sent := make([]jetstream.PubAckFuture, 0, len(some))
		for _, record := range some {
			b, err := json.Marshal(record)
			if err != nil {
				return fmt.Errorf("writing down a recall: %w", err)
			}
			opts := []jetstream.PublishOpt{jetstream.WithExpectStream(recallStream)}
			if rs.h.lead != nil {
				// Not after another node began to recall (fence.go).
				opts = append(opts, jetstream.WithExpectLastSequence(rs.last), jetstream.WithRetryAttempts(0))
				rs.last++
			}
			ack, err := rs.h.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: b}, opts...)
			if err != nil {
				return fmt.Errorf("writing down a recall: %w", err)
			}
			sent = append(sent, ack)
		}
		for _, ack := range sent {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				return fmt.Errorf("writing down a recall: %w", err)
			case <-ctx.Done():
				return fmt.Errorf("writing down a recall: %w", ctx.Err())
			}
		}
	}
	return nil
}

func (rs *recalls) add(r *recall) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	n := r.order.name()
	rs.byName[n] = append(rs.byName[n], r)
	rs.byID[r.order.Recall] = r
	rs.all = append(rs.all, r)
}

func (rs *recalls) planned(r *recall, p *plan) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.finished, r.settled = false, false
	if r.messages == nil {
		r.messages = map[messageAt]bool{}
	}
	for _, at := range p.Messages {
		if !r.messages[at] {
			r.messages[at] = true
			rs.erased[at.Stream]++
		}
	}
	for _, t := range p.Tell {
		if !slices.ContainsFunc(r.tell, func(u told) bool { return u.Member == t.Member && u.Level == t.Level }) {
			r.tell = append(r.tell, t)
		}
	}
}

func (rs *recalls) finished(r *recall, f *finish) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r.finished, r.tell, r.messages = true, f.Told, nil
	r.places, r.seen = f.Places, 0
}

// covering returns an order that takes a version of an object away from an
// audience at a level, as it is now; nil if there is none.
func (rs *recalls) covering(n name, version, audience string, level stix.Level) *recall {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, r := range rs.byName[n] {
		if r.order.covers(version, audience, level) {
			c := r.copied()
			return &c
		}
	}
	return nil
}

// of lists the orders about an object, the newest first.
func (rs *recalls) of(n name) []recall {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	var out []recall
	for _, r := range slices.Backward(rs.byName[n]) {
		out = append(out, r.copied())
	}
	return out
}

// copied is good to read without the lock.
func (r *recall) copied() recall {
	c := *r
	c.tell, c.messages = slices.Clone(r.tell), nil
	return c
}

// unsettled are those that some seat may not have acknowledged.
func (rs *recalls) unsettled() []recall {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	var out []recall
	for _, r := range rs.all {
		if !r.settled {
			out = append(out, r.copied())
		}
	}
	return out
}

func (rs *recalls) settle(id string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byID[id]; r != nil {
		r.settled = true
	}
}

// planned messages of a stream are not missing when they are not there.
func (rs *recalls) erasedOf(stream string) (n uint64) {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return rs.erased[stream]
}

func (rs *recalls) fail(err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.failed = err
}

// check says why a recall is not carried out, nil if all are.
func (rs *recalls) check() error {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	if rs.failed != nil {
		return fmt.Errorf("a recall is not carried out yet; the hub keeps trying: %w", rs.failed)
	}
	return nil
}

// resume carries out what the last run left. What cannot be carried out does not
// keep the hub closed: it was not answered as done, /readyz tells of it, and it is
// tried again.
func (rs *recalls) resume(ctx context.Context) {
	if err := rs.carryOutAll(ctx); err != nil {
		rs.fail(err)
		rs.look()
		rs.h.log.Error("recalls are not carried out yet; trying again until they are", "error", err)
	}
}

// look has every order looked at again soon.
func (rs *recalls) look() {
	select {
	case rs.due <- struct{}{}:
	default:
	}
}

// lookAgain is how often what failed is tried again.
const lookAgain = 5 * time.Second

// follow carries out again what failed, or what a write that came late brought
// back, until the hub closes.
func (rs *recalls) follow(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-rs.due:
		case <-tick.C:
			if rs.check() == nil {
				continue
			}
		}
		err := rs.carryOutAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if rs.fail(err); err != nil {
			rs.h.log.Error("a recall is not carried out yet; trying again", "error", err)
		}
	}
}

// carryOutAll finishes what is not finished, and does again what is no longer so.
func (rs *recalls) carryOutAll(ctx context.Context) error {
	if err := rs.take(ctx); err != nil {
		return err
	}
	defer rs.leave()
	if err := rs.h.writers.settleDoubts(ctx); err != nil {
		return err
	}
	rs.mu.RLock()
	all := slices.Clone(rs.all)
	rs.mu.RUnlock()
	var due []*recall
	for _, r := range all {
		if rs.isFinished(r) {
			found, err := rs.find(ctx, &r.order)
			if err != nil {
				return err
			}
			if len(found.places) == 0 {
				continue
			}
		}
		due = append(due, r)
	}
	if len(due) == 0 {
		return nil
	}
	var errs []error
	for i, err := range rs.carryOutEach(ctx, due) {
		if err != nil {
			errs = append(errs, fmt.Errorf("recall %s: %w", due[i].order.Recall, err))
		}
	}
	return errors.Join(errs...)
}

// standing returns an order that says the same, nil if there is none.
func (rs *recalls) standing(o *order) *recall {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, r := range slices.Backward(rs.byName[o.name()]) {
		if r.order.Version == o.Version && r.order.From == o.From && r.order.Before == "" && r.order.UpTo <= o.UpTo {
			return r
		}
	}
	return nil
}

// take waits for the turn to carry out a recall; leave gives it up.
func (rs *recalls) take(ctx context.Context) error {
	select {
	case rs.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (rs *recalls) leave() { <-rs.turn }

func (rs *recalls) isFinished(r *recall) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return r.finished
}
