package policy

import (
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// Token lets a seat ask over HTTP what its credentials let it ask over NATS.
// The token itself is told once and kept nowhere; this is what the directory
// knows of it.
type Token struct {
	// ID is the public part: it names the token in lists and in revocations, and
	// alone opens nothing.
	ID    string `json:"id"`
	Label string `json:"label,omitempty"`
	// Hash is of the secret part, argon2id in the PHC string form. It never
	// leaves the hub: what is listed is Public.
	Hash    string    `json:"hash,omitempty"`
	Created time.Time `json:"created"`
	// Expires is when the token ends by itself; zero is never.
	Expires time.Time `json:"expires,omitzero"`
}

// Bounds on tokens: how many a seat has, expired ones included, and how many
// characters a label.
const (
	MaxTokens     = 16
	MaxTokenLabel = 64
)

var tokenID = regexp.MustCompile(`\A[a-z0-9]{12,32}\z`)

// Expired reports whether the token has ended by itself.
func (t *Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// Public is the seat as it may be shown: its tokens and its invitation without
// their hashes.
func (s *Seat) Public() Seat {
	out := *s
	out.Tokens = slices.Clone(s.Tokens)
	for i := range out.Tokens {
		out.Tokens[i].Hash = ""
	}
	if s.Invitation != nil {
		i := *s.Invitation
		i.Hash, out.Invitation = "", &i
	}
	return out
}

// CheckNewToken refuses a token that a seat cannot be given: one too many, an
// id of another form or in use, a label that is too long or not on one line.
// Codes: token-many, token-invalid, label-invalid.
func (r *Region) CheckNewToken(s *Seat, t *Token) *Refusal {
	switch used, _ := r.SeatByToken(t.ID); {
	case len(s.Tokens) >= MaxTokens:
		return refuse("token-many", "seat %s has %d tokens, and no seat has more: revoke those that are not used", s.Name, len(s.Tokens))
	case !tokenID.MatchString(t.ID):
		return refuse("token-invalid", "%q is no id of a token: it has 12 to 32 of a-z and 0-9", t.ID)
	case used != nil:
		return refuse("token-invalid", "the id %s is in use", t.ID)
	case t.Hash == "":
		return refuse("token-invalid", "a token needs the hash of its secret")
	case utf8.RuneCountInString(t.Label) > MaxTokenLabel:
		return refuse("label-invalid", "the label has more than %d characters", MaxTokenLabel)
	case !printable(t.Label):
		return refuse("label-invalid", "a label is one line of text")
	}
	return nil
}

func printable(s string) bool {
	for _, c := range s {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

// tokenAt is where the region has a token.
type tokenAt struct {
	seat  *Seat
	token *Token
}

// SeatByToken returns the token of this id and the seat it belongs to, or nil:
// whether or not the token has expired and the seat may connect.
func (r *Region) SeatByToken(id string) (*Seat, *Token) {
	at := r.tokens[id]
	if r.tokens == nil {
		for _, s := range r.Seats {
			at = at.or(s, id)
		}
	}
	return at.seat, at.token
}

// or prefers the first by name among seats that have a token of one id, which
// CheckNewToken never lets come about.
func (at tokenAt) or(s *Seat, id string) tokenAt {
	i := slices.IndexFunc(s.Tokens, func(t Token) bool { return t.ID == id })
	if id == "" || i < 0 || at.seat != nil && at.seat.Name <= s.Name {
		return at
	}
	return tokenAt{s, &s.Tokens[i]}
}
