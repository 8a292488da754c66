package policy

import (
	"fmt"
	"sort"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Stream is one audience at one level: the unit that entitlement is about.
// Audience is a community's name, or for RED the name of one recipient member.
type Stream struct {
	Audience string
	Level    stix.Level
}

// Name returns the JetStream stream's name, CTI_<AUDIENCE>_<TLP>, with the
// community's token in place of its name.
func (r *Region) Name(s Stream) string {
	return "CTI_" + strings.ToUpper(r.token(s.Audience)) + "_" + strings.ToUpper(s.Level.String())
}

// Subject returns cti.<audience>.<tlp>.<origin>.<type>, the subject an object
// of this stream is stored under; "*" is allowed for origin and type.
func (r *Region) Subject(s Stream, origin, typ string) string {
	return "cti." + r.token(s.Audience) + "." + s.Level.String() + "." + origin + "." + typ
}

func (r *Region) token(audience string) string {
	if c := r.Communities[audience]; c != nil && (c.Token != "" || c.Private) {
		// A private community without a token, which CheckNewCommunity refuses,
		// yields a name the server refuses rather than its own.
		return c.Token
	}
	return audience
}

// Streams lists every stream the region needs: the four levels of each
// community with at least one member on its roster, and each member's RED
// inbox; sorted by audience and level.
func (r *Region) Streams() []Stream {
	var out []Stream
	for name, c := range r.Communities {
		for m := range c.Places {
			if r.Members[m] != nil {
				for _, l := range stix.Levels[:4] {
					out = append(out, Stream{name, l})
				}
				break
			}
		}
	}
	for name := range r.Members {
		out = append(out, Stream{name, stix.Red})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Audience != out[j].Audience {
			return out[i].Audience < out[j].Audience
		}
		return out[i].Level < out[j].Level
	})
	return out
}

// Access is the answer to "may this seat read this stream".
type Access struct {
	Allowed bool
	// From is the first sequence the seat may read, 1 or more; 0 if not allowed.
	From uint64
	// Code is a stable word for the reason, Reason a sentence.
	Code   string
	Reason string
}

func denied(code, format string, args ...any) Access {
	return Access{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// MayRead is the one rule of reading: whether a seat may hold a durable on a
// stream, and from which sequence on. Everything that hands objects to a seat
// asks it, and holds nothing else to be a right.
func (r *Region) MayRead(seat *Seat, s Stream) Access {
	m := r.Members[seat.Member]
	switch {
	case m == nil:
		return denied("no-member", "%s is not a member", seat.Member)
	case m.Suspended:
		return denied("suspended", "member %s is suspended", m.Name)
	case seat.Revoked:
		return denied("revoked", "seat %s is revoked", seat.Name)
	case !seat.Reads():
		return denied("kind", "seat %s only publishes", seat.Name)
	case seat.Ceiling > stix.Red:
		return denied("ceiling", "the seat's ceiling is no TLP level")
	case s.Level > seat.Ceiling:
		return denied("ceiling", "TLP:%s is above the seat's ceiling, %s", show(s.Level), show(seat.Ceiling))
	case s.Level >= stix.AmberStrict && seat.Standing != Organization:
		return denied("standing", "TLP:%s stays inside the organization; the seat belongs to a client", show(s.Level))
	}
	return r.entitled(m, s)
}

// entitled is the member's part of MayRead: whether the stream is meant for
// the member at all, whatever its seats may hold.
func (r *Region) entitled(m *Member, s Stream) Access {
	switch {
	case s.Level == stix.NoLevel || s.Level > stix.Red:
		return denied("level", "no such TLP level")
	case s.Level == stix.Red && s.Audience != m.Name:
		return denied("recipient", "TLP:RED did not name member %s", m.Name)
	case s.Level == stix.Red:
		return Access{Allowed: true, From: max(1, m.RedStart), Code: "recipient", Reason: "the member was named as a recipient"}
	}
	c := r.Communities[s.Audience]
	if c == nil {
		return denied("no-community", "%s is not a community", s.Audience)
	}
	place, on := c.Places[m.Name]
	if !on {
		return denied("roster", "member %s has no place on the roster of %s", m.Name, c.Name)
	}
	from := uint64(1)
	if s.Level >= stix.Amber {
		from = max(1, place.Start[s.Level])
	}
	return Access{Allowed: true, From: from, Code: "roster", Reason: fmt.Sprintf("member %s is on the roster of %s", m.Name, c.Name)}
}

// MayConnect is the rule of connecting at all: not for a revoked seat, nor for
// one whose member is suspended or gone.
func (r *Region) MayConnect(seat *Seat) bool {
	m := r.Members[seat.Member]
	return m != nil && !m.Suspended && !seat.Revoked
}

// Readable lists the streams a seat may read, sorted as Streams does.
func (r *Region) Readable(seat *Seat) []Stream {
	var out []Stream
	for _, s := range r.Streams() {
		if r.MayRead(seat, s).Allowed {
			out = append(out, s)
		}
	}
	return out
}

// show writes a level as TLP 2.0 does: AMBER+STRICT.
func show(l stix.Level) string {
	if l == stix.AmberStrict {
		return "AMBER+STRICT"
	}
	return strings.ToUpper(l.String())
}

// MayKnowPlace is the rule of telling a seat where an object that its own
// member published is stored: an organization's seat anything below RED, any
// other what it could hold itself; and nothing of a community that the member
// is not in now. What is older than OwnSince is not the member's.
func (r *Region) MayKnowPlace(seat *Seat, s Stream) bool {
	if s.Level > seat.Ceiling && (s.Level == stix.Red || seat.Standing != Organization) {
		return false
	}
	if s.Level >= stix.AmberStrict && seat.Standing != Organization {
		return false
	}
	return s.Level == stix.Red || r.onRoster(seat.Member, s.Audience)
}
