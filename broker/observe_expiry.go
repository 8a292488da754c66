package broker

import (
	"cmp"
	"slices"
	"time"
)

// MemberExpiry is when the first of a member's tokens ends that still open
// something.
type MemberExpiry struct {
	Member string
	At     time.Time
}

// TokenExpiries tells it of each member with a token that ends by itself, by name.
// One line for a member and not for a token keeps the number of lines bounded.
func (h *Hub) TokenExpiries(now time.Time) []MemberExpiry {
	next := map[string]time.Time{}
	for _, s := range h.Region().Seats {
		if s.Revoked {
			continue
		}
		for i := range s.Tokens {
			t := &s.Tokens[i]
			if t.Expires.IsZero() || t.Expired(now) {
				continue
			}
			if first := next[s.Member]; first.IsZero() || t.Expires.Before(first) {
				next[s.Member] = t.Expires
			}
		}
	}
	out := make([]MemberExpiry, 0, len(next))
	for m, at := range next {
		out = append(out, MemberExpiry{m, at})
	}
	slices.SortFunc(out, func(a, b MemberExpiry) int { return cmp.Compare(a.Member, b.Member) })
	return out
}
