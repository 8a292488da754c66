package policy

import (
	"slices"
	"time"

	"github.com/selat-hub/selat/stix"
)

// Drill is the community of exercises. What is in it looks like the real thing
// and is not, so it is told under its own name only and mixed with nothing.
const Drill = "drill"

// CollectionKind says what a collection gathers.
type CollectionKind uint8

const (
	// OneStream is one audience at one level.
	OneStream CollectionKind = iota
	// Own is what the seat's member published, wherever to.
	Own
	// Everything is all the seat may read, drills aside.
	Everything
)

// Source is one stream of a collection, and the first sequence of it that is
// open, 1 or more.
type Source struct {
	Stream Stream
	From   uint64
}

// Collection is one set of objects as one caller sees it. Whatever answers a
// question that is not the stream itself (TAXII, lookups) takes one of these, and
// tells of nothing that stands outside its sources.
type Collection struct {
	Kind CollectionKind
	// Stream is the one of OneStream.
	Stream Stream
	// Origin and Type, when set, leave out the objects of any other member or
	// type: those of Own are the member's, and a seat may be made for one of each.
	Origin, Type string
	// Read and Write say what the caller may do here. A collection that may not
	// be read has no sources.
	Read, Write bool
	Sources     []Source
	// Since leaves out what was stored until then, whoever asks.
	Since time.Time
}

// Collections lists what a seat may read from or write to: each audience and
// level, its member's RED inbox, its member's own publications and everything
// it may read; sorted as Streams does, the last two at the end. Without a seat
// they are those of an anonymous caller (MayReadAnonymously).
func (r *Region) Collections(seat *Seat) []Collection {
	if seat == nil {
		return r.anonymous()
	}
	var out []Collection
	own := Collection{Kind: Own, Origin: seat.Member, Type: seat.FilterType, Since: r.OwnSince(seat.Member), Read: true}
	all := Collection{Kind: Everything, Origin: seat.FilterOrigin, Type: seat.FilterType, Read: true}
	ofOthers := seat.FilterOrigin != "" && seat.FilterOrigin != seat.Member
	for _, s := range r.Streams() {
		c := Collection{Stream: s, Origin: seat.FilterOrigin, Type: seat.FilterType, Write: r.MayWrite(seat, s)}
		if a := r.MayRead(seat, s); a.Allowed {
			c.Read, c.Sources = true, []Source{{s, a.From}}
			if s.Audience != Drill {
				all.Sources = append(all.Sources, c.Sources...)
			}
		}
		if !ofOthers && s.Audience != Drill && r.MayReadOwn(seat, s) {
			own.Sources = append(own.Sources, Source{s, 1})
		}
		if c.Read || c.Write {
			out = append(out, c)
		}
	}
	for _, c := range []Collection{own, all} {
		if len(c.Sources) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (r *Region) anonymous() []Collection {
	var out []Collection
	for _, s := range r.Streams() {
		if r.MayReadAnonymously(s) {
			out = append(out, Collection{Stream: s, Read: true, Sources: []Source{{s, 1}}})
		}
	}
	return out
}

// OwnSince is when what is stored under a member's name begins to be its own: at
// its enrolment, where another bore the name before; zero where none did.
func (r *Region) OwnSince(member string) time.Time {
	if m := r.Members[member]; m != nil {
		return m.Since
	}
	return time.Time{}
}

// MayReadAnonymously is the rule of reading for who has no seat, where the
// hub's operator lets anyone ask: CLEAR only, and neither drills nor what a
// private community holds.
func (r *Region) MayReadAnonymously(s Stream) bool {
	c := r.Communities[s.Audience]
	return c != nil && s.Level == stix.Clear && !c.Private && s.Audience != Drill
}

// MayWrite is the rule of submitting to one audience at one level: the seat may
// submit, and Route would take its member's object there. RED is not written to
// by audience: its recipients are named.
func (r *Region) MayWrite(seat *Seat, s Stream) bool {
	if s.Level == stix.Red || r.MaySubmit(seat) != nil {
		return false
	}
	to, no := r.Route(seat.Member, s.Level, []string{s.Audience})
	return no == nil && slices.Contains(to, s)
}

// MayReadOwn is the rule of reading back, on a stream, what the seat's own
// member published there: the seat reads, its ceiling and its standing allow the
// level, and the member is in that audience now. Of RED it is any inbox: the
// member named the recipient. Start positions do not count, for what the member
// published it had; what a former member of that name did is left out
// (Member.Since).
func (r *Region) MayReadOwn(seat *Seat, s Stream) bool {
	m := r.Members[seat.Member]
	switch {
	case m == nil || m.Suspended || seat.Revoked || !seat.Reads():
		return false
	case s.Level == stix.NoLevel || s.Level > stix.Red || s.Level > seat.Ceiling:
		return false
	case s.Level >= stix.AmberStrict && seat.Standing != Organization:
		return false
	}
	return s.Level == stix.Red || r.onRoster(m.Name, s.Audience)
}
