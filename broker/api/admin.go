package api

import (
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// AdminPrefix begins the subjects of the hub's own team: admin.<what>.<act>,
// such as admin.member.add. They exist in the HUB account only, and only the
// administrator's credentials may ask them. AdminInbox is where answers go.
const (
	AdminPrefix = "admin."
	AdminInbox  = "_INBOX.admin"
)

// MemberChange adds or edits a member. In an edit, nil leaves a field as it is.
type MemberChange struct {
	Name        string      `json:"name"`
	Title       *string     `json:"title,omitempty"`
	Identities  *[]string   `json:"identities,omitempty"`
	ReceiveOnly *bool       `json:"receive_only,omitempty"`
	Unmarked    *stix.Level `json:"unmarked,omitempty"`
	AmberTo     *string     `json:"amber_to,omitempty"`
}

// Named names the one thing an act is about.
type Named struct {
	Name string `json:"name"`
}

// SeatAdd makes a seat.
type SeatAdd struct {
	Name         string          `json:"name"`
	Kind         policy.Kind     `json:"kind"`
	Standing     policy.Standing `json:"standing"`
	Ceiling      stix.Level      `json:"ceiling"`
	FilterType   string          `json:"filter_type,omitempty"`
	FilterOrigin string          `json:"filter_origin,omitempty"`
}

// Credentials is a credentials file, told once and kept nowhere.
type Credentials struct {
	Seat  string `json:"seat"`
	Creds string `json:"creds"`
}

// TokenAdd makes a token of a seat.
type TokenAdd struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	// Expires is when the token ends by itself; zero is never.
	Expires time.Time `json:"expires,omitzero"`
}

// NewToken is a token, told once and kept nowhere.
type NewToken struct {
	Seat    string    `json:"seat"`
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires,omitzero"`
}

// TokenRevoke ends a token of a seat.
type TokenRevoke struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// Tokens lists the tokens of a seat, without their hashes.
type Tokens struct {
	Seat   string         `json:"seat"`
	Tokens []policy.Token `json:"tokens"`
}

// SeatCeiling sets a seat's ceiling.
type SeatCeiling struct {
	Name    string     `json:"name"`
	Ceiling stix.Level `json:"ceiling"`
}

// CommunityAdd makes a community with an empty roster.
type CommunityAdd struct {
	Name    string   `json:"name"`
	Title   string   `json:"title,omitempty"`
	Private bool     `json:"private,omitempty"`
	Known   []string `json:"known,omitempty"`
}

// Roster is a place taken or given up.
type Roster struct {
	Community string `json:"community"`
	Member    string `json:"member"`
	History   bool   `json:"history,omitempty"`
}

// RouteAs asks who would receive a submission of a member, seat by seat.
type RouteAs struct {
	From     string     `json:"from"`
	To       []string   `json:"to,omitempty"`
	Unmarked stix.Level `json:"unmarked,omitempty"`
	Payload  []byte     `json:"payload"`
}

// Directory answers every list and show: only what was asked for is filled.
type Directory struct {
	Members     []policy.Member    `json:"members,omitempty"`
	Seats       []policy.Seat      `json:"seats,omitempty"`
	Communities []policy.Community `json:"communities,omitempty"`
}

// Done answers an act that returns nothing more.
type Done struct {
	Done    bool      `json:"done"`
	At      time.Time `json:"at"`
	Message string    `json:"message,omitempty"`
}

// CatalogVerify asks how the comparison of the catalogue with the streams goes,
// and with Begin for one if none is under way.
type CatalogVerify struct {
	Begin bool `json:"begin,omitempty"`
	// Node is whose catalogue, in a cluster; empty for that of the node that leads.
	Node string `json:"node,omitempty"`
}

// CatalogVerification is how far that is, or what the last one found.
type CatalogVerification struct {
	Running bool `json:"running"`
	// Messages of about Of were read, with Objects that name Values.
	Messages uint64 `json:"messages"`
	Of       uint64 `json:"of"`
	Objects  uint64 `json:"objects"`
	Values   uint64 `json:"values"`
	// Wrong counts what does not agree; Differences says what, at most a hundred
	// lines, once it no longer runs.
	Wrong       uint64   `json:"wrong"`
	Differences []string `json:"differences,omitempty"`
	// Error is why it did not come to its end.
	Error string `json:"error,omitempty"`
}

// CatalogCounts asks how many objects there are, by some of CountBy.
type CatalogCounts struct {
	By []string `json:"by"`
}

// CountBy is what objects are counted by.
var CountBy = []string{"member", "tlp", "type", "day"}

// ObjectCount is how many objects are stored, each once for each audience: of one
// member, level, type and day (UTC), as far as they were counted by these.
type ObjectCount struct {
	Day     string     `json:"day,omitempty"` // 2026-11-29
	Member  string     `json:"member,omitempty"`
	Level   stix.Level `json:"tlp,omitempty"`
	Type    string     `json:"type,omitempty"`
	Objects uint64     `json:"objects"`
}

// ObjectCounts answers catalog.counts.
type ObjectCounts struct {
	Counts []ObjectCount `json:"counts"`
}
