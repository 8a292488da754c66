package broker

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// Credential is what a request over HTTP presents.
type Credential struct {
	// User is the name of a seat (HTTP Basic), or empty (Bearer).
	User string
	// Token is the whole token.
	Token string `json:"-"`
}

// String never tells the token.
func (c Credential) String() string { return "a token of " + c.User }

// Authenticate returns the seat whose token this is. user is empty, or must be
// the seat's name; address is where the request came from, with or without a
// port. The seat is the directory's own record: it must not be changed, and
// what is shown of it is its Public.
//
// A token that was right before is answered for from memory, in microseconds.
// Every answer is by the directory in force: a revocation, a suspension or an
// expiry holds from the next request on. Any other token takes tens of
// milliseconds of one of few turns at hashing.
//
// Errors are *api.Error: unauthorized, which never tells what was wrong; locked
// after too many failures from the address or of the seat, which concerns only
// tokens that are not known to be right; busy when too many wait for a turn or
// ctx ends. The latter two say when to try again (RetryAfter).
func (h *Hub) Authenticate(ctx context.Context, user, token, address string) (*policy.Seat, error) {
	if h.mayServe() != nil {
		return nil, errCutOffNow
	}
	seat, err := h.auth.check(ctx, Credential{User: user, Token: token}, peerOf(address))
	if err == nil && h.mayServe() != nil {
		return nil, errCutOffNow
	}
	return seat, err
}

// AuthenticateCertificate returns the seat that a client certificate names as
// its subject's common name. The caller has verified the certificate. The error
// is an *api.Error, unauthorized.
func (h *Hub) AuthenticateCertificate(name string) (*policy.Seat, error) {
	if h.mayServe() != nil {
		return nil, errCutOffNow
	}
	r := h.Region()
	seat := r.Seats[name]
	switch {
	case seat == nil:
		return nil, h.auth.deny(badCredentials, 0)
	case !r.MayConnect(seat):
		return nil, h.auth.deny(seatBarred, 0)
	}
	return seat, nil
}

// errCutOffNow is answered by a node that does not know what was taken away.
var errCutOffNow = &api.Error{Code: "busy", Message: "this node of the hub is not in touch with the others; ask again shortly, or another", RetryAfter: 5 * time.Second}

// Why a credential is denied: values of the metric's label, told to nobody.
const (
	badCredentials = "bad-credentials"
	tokenExpired   = "expired"
	seatBarred     = "seat" // revoked, or its member suspended
	lockedOut      = "locked"
	tooBusy        = "busy"
)

const (
	hashesAtOnce = 2
	hashesWaited = 64 // of all addresses, and a quarter of that of one
	busyWait     = time.Second

	addressFailures = 10
	seatFailures    = 50
	addressesKept   = 4096
)

// authenticator judges credentials.
type authenticator struct {
	region  func() *policy.Region
	now     func() time.Time
	matches func(secret, hash string) bool
	log     *slog.Logger
	denials *prometheus.CounterVec

	proven  *provenTokens
	nobody  string // the hash that tokens without a seat are held against
	waiting load   // for a turn, by peer
	turns   chan struct{}

	mu      sync.Mutex
	proving map[tokenMark]*proof // under way

	// Failures by peer, by seat, and by id where no seat has the token: whoever
	// counts how many tries an id takes learns nothing of it.
	peers, seats, strangers *lockouts
}

func newAuthenticator(region func() *policy.Region, log *slog.Logger, denials *prometheus.CounterVec) *authenticator {
	return &authenticator{
		region: region, now: time.Now, matches: matchesHash, log: log, denials: denials,
		proven: newProvenTokens(), nobody: hashOfNothing(tokenCost), turns: make(chan struct{}, hashesAtOnce), proving: map[tokenMark]*proof{},
		peers: newLockouts(addressFailures, addressesKept), seats: newLockouts(seatFailures, addressesKept), strangers: newLockouts(seatFailures, addressesKept),
	}
}

func (a *authenticator) check(ctx context.Context, c Credential, peer string) (*policy.Seat, error) {
	id, secret, ok := parseToken(c.Token)
	if !ok {
		if wait := a.peers.wait(peer, a.now()); wait > 0 {
			return nil, a.deny(lockedOut, wait)
		}
		a.failed(peer, "")
		return nil, a.deny(badCredentials, 0)
	}
	mark := a.proven.mark(c.Token)
	hash, ok := a.proven.hash(mark)
	if ok && !a.stands(id, hash) {
		a.proven.forget(mark)
		ok = false
	}
	if !ok {
		var err error
		if hash, err = a.proveOnce(ctx, mark, id, secret, peer); err != nil {
			return nil, err
		}
	}
	seat, why := a.judge(id, hash, c.User)
	if why == badCredentials {
		a.failed(peer, id)
	}
	if why != "" {
		return nil, a.deny(why, 0)
	}
	return seat, nil
}

// stands reports whether the directory has a token with this hash.
func (a *authenticator) stands(id, hash string) bool {
	_, token := a.region().SeatByToken(id)
	return token != nil && token.Hash == hash
}

// judge holds a token whose secret matches hash against the directory in force.
func (a *authenticator) judge(id, hash, user string) (seat *policy.Seat, why string) {
	r := a.region()
	seat, token := r.SeatByToken(id)
	switch {
	case token == nil || token.Hash != hash: // revoked this very moment
		return nil, badCredentials
	case user != "" && subtle.ConstantTimeCompare([]byte(user), []byte(seat.Name)) != 1:
		return nil, badCredentials
	case token.Expired(a.now()):
		return nil, tokenExpired
	case !r.MayConnect(seat):
		return nil, seatBarred
	}
	return seat, ""
}

// proof is one token that is being proven. done is closed when right says how that
// ended; known is false if it did not, for want of a turn.
type proof struct {
	done         chan struct{}
	hash         string
	known, right bool
}

// proveOnce proves a token. Requests that come with the same one meanwhile, as a
// client's first ones do, wait for that and share it.
func (a *authenticator) proveOnce(ctx context.Context, mark tokenMark, id, secret, peer string) (string, error) {
	a.mu.Lock()
	p := a.proving[mark]
	if p == nil {
		p = &proof{done: make(chan struct{})}
		a.proving[mark] = p
		a.mu.Unlock()
		hash, err := a.prove(ctx, mark, id, secret, peer)
		var known *api.Error
		p.hash, p.right = hash, err == nil
		p.known = p.right || errors.As(err, &known) && known.Code == "unauthorized"
		a.mu.Lock()
		delete(a.proving, mark)
		a.mu.Unlock()
		close(p.done)
		return hash, err
	}
	a.mu.Unlock()
	select {
	case <-p.done:
	case <-ctx.Done():
		return "", a.deny(tooBusy, busyWait)
	}
	switch {
	case p.right:
		return p.hash, nil
	case p.known:
		a.failed(peer, id)
		return "", a.deny(badCredentials, 0)
	}
	return "", a.deny(tooBusy, busyWait)
}

// prove finds out whether a secret is that of the token, remembers it if it is,
// and returns the hash it matches.
func (a *authenticator) prove(ctx context.Context, mark tokenMark, id, secret, peer string) (hash string, err error) {
	if wait := a.locked(peer, id); wait > 0 {
		return "", a.deny(lockedOut, wait)
	}
	done, ok := a.turn(ctx, peer)
	if !ok {
		return "", a.deny(tooBusy, busyWait)
	}
	defer done()
	// Others with the same token, or from the same address, were before it.
	if hash, ok := a.proven.hash(mark); ok {
		return hash, nil
	}
	if wait := a.locked(peer, id); wait > 0 {
		return "", a.deny(lockedOut, wait)
	}
	hash = a.nobody
	_, token := a.region().SeatByToken(id)
	if token != nil {
		hash = token.Hash
	}
	if !a.matches(secret, hash) || token == nil {
		a.failed(peer, id)
		return "", a.deny(badCredentials, 0)
	}
	a.proven.remember(mark, hash)
	return hash, nil
}

// turn waits for one of the turns at hashing, and says how to give it back. It
// does not wait where too many do, nor beyond ctx.
func (a *authenticator) turn(ctx context.Context, peer string) (done func(), ok bool) {
	if !a.waiting.take(peer, 1, hashesWaited) {
		return nil, false
	}
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		a.waiting.give(peer, 1)
		return nil, false
	}
	return func() { <-a.turns; a.waiting.give(peer, 1) }, true
}

// bySeat is where the failures of a token count besides those of the address.
func (a *authenticator) bySeat(id string) (l *lockouts, key string) {
	if seat, _ := a.region().SeatByToken(id); seat != nil {
		return a.seats, seat.Name
	}
	return a.strangers, id
}

// locked is for how long no token of this id from this peer is looked at.
func (a *authenticator) locked(peer, id string) time.Duration {
	now := a.now()
	l, key := a.bySeat(id)
	return max(a.peers.wait(peer, now), l.wait(key, now))
}

// failed counts a failure of the peer, and of the seat if the token has an id.
func (a *authenticator) failed(peer, id string) {
	now := a.now()
	if wait := a.peers.failed(peer, now); wait > 0 {
		a.log.Warn("too many tokens from one address failed; it is locked out", "from", peer, "for", wait)
	}
	if id == "" {
		return
	}
	l, key := a.bySeat(id)
	if wait := l.failed(key, now); wait > 0 && l == a.seats {
		a.log.Warn("too many tokens of one seat failed; those not known to be right are locked out", "seat", key, "for", wait)
	}
}

// deny counts a denial and makes the answer to it.
func (a *authenticator) deny(why string, wait time.Duration) error {
	a.denials.WithLabelValues(why).Inc()
	switch why {
	case lockedOut:
		return &api.Error{Code: "locked", Message: "too many attempts failed; try again later", RetryAfter: wait}
	case tooBusy:
		return &api.Error{Code: "busy", Message: "too many wait to be authenticated; ask again shortly", RetryAfter: wait}
	}
	return &api.Error{Code: "unauthorized", Message: "this is no credential of a seat that may ask; the hub's team can make one"}
}
