package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// What is written down of a recall: the order, what it needs done, and that it was.

// order is a recall as it was ordered.
type order struct {
	Recall string `json:"recall"`
	Origin string `json:"origin"`
	ID     string `json:"id"`
	// Version, Before, From, Unless: see api.RecallOrder.
	Version string     `json:"version,omitempty"`
	Before  string     `json:"before,omitempty"`
	From    string     `json:"from,omitempty"`
	Unless  stix.Level `json:"unless,omitempty"`
	// Through is the last version that a narrowing takes away: those who are told
	// learn of no later one.
	Through string `json:"through,omitempty"`
	// UpTo bounds what is recalled to the levels that whoever ordered it may know
	// of.
	UpTo stix.Level `json:"up_to"`
	// Taken are the versions that a narrowing takes away, and where they were. One to
	// RED is told as a recall of each, to those who may have received it, so that
	// nobody learns of a version that is RED, nor of another's.
	Taken  []taken   `json:"taken,omitempty"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// taken is a version that a narrowing takes away.
type taken struct {
	Version string  `json:"version"`
	Places  []place `json:"places"`
}

// place is where a version was.
type place struct {
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	Sequence uint64     `json:"sequence"`
}

// heldBy reports whether a member may have received a version at a level, from an
// audience or, if that is empty, any.
func (t *taken) heldBy(r *policy.Region, who told, audience string) bool {
	return slices.ContainsFunc(t.Places, func(p place) bool {
		return p.Level == who.Level && (audience == "" || audience == p.Audience) &&
			slices.Contains(r.Holders(policy.Stream{Audience: p.Audience, Level: p.Level}, p.Sequence), who.Member)
	})
}

func (o *order) name() name { return name{o.Origin, o.ID} }

// covers tells whether an order takes a version of its object away from an
// audience at a level.
func (o *order) covers(version, audience string, level stix.Level) bool {
	switch {
	case level > o.UpTo, o.From != "" && o.From != audience:
		return false
	case o.Version != "":
		return version == o.Version
	case o.Before != "":
		return level < o.Unless && earlier(version, o.Before)
	}
	return true
}

// earlier orders versions by their instants (stix.Instant).
func earlier(a, b string) bool {
	return strings.TrimSuffix(a, "Z") < strings.TrimSuffix(b, "Z")
}

// told is an order as it was given to one member.
type told struct {
	Member string     `json:"member"`
	Level  stix.Level `json:"tlp"`
	// Sequence is that in the member's stream of orders, 0 before it is there.
	Sequence uint64 `json:"sequence,omitempty"`
}

// plan is what an order needs done: the messages that hold its object, and the
// members that may have received it. finish is that it was.
type plan struct {
	Recall   string      `json:"recall"`
	Messages []messageAt `json:"messages"`
	Tell     []told      `json:"tell"`
}

type finish struct {
	Recall string `json:"recall"`
	Places int    `json:"places"`
	Told   []told `json:"told"`
}
