package policy

import (
	"cmp"
	"slices"

	"github.com/selat-hub/selat/stix"
)

// Decision is whether one reader would receive an object, and why.
type Decision struct {
	Member string
	// Seat is empty in the line about the member as such.
	Seat     string
	Receives bool
	// Code is a stable word, Reason a sentence.
	Code   string
	Reason string
}

// Explain tells, for an object that Route sends to these streams, who would
// receive it and who would not: a line for each member and, with perSeat, one
// for each seat; sorted by member, then seat. Without streams, the object being
// refused, nobody receives it.
//
// asker is the member that asks, or "" for the hub's team, which alone is told
// of seats. A member is told only about members it shares the audience with,
// itself among them, and for RED about those it named, which the streams are
// taken to be.
//
// A member receives when the object is meant for it and it is not suspended;
// whether one of its seats may hold that level is its own affair and not told
// in that line. A seat receives exactly when MayRead allows it one of the
// streams; start positions do not matter to an object stored from now on.
func (r *Region) Explain(streams []Stream, perSeat bool, asker string) []Decision {
	out := make([]Decision, 0, len(r.Members))
	for _, m := range r.Members {
		if asker == "" || r.mayHearOf(asker, m.Name, streams) {
			a := r.memberAccess(m, streams)
			out = append(out, Decision{m.Name, "", a.Allowed, a.Code, a.Reason})
		}
	}
	if perSeat && asker == "" {
		for _, s := range r.Seats {
			a := r.seatAccess(s, streams)
			out = append(out, Decision{s.Member, s.Name, a.Allowed, a.Code, a.Reason})
		}
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Seat, b.Seat))
	})
	return out
}

// mayHearOf reports whether asker may be told how the streams concern member.
func (r *Region) mayHearOf(asker, member string, streams []Stream) bool {
	for _, s := range streams {
		if s.Level == stix.Red {
			if s.Audience == member {
				return true
			}
			continue
		}
		if r.onRoster(asker, s.Audience) && r.onRoster(member, s.Audience) {
			return true
		}
	}
	return false
}

// memberAccess is the member's access to the first stream meant for it, or why
// none is.
func (r *Region) memberAccess(m *Member, streams []Stream) Access {
	return anyOf(streams, func(s Stream) Access {
		a := r.entitled(m, s)
		if a.Allowed && m.Suspended {
			return denied("suspended", "member %s is suspended", m.Name)
		}
		return a
	})
}

// seatAccess is MayRead over the streams. Where the member itself does not
// receive, that is the reason told, being the better one to know.
func (r *Region) seatAccess(seat *Seat, streams []Stream) Access {
	if m := r.Members[seat.Member]; m != nil {
		if a := r.memberAccess(m, streams); !a.Allowed {
			return a
		}
		streams = slices.DeleteFunc(slices.Clone(streams), func(s Stream) bool {
			return !r.entitled(m, s).Allowed
		})
	}
	return anyOf(streams, func(s Stream) Access { return r.MayRead(seat, s) })
}

// anyOf returns the first access that is allowed, else the most telling
// denial: suspended before the rest, then the first.
func anyOf(streams []Stream, access func(Stream) Access) Access {
	best := denied("refused", "the object is refused and goes to nobody")
	for i, s := range streams {
		switch a := access(s); {
		case a.Allowed:
			return a
		case i == 0, a.Code == "suspended":
			best = a
		}
	}
	return best
}
