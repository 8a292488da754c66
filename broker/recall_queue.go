package broker

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/selat-hub/selat/stix"
)

// Orders that come while others are carried out are carried out together: what an
// order costs most is the end of it, when the catalogue rids its files, and that is
// one cost for all of them.

// ordering waits for its order to be carried out. Until it is answered, nothing of
// the object is let onto its way to a disk.
type ordering struct {
	ctx   context.Context // of whoever ordered it; nobody, once it has ended
	order *order
	// account is that of the seat that gave the order, which must still be allowed
	// to when its turn comes; "" of other orders.
	account string
	done    chan ordered
}

// ordered is the answer: what was carried out, nothing where nothing was stored of
// what a narrowing covers.
type ordered struct {
	recall *recall
	err    error
}

// orderQueue holds what waits for the turn. Who waits in it is bounded where orders
// come from: by what may be in hand, and by requests under way.
type orderQueue struct {
	wake chan struct{}

	mu     sync.Mutex
	queued []*ordering
}

func newOrderQueue() *orderQueue { return &orderQueue{wake: make(chan struct{}, 1)} }

// order has an order carried out and returns when it is, or when the hub closes.
func (rs *recalls) order(ctx context.Context, account string, o *order) (*recall, error) {
	w, q := &ordering{ctx, o, account, make(chan ordered, 1)}, rs.queue
	q.mu.Lock()
	q.queued = append(q.queued, w)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	select {
	case out := <-w.done:
		return out.recall, out.err
	case <-rs.ctx.Done():
		return nil, errNotNow
	}
}

// orderedAtOnce bounds one round.
const orderedAtOnce = 1000

func (q *orderQueue) take() []*ordering {
	q.mu.Lock()
	defer q.mu.Unlock()
	some := q.queued[:min(len(q.queued), orderedAtOnce)]
	q.queued = q.queued[len(some):]
	return some
}

// run carries out what is queued until ctx ends.
func (q *orderQueue) run(ctx context.Context, rs *recalls) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for some := q.take(); len(some) > 0; some = q.take() {
			rs.round(ctx, some)
		}
	}
}

// round answers every ordering.
func (rs *recalls) round(ctx context.Context, some []*ordering) {
	answer := func(ws []*ordering, out ordered) {
		for _, w := range ws {
			w.done <- out
		}
	}
	if rs.take(ctx) != nil {
		answer(some, ordered{err: errNotNow})
		return
	}
	defer rs.leave()
	var narrowings, given []*ordering
	for _, w := range some {
		if w.order.By == byNarrowing {
			narrowings = append(narrowings, w)
		} else {
			given = append(given, w)
		}
	}
	orders, err := rs.storedOf(ctx, together(narrowings))
	if err != nil {
		answer(narrowings, ordered{err: err})
		narrowings, orders = nil, nil
	}
	given = rs.ready(ctx, given)
	for _, w := range given {
		orders = append(orders, w.order)
	}
	if len(orders) == 0 {
		answer(narrowings, ordered{})
		return
	}
	done, errs := rs.begin(ctx, orders...)
	narrowed := len(done) - len(given)
	answer(narrowings, ordered{err: errors.Join(errs[:narrowed]...)})
	for i, w := range given {
		if err := errs[narrowed+i]; err != nil {
			w.done <- ordered{err: err}
			continue
		}
		w.done <- ordered{recall: &done[narrowed+i]}
	}
}

// storedOf are the orders that something is stored of: one that was carried out
// meanwhile may have taken all of it.
func (rs *recalls) storedOf(ctx context.Context, all []*order) (out []*order, err error) {
	for _, o := range all {
		found, err := rs.find(ctx, o)
		if err != nil {
			return nil, err
		}
		if len(found.places) > 0 {
			out = append(out, o)
		}
	}
	return out, nil
}

// ready are those that are to be carried out; it answers the others.
func (rs *recalls) ready(ctx context.Context, given []*ordering) []*ordering {
	if len(given) == 0 {
		return nil
	}
	// A write that was given up may have got through: it is in a stream then, and
	// nobody knows of it.
	doubts := rs.h.writers.settleDoubts(ctx)
	if doubts != nil {
		rs.h.log.Warn("recalls wait for writes whose end is not known", "error", doubts)
	}
	return slices.DeleteFunc(given, func(w *ordering) bool {
		out := ordered{err: errNotNow}
		if doubts == nil && w.ctx.Err() == nil {
			var found bool
			if out, found = rs.lookAt(ctx, w); found {
				return false
			}
		}
		w.done <- out
		return true
	})
}

// lookAt tells whether anything is stored of what an order covers, and otherwise
// the answer: that of an earlier order which says the same.
func (rs *recalls) lookAt(ctx context.Context, w *ordering) (ordered, bool) {
	if no := mayStillRecall(rs.h.Region(), w.account, w.order); no != nil {
		return ordered{err: no}, false
	}
	stored, err := rs.storedOf(ctx, []*order{w.order})
	if err != nil {
		rs.h.log.Error("looking for what is recalled", "id", w.order.ID, "error", err)
		return ordered{err: errCatalogue}, false
	}
	if len(stored) > 0 {
		return ordered{}, true
	}
	before := rs.standing(w.order)
	if before == nil {
		return ordered{err: errNoObject}, false
	}
	if err := rs.finishNow(ctx, before); err != nil {
		return ordered{err: err}, false
	}
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	c := before.copied()
	return ordered{recall: &c}, false
}

// together makes one order of narrowings about one object and level: the one of the
// latest version, which covers what the others do.
func together(some []*ordering) []*order {
	type about struct {
		name   name
		unless stix.Level
	}
	latest := map[about]*order{}
	var out []*order
	for _, w := range some {
		o, k := w.order, about{w.order.name(), w.order.Unless}
		was := latest[k]
		if was == nil {
			c := *o
			latest[k] = &c
			out = append(out, &c)
			continue
		}
		if earlier(was.Before, o.Before) {
			was.Before = o.Before
		}
		if earlier(was.Through, o.Through) {
			was.Through = o.Through
		}
		for _, v := range o.Versions {
			if !slices.Contains(was.Versions, v) {
				was.Versions = append(was.Versions, v)
			}
		}
	}
	return out
}
