package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
)

// accounts is where the engine finds who may connect: what the directory in force
// says, signed when it is put in force, and nowhere else. Each node signs by its own
// copy of the directory, so that none takes over from another what that one did not
// know to be revoked.
//
// A seat that connects before the directory was read waits, and is not turned away.
type accounts struct {
	server.MemAccResolver

	open chan struct{} // closed once the directory is in force
	once sync.Once

	mu     sync.Mutex
	issued map[string]bool // accounts that were put here
	loaded map[string]bool // those that the engine has asked for, or may have
}

func newAccounts() *accounts {
	return &accounts{open: make(chan struct{}), issued: map[string]bool{}, loaded: map[string]bool{}}
}

// fetchWait is how long somebody who connects waits for the directory.
const fetchWait = 10 * time.Second

// Fetch is called by the engine for an account that it does not know yet.
func (a *accounts) Fetch(name string) (string, error) {
	a.load(name) // first: what is put here from now on is brought to the engine
	if token, err := a.MemAccResolver.Fetch(name); err == nil {
		return token, nil
	}
	ctx, done := context.WithTimeout(context.Background(), fetchWait)
	defer done()
	select {
	case <-a.open:
	case <-ctx.Done():
		return "", errors.New("the directory is not in force yet")
	}
	return a.MemAccResolver.Fetch(name)
}

func (a *accounts) load(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded[name] = true
}

// Store puts an account here for the engine to find.
func (a *accounts) Store(name, token string) error {
	a.mu.Lock()
	a.issued[name] = true
	a.mu.Unlock()
	return a.MemAccResolver.Store(name, token)
}

func (a *accounts) isLoaded(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.loaded[name]
}

// strangers are the accounts that were put here and that known does not know.
func (a *accounts) strangers(known func(account string) bool) (out []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range a.issued {
		if !known(name) {
			out = append(out, name)
		}
	}
	return out
}

// inForce lets in those who waited for the directory.
func (a *accounts) inForce() { a.once.Do(func() { close(a.open) }) }

// pushAccount signs an account and puts it in force on this node, for live
// connections too, before it returns.
func (h *Hub) pushAccount(c *jwt.AccountClaims) error {
	token, err := c.Encode(h.keys.signing)
	if err != nil {
		return fmt.Errorf("signing account %s: %w", c.Name, err)
	}
	decoded, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return fmt.Errorf("reading back account %s: %w", c.Name, err)
	}
	if decoded.Issuer != public(h.keys.signing) {
		return fmt.Errorf("account %s is not signed by this hub's operator", c.Name)
	}
	if err := h.accounts.Store(c.Subject, token); err != nil {
		return fmt.Errorf("keeping account %s: %w", c.Name, err)
	}
	if !h.accounts.isLoaded(c.Subject) {
		return nil // the engine will find it here
	}
	acc, err := h.engine.LookupAccount(c.Subject)
	if err != nil {
		return fmt.Errorf("bringing account %s in force: %w", c.Name, err)
	}
	h.engine.UpdateAccountClaims(acc, decoded)
	return nil
}
