package broker

import (
	"slices"

	"github.com/selat-hub/selat/stix"
)

// A member that may hold the stricter level keeps what a narrowing takes away, and
// the hub keeps nothing of it: it may never receive the stricter version, which can
// be for others. So a later order about the object reaches it by what it was told of
// the narrowing.

// keepers are those who may still keep what an order covers, and were told of no
// later order that takes it from them.
func (rs *recalls) keepers(o *order) (out []told) {
	region := rs.h.Region()
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	all := rs.byName[o.name()]
	for i, n := range all {
		if !n.order.leaves(o) {
			continue
		}
		for _, t := range n.tell {
			t.Sequence = 0
			switch {
			case t.Level > o.UpTo, slices.Contains(out, t):
			case !slices.ContainsFunc(n.order.Taken, func(v taken) bool { return (o.Version == "" || o.Version == v.Version) && v.heldBy(region, t, o.From) }):
				// It has nothing of that, and learns nothing of it.
			case slices.ContainsFunc(all[i+1:], func(later *recall) bool { return later.takesFrom(t, o) }):
			default:
				out = append(out, t)
			}
		}
	}
	return out
}

// leaves reports whether a narrowing left to somebody what another order takes away.
func (o *order) leaves(later *order) bool {
	switch {
	case o.By != byNarrowing || o.Unless >= stix.Red:
		return false
	case later.By == byNarrowing:
		return later.Unless > o.Unless
	}
	return true
}

// takesFrom reports whether an order told a member to forget what o tells it to.
func (r *recall) takesFrom(t told, o *order) bool {
	g := &r.order
	switch {
	case !slices.ContainsFunc(r.tell, func(u told) bool { return u.Member == t.Member && u.Level == t.Level }):
		return false
	case o.By == byNarrowing:
		return g.By == byNarrowing && g.Unless >= o.Unless
	}
	return g.By != byNarrowing && (g.Version == "" || g.Version == o.Version) && (g.From == "" || g.From == o.From)
}

// took lists the versions before one that narrowings took away and may have left to
// somebody.
func (rs *recalls) took(n name, before string) (out []taken) {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, r := range rs.byName[n] {
		if r.order.By != byNarrowing || r.order.Unless >= stix.Red {
			continue
		}
		for _, v := range r.order.Taken {
			if earlier(v.Version, before) {
				out = together(out, v)
			}
		}
	}
	return out
}

// together adds a version to those that are taken.
func together(all []taken, v taken) []taken {
	for i := range all {
		if all[i].Version != v.Version {
			continue
		}
		places := slices.Clone(all[i].Places)
		for _, p := range v.Places {
			if !slices.Contains(places, p) {
				places = append(places, p)
			}
		}
		all[i].Places = places
		return all
	}
	return append(all, v)
}

// unfinishedOf are the orders about an object that are not carried out yet.
func (rs *recalls) unfinishedOf(n name) (out []*recall) {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, r := range rs.byName[n] {
		if !r.finished {
			out = append(out, r)
		}
	}
	return out
}

// waitsFor returns an earlier order about the same object that is not carried out
// and is not of the batch: until it is, nobody knows that the object is gone.
func (rs *recalls) waitsFor(r *recall, batch []*recall) *recall {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	for _, other := range rs.byName[r.order.name()] {
		if other == r {
			return nil
		}
		if !other.finished && !slices.Contains(batch, other) {
			return other
		}
	}
	return nil
}
