package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/invite"
	"github.com/selat-hub/selat/broker/policy"
)

// Enrolment: a seat's private key is made at its own side and never leaves it. An
// administrator invites the seat, which reserves its name and account; whoever
// holds the code sends a public key, and gets the hub's signature on it.

// longestInvitation bounds how long an invitation is good.
const longestInvitation = 30 * 24 * time.Hour

// enrolment is where the hub takes those who are invited, and who failed there.
type enrolment struct {
	door  atomic.Pointer[frontDoor]
	peers *lockouts
}

// frontDoor is the hub's front door as an invitation names it.
type frontDoor struct {
	url string
	pin invite.Pin
}

// OpenEnrolment says that enrolments are taken at api.EnrolPath of this URL, by
// whoever calls Enrol for them: until then there are no invitations. The URL is
// the listener's own; an invitation names taxii.advertise instead where that is
// set, else the host of advertise with the listener's port.
func (h *Hub) OpenEnrolment(listener string) error {
	front, err := frontDoorURL(&h.cfg, listener)
	if err != nil {
		return err
	}
	d := &frontDoor{url: front}
	if h.cfg.TLS.Cert != "" {
		if d.pin, err = h.pin(); err != nil {
			return err
		}
	}
	h.enrolment.door.Store(d)
	return nil
}

func frontDoorURL(cfg *Config, listener string) (string, error) {
	if cfg.TAXII.Advertise != "" {
		return strings.TrimSuffix(cfg.TAXII.Advertise, "/"), nil
	}
	u, err := url.Parse(listener)
	if err != nil {
		return "", fmt.Errorf("reading the address of the front door: %w", err)
	}
	first, _, _ := strings.Cut(cfg.Advertise, ",")
	if at, err := url.Parse(first); err == nil && at.Hostname() != "" {
		u.Host = net.JoinHostPort(at.Hostname(), u.Port())
	}
	return u.Scheme + "://" + u.Host, nil
}

func (h *Hub) pin() (invite.Pin, error) {
	pair, err := tls.LoadX509KeyPair(h.cfg.TLS.Cert, h.cfg.TLS.Key)
	if err != nil {
		return invite.Pin{}, fmt.Errorf("reading tls.cert for invitations: %w", err)
	}
	var served []*x509.Certificate
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return invite.Pin{}, fmt.Errorf("reading tls.cert for invitations: %w", err)
		}
		served = append(served, c)
	}
	ca, err := h.authority()
	if err != nil {
		return invite.Pin{}, err
	}
	return invite.Choose(served, ca)
}

// Invite makes an invitation of a seat and returns its code, which is told here
// only. A seat that is not there yet is made, without a key; one that is invited
// already gets a new code, and the old one ends. A seat that has credentials is
// refused unless q.Replace: these stay until the code is redeemed.
func (h *Hub) Invite(ctx context.Context, q api.SeatInvite) (api.Invited, error) {
	d := h.enrolment.door.Load()
	if d == nil {
		return api.Invited{}, conflict("this hub takes no enrolments: they come in over its HTTPS listener, taxii.listen; turn it on, or make credentials here with `selat seat add`")
	}
	now := h.auth.now().UTC()
	if left := q.Expires.Sub(now); left <= 0 || left > longestInvitation {
		return api.Invited{}, invalid("an invitation is good for up to 30 days from now, and not until %s", q.Expires.UTC().Format(time.RFC3339))
	}
	code := invite.New(d.url, q.Name, d.pin)
	text, err := code.Text()
	if err != nil {
		return api.Invited{}, invalid("%v", err)
	}
	kp, err := nkeys.CreateAccount()
	if err != nil {
		return api.Invited{}, fmt.Errorf("making an account key: %w", err)
	}
	invitation := &policy.Invitation{ID: code.ID, Hash: invite.Hash(code.Secret), Created: now, Expires: q.Expires.UTC()}
	err = h.change(ctx, func(dr draft) error { return inviteSeat(dr, q, public(kp), invitation) })
	if err != nil {
		return api.Invited{}, err
	}
	h.log.Info("a seat was invited", "seat", q.Name, "id", code.ID, "expires", invitation.Expires)
	return api.Invited{Seat: q.Name, ID: code.ID, Code: text, URL: d.url, Expires: invitation.Expires}, nil
}

// inviteSeat puts the invitation on the seat, which it makes if need be.
func inviteSeat(d draft, q api.SeatInvite, account string, i *policy.Invitation) error {
	member, _, no := policy.SplitSeat(q.Name)
	if no != nil {
		return refused(no)
	}
	m, err := d.member(member)
	if err != nil {
		return err
	}
	was := d.Seats[q.Name]
	switch {
	case was != nil && !was.Revoked && was.Enrolled() && !q.Replace:
		return conflict("seat %s has credentials: say --replace to let its own side make new ones, or name another seat", q.Name)
	case was != nil && !was.Revoked && was.Enrolled():
		seat, err := d.seat(q.Name)
		if err != nil {
			return err
		}
		seat.Invitation = i
		return nil
	case was != nil && !was.Revoked: // invited, and not come yet: what it may do can still be chosen
		account = was.Account
	}
	seat := &policy.Seat{Name: q.Name, Member: member, Account: account, Kind: q.Kind, Standing: q.Standing, Ceiling: q.Ceiling, Created: i.Created, Invitation: i}
	if was != nil && !was.Revoked {
		seat.Created, seat.Tokens, seat.Floors, seat.Held = was.Created, was.Tokens, was.Floors, was.Held
		seat.FilterType, seat.FilterOrigin = was.FilterType, was.FilterOrigin
	}
	if no := policy.CheckSeat(seat, m); no != nil {
		return refused(no)
	}
	d.Seats[q.Name] = seat
	return nil
}

// EndInvitation withdraws the invitation of a seat. A seat that never had
// credentials goes with it.
func (h *Hub) EndInvitation(ctx context.Context, name string) error {
	return h.change(ctx, func(d draft) error {
		seat, err := d.seat(name)
		if err != nil {
			return err
		}
		if seat.Invitation == nil {
			return notFound("invitation of seat", name, "selat member invitations")
		}
		if seat.Invitation = nil; !seat.Enrolled() {
			delete(d.Seats, name)
		}
		return nil
	})
}

// Enrol redeems an invitation: the seat's key is from now on the public key of q,
// and the code is spent. address is where the request came from.
//
// A code that is unknown, used, withdrawn or expired, a seat that is shut, and a
// key without a proof are refused alike. Errors are *api.Error: enrolment-refused;
// locked after too many refusals of one address; unfinished and internal as with
// any change.
func (h *Hub) Enrol(ctx context.Context, q api.Enrolment, address string) (*api.Enrolled, error) {
	peer, now := peerOf(address), h.auth.now()
	if wait := h.enrolment.peers.wait(peer, now); wait > 0 {
		h.Metrics.Enrolments.WithLabelValues("locked").Inc()
		return nil, &api.Error{Code: "locked", Message: "too many attempts failed; try again later", RetryAfter: wait}
	}
	out, err := h.enrolAnywhere(ctx, q)
	switch {
	case err == nil:
		h.Metrics.Enrolments.WithLabelValues("enrolled").Inc()
		h.log.Info("a seat was enrolled", "seat", out.Seat, "from", peer)
	case errors.Is(err, errEnrolmentRefused):
		h.Metrics.Enrolments.WithLabelValues("refused").Inc()
		if wait := h.enrolment.peers.failed(peer, now); wait > 0 {
			h.log.Warn("too many enrolments from one address were refused; it is locked out", "from", peer, "for", wait)
		}
	default:
		h.Metrics.Enrolments.WithLabelValues("failed").Inc()
	}
	return out, err
}

var errEnrolmentRefused = &api.Error{Code: "enrolment-refused", Message: "this invitation is not good: it was used, was withdrawn, has expired, or never was; ask the hub's team for another"}

// enrolAnywhere has the node that leads decide.
func (h *Hub) enrolAnywhere(ctx context.Context, q api.Enrolment) (*api.Enrolled, error) {
	if h.leading() {
		return h.enrol(ctx, q)
	}
	var out api.Enrolled
	err := h.askLeader(ctx, enrolAsked, q, &out)
	var known *api.Error
	if errors.As(err, &known) && known.Code == errEnrolmentRefused.Code {
		return nil, errEnrolmentRefused
	}
	return &out, err
}

func (h *Hub) enrol(ctx context.Context, q api.Enrolment) (*api.Enrolled, error) {
	if invite.CheckProof(q.ID, q.Secret, q.User, q.Proof) != nil {
		return nil, errEnrolmentRefused
	}
	// Before the directory is locked, so that a stranger holds up no change.
	if h.invited(h.Region(), &q) == nil {
		return nil, errEnrolmentRefused
	}
	ca, err := h.authority()
	if err != nil {
		return nil, err
	}
	out := &api.Enrolled{URL: h.URL(), CA: string(ca)}
	text, id, hash := "", "", ""
	if q.Token {
		text, id, hash = newToken(tokenCost)
	}
	err = h.change(ctx, func(d draft) error {
		found := h.invited(d.Region, &q)
		if found == nil {
			return errEnrolmentRefused
		}
		seat, err := d.seat(found.Name)
		if err != nil {
			return err
		}
		if q.Token {
			t := policy.Token{ID: id, Label: "enrolment", Hash: hash, Created: h.auth.now().UTC()}
			if no := d.CheckNewToken(seat, &t); no != nil {
				return refused(no)
			}
			seat.Tokens, out.Token = append(slices.Clone(seat.Tokens), t), text
		}
		if out.JWT, err = signUser(h.keys, seat, q.User); err != nil {
			return err
		}
		if seat.Enrolled() {
			seat.Retired = append(slices.Clone(seat.Retired), seat.User)
		}
		out.Seat, seat.User, seat.Invitation = seat.Name, q.User, nil
		return nil
	})
	var known *api.Error
	if errors.As(err, &known) && known.Code == "unfinished" && out.JWT != "" {
		// The seat is enrolled and its code spent: without the answer it would be
		// lost. The hub goes on until it is in force.
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// invited is the seat whose invitation a request redeems at this moment, nil if it
// does not. A key that any seat has or had is not taken: it is not a new one.
func (h *Hub) invited(r *policy.Region, q *api.Enrolment) *policy.Seat {
	seat := r.SeatByInvitation(q.ID)
	if seat == nil {
		return nil
	}
	good := invite.Matches(q.Secret, seat.Invitation.Hash)
	if !good || seat.Invitation.Expired(h.auth.now()) || !r.MayConnect(seat) {
		return nil
	}
	for _, s := range r.Seats {
		if s.User == q.User || slices.Contains(s.Retired, q.User) {
			return nil
		}
	}
	return seat
}

// signUser signs a user of a seat whose key somebody else holds.
func signUser(k *keyring, seat *policy.Seat, user string) (string, error) {
	uc := jwt.NewUserClaims(user)
	uc.Name = seat.Name
	uc.IssuerAccount = seat.Account
	// A scoped user carries no permissions of its own.
	uc.UserPermissionLimits = jwt.UserPermissionLimits{}
	token, err := uc.Encode(k.seats)
	if err != nil {
		return "", fmt.Errorf("signing a user of seat %s: %w", seat.Name, err)
	}
	return token, nil
}
