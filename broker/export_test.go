package broker

import (
	"context"
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// What the tests of the attack need and nobody else may have.

// SyncLazily has the engines of this process write to disk when it suits them, as no
// hub does.
func SyncLazily() { syncAlways = false }

// OwnCopies says of each stream of objects what this node's own copy of it holds.
func (h *Hub) OwnCopies() (map[string]string, error) {
	d, err := h.engine.JszAccount(&server.JSzOptions{Account: public(h.keys.hub), Streams: true})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i := range d.Streams {
		s := d.Streams[i].State
		out[d.Streams[i].Name] = fmt.Sprintf("%d messages from %d to %d, %d deleted", s.Msgs, s.FirstSeq, s.LastSeq, s.NumDeleted)
	}
	return out, nil
}

// LeaderGet reads a message as the node whose engine leads its stream has it.
func (h *Hub) LeaderGet(ctx context.Context, stream string, seq uint64) ([]byte, error) {
	m, err := h.leaderGet(ctx, stream, map[string]any{"seq": seq})
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

// Stores is JetStream as the HUB account sees it.
func (h *Hub) Stores() jetstream.JetStream { return h.js }

// SystemAccount and HubAccount are public keys an attacker would like to use.
func (h *Hub) SystemAccount() string { return public(h.keys.sys) }
func (h *Hub) HubAccount() string    { return public(h.keys.hub) }

// WidenedUser gives the account of a seat a second, unscoped signing key and
// returns a user signed with it: one that may publish and subscribe to
// everything its account can reach. It is what a seat would be if the scope of
// its credentials failed; the account's own walls must hold alone.
func (h *Hub) WidenedUser(seat string) (nats.Option, error) {
	r := h.Region()
	s := r.Seats[seat]
	if s == nil {
		return nil, fmt.Errorf("no seat %s", seat)
	}
	signer, err := nkeys.CreateAccount()
	if err != nil {
		return nil, err
	}
	c := h.accountOf(r, s)
	c.SigningKeys.Add(public(signer))
	if err := h.pushAccount(c); err != nil {
		return nil, err
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	uc := jwt.NewUserClaims(public(user))
	uc.Name, uc.IssuerAccount = seat+" widened", s.Account
	uc.Pub.Allow.Add(">")
	uc.Sub.Allow.Add(">")
	token, err := uc.Encode(signer)
	return userOption(token, user), err
}

// GiveUp makes the writer of a stream as it is when a write of it was given up: it
// has a stamp of which nobody knows what became.
func (h *Hub) GiveUp(stream string) {
	w := h.writers.of(stream)
	stamp := h.writers.clock.next(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stale, w.doubted = true, append(w.doubted, stamp)
}

// AccountsInForce are the accounts that the engine finds, by name.
func (h *Hub) AccountsInForce() map[string]string {
	out := map[string]string{}
	for _, account := range h.accounts.strangers(func(string) bool { return false }) {
		if token, err := h.accounts.Fetch(account); err == nil {
			out[account] = token
		}
	}
	return out
}
