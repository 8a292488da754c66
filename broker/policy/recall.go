package policy

import (
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Rules of recalls: who may order that an object be forgotten, and who must be
// told. Orders reach a member on a stream of its own, CTL_<MEMBER>, which no
// community's roster touches: whoever has left since is told as well.

// FormerPlace is a place on a roster that was given up.
type FormerPlace struct {
	Place
	// Until is the last sequence of each level's stream that the member may have
	// received. A level that is absent has no end yet.
	Until map[stix.Level]uint64 `json:"until,omitempty"`
}

// ControlName is the name of a member's stream of orders.
func ControlName(member string) string { return "CTL_" + strings.ToUpper(member) }

// ControlSubject is the subject of an order to a member about an object of a
// level, origin and type; "*" is allowed for each but the member.
func ControlSubject(member, level, origin, typ string) string {
	return "ctl." + member + "." + level + "." + origin + "." + typ
}

// MayRecall is the rule of ordering that a member's object be forgotten: any seat
// of that member that submits may, also when the member may not submit any more,
// as far as RecallsUpTo; nil if it may. Codes: those of MaySubmit.
func (r *Region) MayRecall(seat *Seat) *Refusal {
	no := r.MaySubmit(seat)
	if no != nil && no.Code == "receive-only" && seat.Submits() {
		return nil
	}
	return no
}

// RecallsUpTo is the strictest level of its member's objects that a seat may
// recall: as MayKnowPlace has it, an organization's seat anything below RED, and
// RED if its ceiling is that; any other what it could hold itself.
func RecallsUpTo(seat *Seat) stix.Level {
	switch {
	case seat.Standing != Organization:
		return min(seat.Ceiling, stix.Amber)
	case seat.Ceiling == stix.Red:
		return stix.Red
	}
	return stix.AmberStrict
}

// MayFollow lists the levels of orders that a seat is told, and the first
// sequence of its member's stream that is open to it: the levels that it may
// hold or ever could, since an order is about what was received before. None are
// told to a seat that does not read, nor to one that is revoked.
func (r *Region) MayFollow(seat *Seat) (levels []stix.Level, from uint64) {
	m := r.Members[seat.Member]
	if m == nil || seat.Revoked || !seat.Reads() {
		return nil, 0
	}
	for _, l := range stix.Levels {
		if l <= max(seat.Ceiling, seat.Held) && (l < stix.AmberStrict || seat.Standing == Organization) {
			levels = append(levels, l)
		}
	}
	return levels, max(1, m.ControlStart)
}

// Holders lists the members that may have received what a stream holds at a
// sequence: those to whom it is open now, and those to whom it was; sorted.
func (r *Region) Holders(s Stream, seq uint64) []string {
	var out []string
	for name, m := range r.Members {
		if r.held(m, s, seq) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (r *Region) held(m *Member, s Stream, seq uint64) bool {
	if a := r.entitled(m, s); a.Allowed && seq >= a.From {
		return true
	}
	c := r.Communities[s.Audience]
	if c == nil || s.Level == stix.Red {
		return false
	}
	for _, p := range c.Former[m.Name] {
		if until, ended := p.Until[s.Level]; (s.Level < stix.Amber || seq >= p.Start[s.Level]) && (!ended || seq <= until) {
			return true
		}
	}
	return false
}
