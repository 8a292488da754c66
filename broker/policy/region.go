// Package policy decides who may receive what. It holds every rule of sharing,
// as pure functions over plain data: no I/O, no clock, no NATS. Whatever
// carries objects out of the hub (streams, replay, TAXII, console) asks here
// and obeys.
//
//   - read.go: may this seat read this stream, and from where on
//   - collection.go: what may a caller read or write that is no NATS client
//   - publish.go: where does an object of this level go, or why is it refused
//   - supporting.go: what level objects without a marking travel under
//   - recall.go: who may order that an object be forgotten, and who is told
//   - expose.go: what may a subscriber's sink write, and who sees it
//   - explain.go: both, told for people, for every seat of the region
//   - names.go: what members, communities and seats may be called and hold
//   - token.go: what a seat asks with over HTTP
//   - invitation.go: what its own side redeems for credentials
//   - region.go: the words: member, seat, community, place
package policy

import (
	"slices"
	"time"

	"github.com/selat-hub/selat/stix"
)

// Kind says what a seat does.
type Kind string

const (
	Publisher  Kind = "publisher"
	Subscriber Kind = "subscriber"
	Both       Kind = "both"
)

// Standing says whose eyes are behind a seat: the member's own organization,
// or a client of it (a constituent, an outsourced provider), which may never
// hold AMBER+STRICT or RED (TLP 2.0).
type Standing string

const (
	Organization Standing = "organization"
	Client       Standing = "client"
)

// Member is a national CERT or partner.
type Member struct {
	// Name is the ISO 3166-1 alpha-2 code in lower case, or 3+ letters for a
	// partner that has none. Members and communities share one namespace.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Identities are the STIX identity ids the member speaks for.
	Identities []string `json:"identities,omitempty"`
	// ReceiveOnly members may not submit.
	ReceiveOnly bool `json:"receive_only,omitempty"`
	// Suspended members neither submit nor receive; their places stay.
	Suspended bool `json:"suspended,omitempty"`
	// Unmarked is the level this member's unmarked objects travel under when a
	// submission names none; NoLevel refuses them.
	Unmarked stix.Level `json:"unmarked,omitempty"`
	// AmberTo is the community for AMBER and AMBER+STRICT when a submission
	// names no audience; empty refuses them.
	AmberTo string `json:"amber_to,omitempty"`
	// RedStart is the first sequence of the member's RED inbox it may read.
	RedStart uint64 `json:"red_start,omitempty"`
	// ControlStart is the first sequence of its stream of orders that is meant for
	// it: what came before was a former member's of that name.
	ControlStart uint64 `json:"control_start,omitempty"`
	// Since is when it was enrolled. What is older and bears its name was a former
	// member's: it is not the member's own. Zero where there was none before.
	Since time.Time `json:"since,omitzero"`
}

// Seat is one credential of one daemon or person of a member.
type Seat struct {
	// Name is member/seat, such as my/firewall.
	Name string `json:"name"`
	// Member is the name of the member the seat belongs to.
	Member string `json:"member"`
	// Account is the public key of the seat's NATS account, and the name of
	// each of its durables.
	Account string `json:"account"`
	// User is the public key of the credential in force; Retired are those
	// that rotation replaced and that may never connect again.
	User     string   `json:"user"`
	Retired  []string `json:"retired,omitempty"`
	Kind     Kind     `json:"kind"`
	Standing Standing `json:"standing"`
	// Ceiling is the highest level the seat may hold.
	Ceiling stix.Level `json:"ceiling"`
	// Held is the highest ceiling the seat had before: orders to forget what it
	// received then still reach it.
	Held stix.Level `json:"held,omitempty"`
	// FilterType and FilterOrigin, when set, narrow every durable of the seat
	// to one STIX type, one origin, or both. Fixed when the seat is made.
	FilterType   string `json:"filter_type,omitempty"`
	FilterOrigin string `json:"filter_origin,omitempty"`
	// Revoked seats can neither connect nor receive, for ever.
	Revoked bool      `json:"revoked,omitempty"`
	Created time.Time `json:"created"`
	// Invitation is what the seat's own side may still redeem for credentials.
	Invitation *Invitation `json:"invitation,omitempty"`
	// Tokens are what the seat may ask with over HTTP. A rotation of its
	// credentials leaves them as they are.
	Tokens []Token `json:"tokens,omitempty"`
	// Floors keeps the acknowledged sequence by stream name while the durables
	// are gone (member suspended); resuming restores them.
	Floors map[string]uint64 `json:"floors,omitempty"`
}

// Reads reports whether the seat's kind receives at all.
func (s *Seat) Reads() bool { return s.Kind == Subscriber || s.Kind == Both }

// Submits reports whether the seat's kind submits at all.
func (s *Seat) Submits() bool { return s.Kind == Publisher || s.Kind == Both }

// Place is a member's place on a community's roster.
type Place struct {
	Since time.Time `json:"since"`
	// Start is, for AMBER and AMBER+STRICT, the first sequence of the stream
	// the member may read: what came before it joined stays closed to it. A
	// level that is absent starts at 1. CLEAR and GREEN always start at 1.
	Start map[stix.Level]uint64 `json:"start,omitempty"`
}

// Community is an explicit roster of members. Its name never implies an
// audience; the roster does.
type Community struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	// Token stands for the community in subjects and stream names. It is the
	// name, or a random id for a private community.
	Token   string           `json:"token"`
	Private bool             `json:"private,omitempty"`
	Places  map[string]Place `json:"places"`
	// Former holds the places that members gave up, by member.
	Former map[string][]FormerPlace `json:"former,omitempty"`
	// Known lists participants of the mechanism that have no place yet. They
	// receive nothing until an administrator gives them one.
	Known []string `json:"known,omitempty"`
}

// NewPlace returns the place of a member that joins now. last holds the last
// sequence of the community's streams by level, absent meaning empty: what is
// AMBER or AMBER+STRICT is open only after it. history, an explicit act of an
// administrator, opens everything instead.
func NewPlace(since time.Time, last map[stix.Level]uint64, history bool) Place {
	p := Place{Since: since, Start: make(map[stix.Level]uint64, 2)}
	for _, l := range []stix.Level{stix.Amber, stix.AmberStrict} {
		p.Start[l] = 1
		if !history {
			p.Start[l] += last[l]
		}
	}
	return p
}

// Region is the whole directory at one moment. It is treated as immutable: a
// change makes a new one with NewRegion. Copying the struct and replacing a map
// would keep the old lookups, so do not.
type Region struct {
	Members     map[string]*Member
	Seats       map[string]*Seat // by name
	Communities map[string]*Community

	speakers map[string]string // member by STIX identity id
	accounts map[string]*Seat  // by account public key
	tokens   map[string]tokenAt
}

// NewRegion makes a region whose lookups by identity, by account and by token
// take constant time. The maps are kept, not copied; nil is an empty map. A Region
// written as a literal answers the same, more slowly.
func NewRegion(members map[string]*Member, seats map[string]*Seat, communities map[string]*Community) *Region {
	r := &Region{
		Members: members, Seats: seats, Communities: communities,
		speakers: make(map[string]string, len(members)),
		accounts: make(map[string]*Seat, len(seats)),
		tokens:   make(map[string]tokenAt, len(seats)),
	}
	if r.Members == nil {
		r.Members = map[string]*Member{}
	}
	if r.Seats == nil {
		r.Seats = map[string]*Seat{}
	}
	if r.Communities == nil {
		r.Communities = map[string]*Community{}
	}
	for _, m := range members {
		for _, id := range m.Identities {
			if first := r.speakers[id]; first == "" || m.Name < first {
				r.speakers[id] = m.Name
			}
		}
	}
	for _, s := range seats {
		if first := r.accounts[s.Account]; s.Account != "" && (first == nil || s.Name < first.Name) {
			r.accounts[s.Account] = s
		}
		for i := range s.Tokens {
			id := s.Tokens[i].ID
			r.tokens[id] = r.tokens[id].or(s, id)
		}
	}
	return r
}

// Speaker returns the member that speaks for a STIX identity, or "" if none
// does. Two members never speak for one identity (CheckNewMember); should a
// region say so all the same, the first by name does.
func (r *Region) Speaker(identity string) string {
	if r.speakers != nil {
		return r.speakers[identity]
	}
	first := ""
	for _, m := range r.Members {
		if slices.Contains(m.Identities, identity) && (first == "" || m.Name < first) {
			first = m.Name
		}
	}
	return first
}

// SeatByAccount returns the seat whose NATS account has this public key, or nil.
func (r *Region) SeatByAccount(account string) *Seat {
	if r.accounts != nil {
		return r.accounts[account]
	}
	var first *Seat
	for _, s := range r.Seats {
		if account != "" && s.Account == account && (first == nil || s.Name < first.Name) {
			first = s
		}
	}
	return first
}
