package broker

import (
	"context"
	"slices"
	"sync"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A new version under a stricter TLP takes the earlier ones away from those who may
// not hold it (a different audience alone takes nothing away): the earlier ones are
// recalled before the new one is stored, so that no crash leaves both. And a version
// that comes late, earlier than one that is stricter, is not taken.

// narrowing looks at the newest version of an object of which another is to be
// stored: it tells why that is refused, or which order must be carried out before.
// The caller has let the entry onto its way; no version under another level is on
// its own (ledger.board).
func (h *Hub) narrowing(e *entry, known stix.Lineage) (*order, *stix.Finding, error) {
	if known.Latest == "" || e.object.supporting {
		return nil, nil, nil
	}
	newest, there, err := h.index.Get(catalog.Key{Origin: e.key.Origin, ID: e.key.ID, Version: known.Latest})
	if err != nil || !there {
		return nil, nil, err
	}
	level := strictest(newest.Places)
	switch {
	case level == stix.NoLevel:
		return nil, nil, nil
	case earlier(e.key.Version, known.Latest):
		if e.object.level >= level {
			return nil, nil, nil
		}
		if !slices.ContainsFunc(newest.Places, e.mayKnow) {
			return nil, e.hidden(), nil
		}
		f := e.refusal("recalled", "a later version of this object stands under a stricter TLP; the earlier ones are recalled from those who may not hold it")
		return nil, &f, nil
	case e.object.level <= level:
		return nil, nil, nil
	}
	o := &order{Origin: e.key.Origin, ID: e.key.ID, Before: e.key.Version, Unless: e.object.level, UpTo: stix.Red, By: byNarrowing,
		Reason: "a later version stands under a stricter TLP"}
	if o.Unless == stix.Red {
		o.Named = append(recipients(e.object.streams), e.key.Origin)
	}
	o.Through = known.Latest
	return o, nil, nil
}

// narrower carries out what narrowings order, as many together as have come while
// the last were carried out.
type narrower struct {
	wake chan struct{}

	mu     sync.Mutex
	queued []*narrowing
}

type narrowing struct {
	order *order
	done  chan error
}

func newNarrower() *narrower { return &narrower{wake: make(chan struct{}, 1)} }

// wait returns when an order is carried out.
func (n *narrower) wait(ctx context.Context, o *order) error {
	w := &narrowing{o, make(chan error, 1)}
	n.mu.Lock()
	n.queued = append(n.queued, w)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// narrowedAtOnce bounds one round.
const narrowedAtOnce = 1000

func (n *narrower) run(ctx context.Context, rs *recalls) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		}
		for {
			n.mu.Lock()
			some := n.queued[:min(len(n.queued), narrowedAtOnce)]
			n.queued = n.queued[len(some):]
			n.mu.Unlock()
			if len(some) == 0 {
				break
			}
			err := rs.narrow(ctx, some)
			for _, w := range some {
				w.done <- err
			}
		}
	}
}

func (rs *recalls) narrow(ctx context.Context, some []*narrowing) error {
	if err := rs.take(ctx); err != nil {
		return err
	}
	defer rs.leave()
	orders := make([]*order, len(some))
	for i, w := range some {
		orders[i] = w.order
	}
	_, err := rs.begin(ctx, orders...)
	return err
}

// recalledFrom tells why an object is not taken again for an audience: it was
// recalled from there. A seat that may not know of what was recalled is refused in
// the words of any other contradiction.
func (h *Hub) recalledFrom(e *entry, audience string) *stix.Finding {
	r := h.recalls.covering(e.name(), e.key.Version, audience, e.object.level)
	if r == nil {
		return nil
	}
	upTo := policy.RecallsUpTo(e.receipt.sub.seat)
	if len(r.tell) > 0 && !slices.ContainsFunc(r.tell, func(t told) bool { return t.Level <= upTo }) {
		return e.hidden()
	}
	f := e.refusal("recalled", "this was recalled by its origin and is not taken again: publish a new object")
	return &f
}

// recalledAll tells it of an object that was recalled from all that it is for.
func (h *Hub) recalledAll(e *entry) (no *stix.Finding) {
	for _, s := range e.object.streams {
		if no = h.recalledFrom(e, s.Audience); no == nil {
			return nil
		}
	}
	return no
}

// strictest is the level of a version, which has one, supporting places aside.
func strictest(places []catalog.Place) (level stix.Level) {
	for _, p := range places {
		if !p.Supporting {
			level = max(level, p.Level)
		}
	}
	return level
}

func recipients(streams []policy.Stream) (out []string) {
	for _, s := range streams {
		out = append(out, s.Audience)
	}
	return out
}
