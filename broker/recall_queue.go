package broker

import (
	"cmp"
	"context"
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
	// What was ordered before about the same objects comes first: what the catalogue has
	// forgotten may still be in a stream until then.
	before := map[name]error{}
	var narrowings, given []*ordering
	for _, w := range some {
		n := w.order.name()
		err, tried := before[n]
		if !tried {
			err = rs.finishName(ctx, n)
			before[n] = err
		}
		switch {
		case w.order.By != byNarrowing && w.order.By != byNobody:
			given = append(given, w)
		case err != nil || w.order.By == byNobody:
			w.done <- ordered{err: err}
		default:
			narrowings = append(narrowings, w)
		}
	}
	orders, of, err := rs.needed(ctx, narrowings)
	if err != nil {
		answer(narrowings, ordered{err: err})
		narrowings, orders = nil, nil
	}
	narrowed := len(orders)
	given = rs.ready(ctx, given)
	for _, w := range given {
		orders = append(orders, w.order)
	}
	var done []recall
	var errs []error
	if len(orders) > 0 {
		done, errs = rs.begin(ctx, orders...)
	}
	for _, w := range narrowings {
		var out ordered
		if i, needed := of[w]; needed {
			out.err = errs[i]
		}
		w.done <- out
	}
	for i, w := range given {
		if err := errs[narrowed+i]; err != nil {
			w.done <- ordered{err: err}
			continue
		}
		w.done <- ordered{recall: &done[narrowed+i]}
	}
}

// byNobody is what an ordering asks for that wants done what was ordered before, and
// nothing else. It is never stored.
const byNobody = ""

// finishName carries out what was ordered before about an object.
func (rs *recalls) finishName(ctx context.Context, n name) error {
	var failed error
	for _, r := range rs.unfinishedOf(n) {
		failed = cmp.Or(failed, rs.finishNow(ctx, r))
	}
	return failed
}

// needed are the orders that narrowings come to, and which of them each waits for:
// none, if nothing is there of what it covers.
func (rs *recalls) needed(ctx context.Context, narrowings []*ordering) (orders []*order, of map[*ordering]int, err error) {
	of = map[*ordering]int{}
	all, mine := merged(narrowings)
	for i, o := range all {
		there, err := rs.anything(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		if !there {
			continue
		}
		for _, w := range mine[i] {
			of[w] = len(orders)
		}
		orders = append(orders, o)
	}
	return orders, of, nil
}

// anything reports whether something is stored of what an order covers, or may be kept
// by somebody: one that was carried out meanwhile may have taken all of it.
func (rs *recalls) anything(ctx context.Context, o *order) (bool, error) {
	found, err := rs.find(ctx, o)
	return err == nil && len(found.places)+len(rs.keepers(o)) > 0, err
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

// lookAt tells whether an order is to be carried out, and otherwise the answer: that
// of an earlier order which says the same.
func (rs *recalls) lookAt(ctx context.Context, w *ordering) (ordered, bool) {
	if no := mayStillRecall(rs.h.Region(), w.account, w.order); no != nil {
		return ordered{err: no}, false
	}
	before := rs.standing(w.order)
	if before != nil && !rs.isFinished(before) { // and it was tried a moment ago
		return ordered{err: before.unfinished()}, false
	}
	there, err := rs.anything(ctx, w.order)
	if err != nil {
		rs.h.log.Error("looking for what is recalled", "id", w.order.ID, "error", err)
		return ordered{err: errCatalogue}, false
	}
	if there || before == nil && slices.ContainsFunc(rs.unfinishedOf(w.order.name()), func(r *recall) bool { return r.mayBeLeft(w.order) }) {
		return ordered{}, true
	}
	if before == nil {
		return ordered{err: errNoObject}, false
	}
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	c := before.copied()
	return ordered{recall: &c}, false
}

// merged makes one order of narrowings about one object and level: the one of the
// latest version, which covers what the others do. of are those that each is for.
func merged(some []*ordering) (out []*order, of [][]*ordering) {
	type about struct {
		name   name
		unless stix.Level
	}
	at := map[about]int{}
	for _, w := range some {
		o, k := w.order, about{w.order.name(), w.order.Unless}
		i, known := at[k]
		if !known {
			c := *o
			at[k] = len(out)
			out, of = append(out, &c), append(of, []*ordering{w})
			continue
		}
		was := out[i]
		of[i] = append(of[i], w)
		if earlier(was.Before, o.Before) {
			was.Before = o.Before
		}
		if earlier(was.Through, o.Through) {
			was.Through = o.Through
		}
		was.Taken = slices.Clone(was.Taken)
		for _, v := range o.Taken {
			was.Taken = together(was.Taken, v)
		}
	}
	return out, of
}
