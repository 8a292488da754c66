package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// AddToken makes a token of a seat, good until expires or, if that is zero,
// until it is revoked. It is told in the answer only; the hub keeps none.
func (h *Hub) AddToken(ctx context.Context, seat, label string, expires time.Time) (api.NewToken, error) {
	now := h.auth.now().UTC()
	expires = expires.UTC()
	switch {
	case expires.IsZero():
	case !expires.After(now):
		return api.NewToken{}, invalid("a token that expires at %s would be of no use: that is past", expires.Format(time.RFC3339))
	case expires.Year() > 9999: // which RFC 3339 cannot write
		return api.NewToken{}, invalid("a token expires by the year 9999, or never")
	}
	text, id, hash := newToken(tokenCost)
	t := policy.Token{ID: id, Label: label, Hash: hash, Created: now, Expires: expires}
	err := h.change(ctx, func(d draft) error {
		s, err := d.seat(seat)
		if err != nil {
			return err
		}
		if s.Revoked {
			return conflict("seat %s is revoked for good: add it anew", seat)
		}
		if no := d.CheckNewToken(s, &t); no != nil {
			return refused(no)
		}
		s.Tokens = append(slices.Clone(s.Tokens), t)
		return nil
	})
	if err != nil {
		return api.NewToken{}, err
	}
	h.log.Info("a token was made", "seat", seat, "id", id, "expires", t.Expires)
	return api.NewToken{Seat: seat, ID: id, Token: text, Expires: t.Expires}, nil
}

// RevokeToken ends a token: the next request with it is refused.
func (h *Hub) RevokeToken(ctx context.Context, seat, id string) error {
	err := h.change(ctx, func(d draft) error {
		s, err := d.seat(seat)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.Tokens, func(t policy.Token) bool { return t.ID == id })
		if i < 0 {
			// What is no id may be a secret, and is not repeated.
			return &api.Error{Code: "not-found", Message: fmt.Sprintf("seat %s has no token of that id: `selat seat token list %[1]s` shows those there are", seat)}
		}
		s.Tokens = slices.Delete(slices.Clone(s.Tokens), i, i+1)
		return nil
	})
	if err != nil {
		return err
	}
	h.log.Info("a token was revoked", "seat", seat, "id", id)
	return nil
}

// listTokens lists the tokens of a seat in the order they were made.
func (h *Hub) listTokens(name string) (any, error) {
	s := h.Region().Seats[name]
	if s == nil {
		return nil, notFound("seat", name, "selat seat list")
	}
	return api.Tokens{Seat: name, Tokens: append([]policy.Token{}, s.Public().Tokens...)}, nil
}
