package api

import (
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// SeatInvite makes an invitation of a seat: of a new one, of one that is invited
// already, or with Replace of one that has credentials.
type SeatInvite struct {
	Name     string          `json:"name"`
	Kind     policy.Kind     `json:"kind,omitempty"`
	Standing policy.Standing `json:"standing,omitempty"`
	Ceiling  stix.Level      `json:"ceiling,omitempty"`
	Expires  time.Time       `json:"expires"`
	Replace  bool            `json:"replace,omitempty"`
}

// Invited is an invitation, its code told once and kept nowhere.
type Invited struct {
	Seat    string    `json:"seat"`
	ID      string    `json:"id"`
	Code    string    `json:"code"`
	URL     string    `json:"url"`
	Expires time.Time `json:"expires"`
}

// EnrolPath is where the hub's front door takes an Enrolment, by POST.
const EnrolPath = "/enrol"

// Enrolment redeems an invitation with a key that the member's side made and
// keeps. Proof is the key's signature, as invite.CheckProof has it.
type Enrolment struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// User is the public key of a NATS user.
	User  string `json:"user"`
	Proof string `json:"proof"`
	// Token asks for a token of the seat besides, good for as long as it is not
	// revoked.
	Token bool `json:"token,omitempty"`
}

// Enrolled is what makes the key into credentials.
type Enrolled struct {
	Seat string `json:"seat"`
	// JWT is the user's, signed by the hub.
	JWT string `json:"jwt"`
	// URL is where the seat connects; CA its private authority in PEM, if it has
	// one.
	URL   string `json:"url"`
	CA    string `json:"ca,omitempty"`
	Token string `json:"token,omitempty"`
}
