package broker

import (
	"slices"

	"github.com/selat-hub/selat/broker/policy"
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
			case t.Level > o.UpTo, slices.Contains(out, t), !mayKeep(region, t.Member, n.order.Unless):
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
	case g.By == byNarrowing && g.Unless >= stix.Red:
		return true // of every version that it may have had
	case o.By == byNarrowing:
		return g.By == byNarrowing && g.Unless >= o.Unless || g.By != byNarrowing && g.Version == "" && g.From == ""
	}
	return g.By != byNarrowing && (g.Version == "" || g.Version == o.Version) && (g.From == "" || g.From == o.From)
}

// mayKeep reports whether a member has a seat that was left what a narrowing to a
// level takes away: the others forgot it.
func mayKeep(r *policy.Region, member string, unless stix.Level) bool {
	for _, s := range r.Seats {
		if s.Member == member && max(s.Ceiling, s.Held) >= unless && (unless < stix.AmberStrict || s.Standing == policy.Organization) {
			return true
		}
	}
	return false
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

// any reports whether something was ordered about an object.
func (rs *recalls) any(n name) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return len(rs.byName[n]) > 0
}

// narrows reports whether a narrowing that a version under a level presupposes is not
// carried out yet.
func (rs *recalls) narrows(n name, level stix.Level) bool {
	rs.mu.RLock()
	defer rs.mu.RUnlock()
	return slices.ContainsFunc(rs.byName[n], func(r *recall) bool {
		return !r.finished && r.order.By == byNarrowing && r.order.Unless <= level
	})
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

// mayBeLeft reports whether an order that is not carried out yet is about something
// that another is about too: it may be there still, and the catalogue not know it.
func (r *recall) mayBeLeft(o *order) bool {
	g := &r.order
	version := o.Version == "" || g.Version == o.Version || g.Version == "" && g.By != byNarrowing
	from := o.From == "" || g.From == "" || g.From == o.From
	if g.By == byNarrowing {
		version = slices.ContainsFunc(g.Taken, func(v taken) bool {
			return (o.Version == "" || o.Version == v.Version) && slices.ContainsFunc(v.Places, func(p place) bool {
				return p.Level <= o.UpTo && (o.From == "" || o.From == p.Audience)
			})
		})
	}
	return version && from && r.knownTo(o.UpTo)
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
