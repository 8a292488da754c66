package pattern

import "slices"

// times is the stretch of the timeline in which each pivot of a plan is sought.
type times struct{ low, high []int }

// solve finds a binding, or returns nil if there is none.
//
// It narrows the stretches, hands out observations as if each leaf could have
// the best time of every stretch, and gives up a stretch where even that fails.
// If what it handed out holds as it is, that is a binding. Else some pivot has no
// place: its stretch is halved so that neither half allows the same again, and
// both are tried, the earlier one first. Once every stretch is a single time
// handing out is exact, so this ends, and with the right answer.
func (p *plan) solve() (Binding, error) {
	all := times{low: make([]int, len(p.pivots)), high: make([]int, len(p.pivots))}
	for i := range all.high {
		all.high[i] = len(p.m.timeline.times) - 1
	}
	if err := p.m.spend(len(p.m.observed)); err != nil {
		return nil, err
	}
	a := newAssignment(p)
	pending := []times{all}
	for len(pending) > 0 {
		t := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		possible, err := a.narrow(&t)
		if err != nil {
			return nil, err
		}
		if !possible {
			continue
		}
		if possible, err = a.handOut(); err != nil {
			return nil, err
		}
		if !possible {
			continue
		}
		pivot, at := a.misplaced(&t)
		if pivot < 0 {
			return a.binding(), nil
		}
		if err := p.m.spend(16 * len(p.pivots)); err != nil {
			return nil, err
		}
		later := times{low: slices.Clone(t.low), high: slices.Clone(t.high)}
		later.low[pivot] = at + 1
		t.high[pivot] = at
		pending = append(pending, later, t)
	}
	return nil, nil
}

// maxRounds bounds how often narrowing goes over all leaves: more would narrow
// further, at times, but only save work.
const maxRounds = 8

// narrow takes from the stretches what cannot be, and sets the bounds of every
// leaf to the loosest they allow. It returns false if nothing is left.
func (a *assignment) narrow(t *times) (bool, error) {
	for range maxRounds {
		changed := a.narrowByOrder(t)
		for i := range a.plan.leaves {
			l := &a.plan.leaves[i]
			if err := a.plan.m.spend(len(l.candidates) + len(l.limits)); err != nil {
				return false, err
			}
			a.bound(i, t)
			first, last, ok := a.extent(i)
			if !ok {
				return false, nil
			}
			for _, limit := range l.limits {
				if a.plan.narrowBy(limit, first, last, t) {
					changed = true
				}
				if t.low[limit.pivot] > t.high[limit.pivot] {
					return false, nil
				}
			}
		}
		if !changed {
			return true, nil
		}
	}
	for i := range a.plan.leaves {
		a.bound(i, t)
	}
	return true, nil
}

func (a *assignment) narrowByOrder(t *times) (changed bool) {
	for _, o := range a.plan.orders {
		if t.low[o.later] < t.low[o.earlier] {
			t.low[o.later], changed = t.low[o.earlier], true
		}
	}
	for i := len(a.plan.orders) - 1; i >= 0; i-- {
		o := a.plan.orders[i]
		if t.high[o.earlier] > t.high[o.later] {
			t.high[o.earlier], changed = t.high[o.later], true
		}
	}
	return changed
}

// bound sets the bounds of a leaf: it begins by latest and ends at earliest or
// later.
func (a *assignment) bound(leaf int, t *times) {
	earliest, latest := 0, len(a.plan.m.timeline.times)-1
	for _, l := range a.plan.leaves[leaf].limits {
		switch l.side {
		case before:
			latest = min(latest, t.high[l.pivot])
		case after:
			earliest = max(earliest, t.low[l.pivot])
		case inside:
			earliest = max(earliest, t.low[l.pivot])
			end := a.plan.m.timeline.reach(t.high[l.pivot], a.plan.pivots[l.pivot].seconds)
			latest = min(latest, end-1)
		}
	}
	a.earliest[leaf], a.latest[leaf] = earliest, latest
}

// extent returns when the first of a leaf's candidates begins and the last one
// ends, and false if there are not enough of them.
func (a *assignment) extent(leaf int) (first, last int, ok bool) {
	m := a.plan.m
	l := &a.plan.leaves[leaf]
	first, last = len(m.timeline.times), -1
	available := 0
	for _, o := range l.candidates {
		if a.allows(leaf, o) {
			first = min(first, m.timeline.first[o])
			last = max(last, m.timeline.last[o])
			available = sum(available, m.observed[o].Number)
		}
	}
	return first, last, available >= l.count
}

// narrowBy fits a stretch to a leaf that begins at first or later and ends by
// last.
func (p *plan) narrowBy(l limit, first, last int, t *times) (changed bool) {
	low, high := t.low[l.pivot], t.high[l.pivot]
	switch l.side {
	case before:
		low = max(low, first)
	case after:
		high = min(high, last)
	case inside:
		high = min(high, last)
		low = max(low, p.m.timeline.origin(first, p.pivots[l.pivot].seconds))
	}
	changed = low != t.low[l.pivot] || high != t.high[l.pivot]
	t.low[l.pivot], t.high[l.pivot] = low, high
	return changed
}

// misplaced returns a pivot that has no place in what was handed out, and where
// to halve its stretch; or -1 if all have one.
func (a *assignment) misplaced(t *times) (pivot, at int) {
	p := a.plan
	from := make([]int, len(p.pivots)) // the latest that begins before the pivot, or inside
	to := make([]int, len(p.pivots))   // the earliest end after it, or inside
	for i := range p.pivots {
		from[i], to[i] = -1, len(p.m.timeline.times)
	}
	for i := range p.leaves {
		first, last := a.taken(i)
		for _, l := range p.leaves[i].limits {
			if l.side != after {
				from[l.pivot] = max(from[l.pivot], first)
			}
			if l.side != before {
				to[l.pivot] = min(to[l.pivot], last)
			}
		}
	}
	for _, o := range p.orders {
		if !o.copies {
			from[o.later] = max(from[o.later], from[o.earlier])
		}
	}
	for i, c := range p.pivots {
		low, high := to[i], from[i]-1
		if c.seconds > 0 {
			high = p.m.timeline.origin(from[i], c.seconds) - 1
		}
		if low <= high {
			return i, min(max((t.low[i]+t.high[i])/2, low), high)
		}
	}
	return -1, 0
}
