package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The acts of the hub's team. Each is one change of the directory, in force
// when it returns; live connections lose at once what an act takes away.

func notFound(what, name, list string) error {
	return &api.Error{Code: "not-found", Message: fmt.Sprintf("there is no %s %q: `%s` shows those there are", what, name, list)}
}

func invalid(format string, args ...any) error {
	return &api.Error{Code: "invalid", Message: fmt.Sprintf(format, args...)}
}

func refused(no *policy.Refusal) error {
	return &api.Error{Code: no.Code, Message: no.Message}
}

func conflict(format string, args ...any) error {
	return &api.Error{Code: "conflict", Message: fmt.Sprintf(format, args...)}
}

// AddMember enrols a member. It joins it to no community. Its RED inbox is
// made, and starts after whatever a former member of that name received.
func (h *Hub) AddMember(ctx context.Context, m policy.Member) error {
	return h.change(ctx, func(d draft) error {
		if no := d.CheckNewMember(&m); no != nil {
			return refused(no)
		}
		if err := d.checkAmberTo(&m); err != nil {
			return err
		}
		last, err := h.lastSeq(ctx, d.Name(policy.Stream{Audience: m.Name, Level: stix.Red}))
		if err != nil && !missing(err) {
			return err
		}
		orders, err := h.lastSeq(ctx, policy.ControlName(m.Name))
		if err != nil && !missing(err) {
			return err
		}
		m.RedStart, m.ControlStart, m.Since = last+1, orders+1, h.writers.clock.now()
		d.Members[m.Name] = &m
		return nil
	})
}

// checkAmberTo refuses a default audience that does not exist.
func (d draft) checkAmberTo(m *policy.Member) error {
	if m.AmberTo != "" && d.Communities[m.AmberTo] == nil {
		return notFound("community", m.AmberTo, "selat community list")
	}
	return nil
}

// EditMember changes what a member may set: title, defaults, identities,
// receive-only. Suspension and removal are acts of their own.
func (h *Hub) EditMember(ctx context.Context, name string, edit func(*policy.Member)) error {
	return h.change(ctx, func(d draft) error {
		m, err := d.member(name)
		if err != nil {
			return err
		}
		was := *m
		edit(m)
		m.Name, m.Suspended, m.RedStart, m.ControlStart, m.Since = name, was.Suspended, was.RedStart, was.ControlStart, was.Since
		if no := d.CheckIdentities(name, m.Identities); no != nil {
			return refused(no)
		}
		return d.checkAmberTo(m)
	})
}

// SuspendMember shuts a member out: its connections drop, its durables go, and
// how far each had acknowledged is kept for ResumeMember.
func (h *Hub) SuspendMember(ctx context.Context, name string) error {
	return h.change(ctx, func(d draft) error {
		m, err := d.member(name)
		if err != nil {
			return err
		}
		if m.Suspended {
			return conflict("member %s is suspended already", name)
		}
		for _, sn := range d.seatsOf(name) {
			seat, err := d.seat(sn)
			if err != nil {
				return err
			}
			if seat.Floors, err = h.ackFloors(ctx, d.Region, seat); err != nil {
				return err
			}
		}
		m.Suspended = true
		return nil
	})
}

// ackFloors reads how far a seat has acknowledged on each stream where it
// holds a durable.
func (h *Hub) ackFloors(ctx context.Context, r *policy.Region, seat *policy.Seat) (map[string]uint64, error) {
	floors := map[string]uint64{}
	for _, s := range r.Readable(seat) {
		c, err := h.js.Consumer(ctx, r.Name(s), seat.Account)
		if missing(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the position of %s: %w", seat.Name, err)
		}
		floors[r.Name(s)] = c.CachedInfo().AckFloor.Stream
	}
	return floors, nil
}

// ResumeMember undoes SuspendMember: seats connect again and go on after what
// they had acknowledged.
func (h *Hub) ResumeMember(ctx context.Context, name string) error {
	err := h.change(ctx, func(d draft) error {
		m, err := d.member(name)
		if err != nil {
			return err
		}
		if !m.Suspended {
			return conflict("member %s is not suspended", name)
		}
		m.Suspended = false
		return nil
	})
	if err != nil {
		return err
	}
	return h.restoreFloors(ctx, name)
}

func (h *Hub) restoreFloors(ctx context.Context, member string) error {
	h.gate.RLock()
	r := h.Region()
	var errs []error
	for _, seat := range r.Seats {
		if seat.Member != member || len(seat.Floors) == 0 {
			continue
		}
		for _, s := range r.Readable(seat) {
			errs = append(errs, h.restoreFloor(ctx, r, seat, s))
		}
	}
	h.gate.RUnlock()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return h.change(ctx, func(d draft) error {
		for _, sn := range d.seatsOf(member) {
			seat, err := d.seat(sn)
			if err != nil {
				return err
			}
			seat.Floors = nil
		}
		return nil
	})
}

// restoreFloor makes the durable a suspension took away, to go on after what
// the seat had acknowledged. One that exists is left as it is: it has gone on.
func (h *Hub) restoreFloor(ctx context.Context, r *policy.Region, seat *policy.Seat, s policy.Stream) error {
	floor, saved := seat.Floors[r.Name(s)]
	if !saved {
		return nil
	}
	if _, err := h.js.Consumer(ctx, r.Name(s), seat.Account); !missing(err) {
		return err
	}
	_, err := h.durableFrom(ctx, seat.Account, s, floor+1)
	return err
}

// durableFrom makes sure of a durable and sets it to deliver from seq on, but
// never from before what the seat may read, nor from beyond the next message.
// It returns the sequence set.
func (h *Hub) durableFrom(ctx context.Context, account string, s policy.Stream, seq uint64) (uint64, error) {
	_, from, err := h.ensureDurable(ctx, account, s)
	if err != nil {
		return 0, err
	}
	name := h.Region().Name(s)
	last, err := h.lastSeq(ctx, name)
	if err != nil {
		return 0, err
	}
	seq = max(from, min(seq, last+1))
	return seq, h.resetDurable(ctx, name, account, seq)
}

// RemoveMember revokes a member's seats, takes it off every roster and forgets
// it. What it published stays.
func (h *Hub) RemoveMember(ctx context.Context, name string) error {
	return h.change(ctx, func(d draft) error {
		if _, err := d.member(name); err != nil {
			return err
		}
		for cn, c := range d.Communities {
			if _, on := c.Places[name]; !on && c.Former[name] == nil {
				continue
			}
			edit, err := d.community(cn)
			if err != nil {
				return err
			}
			delete(edit.Places, name)
			delete(edit.Former, name) // who is enrolled under that name received nothing
		}
		for _, sn := range d.seatsOf(name) {
			delete(d.Seats, sn)
		}
		delete(d.Members, name)
		return nil
	})
}

// AddSeat makes a seat and returns its credentials file. The private key is in
// that file only; the hub keeps none.
func (h *Hub) AddSeat(ctx context.Context, seat policy.Seat) (creds []byte, err error) {
	ca, err := h.authority()
	if err != nil {
		return nil, err
	}
	kp, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("making an account key: %w", err)
	}
	seat.Account, seat.Created, seat.Revoked, seat.Tokens, seat.Invitation = public(kp), time.Now().UTC(), false, nil, nil
	token, seed, err := newUser(h.keys, &seat)
	if err != nil {
		return nil, err
	}
	if seat.User, err = userKey(seed); err != nil {
		return nil, err
	}
	err = h.change(ctx, func(d draft) error {
		member, _, no := policy.SplitSeat(seat.Name)
		if no != nil {
			return refused(no)
		}
		m, err := d.member(member)
		if err != nil {
			return err
		}
		seat.Member = member
		if was := d.Seats[seat.Name]; was != nil && !was.Revoked {
			return conflict("seat %s exists: revoke it first, or rotate its credentials", seat.Name)
		}
		if no := policy.CheckSeat(&seat, m); no != nil {
			return refused(no)
		}
		d.Seats[seat.Name] = &seat
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h.credentials(&seat, token, seed, ca)
}

// RotateSeat replaces a seat's credentials; connections under the old ones
// drop at once. Durables, positions and tokens stay.
func (h *Hub) RotateSeat(ctx context.Context, name string) (creds []byte, err error) {
	ca, err := h.authority()
	if err != nil {
		return nil, err
	}
	var token string
	var seed []byte
	var rotated *policy.Seat
	err = h.change(ctx, func(d draft) error {
		seat, err := d.seat(name)
		if err != nil {
			return err
		}
		if seat.Revoked {
			return conflict("seat %s is revoked for good: add it anew", name)
		}
		if token, seed, err = newUser(h.keys, seat); err != nil {
			return err
		}
		if seat.Enrolled() {
			seat.Retired = append(slices.Clone(seat.Retired), seat.User)
		}
		seat.Invitation, rotated = nil, seat
		seat.User, err = userKey(seed)
		return err
	})
	if err != nil {
		return nil, err
	}
	return h.credentials(rotated, token, seed, ca)
}

// RevokeSeat shuts a seat for good: its connections drop, its durables go.
func (h *Hub) RevokeSeat(ctx context.Context, name string) error {
	return h.change(ctx, func(d draft) error {
		seat, err := d.seat(name)
		if err != nil {
			return err
		}
		if seat.Revoked {
			return conflict("seat %s is revoked already", name)
		}
		seat.Revoked, seat.Invitation = true, nil
		return nil
	})
}

// SetCeiling lowers or raises what a seat may hold. Lowering takes away at
// once. Raising shows what comes from now on; `replay` fetches the rest.
func (h *Hub) SetCeiling(ctx context.Context, name string, ceiling stix.Level) error {
	var old *policy.Region
	err := h.change(ctx, func(d draft) error {
		old = h.Region()
		seat, err := d.seat(name)
		if err != nil {
			return err
		}
		seat.Ceiling, seat.Held = ceiling, max(seat.Held, seat.Ceiling)
		if no := policy.CheckSeat(seat, d.Members[seat.Member]); no != nil {
			return refused(no)
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.gate.RLock()
	defer h.gate.RUnlock()
	r := h.Region()
	seat, was := r.Seats[name], old.Seats[name]
	if seat == nil {
		return nil
	}
	for _, s := range r.Readable(seat) {
		if old.MayRead(was, s).Allowed {
			continue
		}
		if _, err := h.durableFrom(ctx, seat.Account, s, math.MaxUint64-1); err != nil {
			return err
		}
	}
	return nil
}

// AddCommunity makes a community with an empty roster. A private one has a
// random token in subjects and streams, so that its name shows nowhere.
func (h *Hub) AddCommunity(ctx context.Context, c policy.Community) error {
	return h.change(ctx, func(d draft) error {
		c.Places, c.Token = map[string]policy.Place{}, c.Name
		if c.Private {
			c.Token = "p" + strings.ToLower(rand.Text()[:20])
		}
		if no := d.CheckNewCommunity(&c); no != nil {
			return refused(no)
		}
		d.Communities[c.Name] = &c
		return nil
	})
}

// Join gives a member a place on a roster. AMBER and above is open to it from
// now on only, unless history says otherwise; CLEAR and GREEN from the
// beginning.
func (h *Hub) Join(ctx context.Context, community, member string, history bool) error {
	return h.change(ctx, func(d draft) error {
		c, err := d.community(community)
		if err != nil {
			return err
		}
		if _, err := d.member(member); err != nil {
			return err
		}
		if _, on := c.Places[member]; on {
			return conflict("member %s is on the roster of %s already", member, community)
		}
		newest := map[stix.Level]uint64{}
		for _, level := range []stix.Level{stix.Amber, stix.AmberStrict} {
			last, err := h.lastSeq(ctx, d.Name(policy.Stream{Audience: community, Level: level}))
			if err != nil && !missing(err) {
				return err
			}
			newest[level] = last
		}
		c.Places[member] = policy.NewPlace(time.Now().UTC(), newest, history)
		c.Known = slices.DeleteFunc(slices.Clone(c.Known), func(n string) bool { return n == member })
		return nil
	})
}

// Leave takes a member off a roster; its seats lose the streams at once. What it
// may have received until then is remembered, so that recalls reach it.
func (h *Hub) Leave(ctx context.Context, community, member string) error {
	err := h.change(ctx, func(d draft) error {
		c, err := d.community(community)
		if err != nil {
			return err
		}
		if _, on := c.Places[member]; !on {
			return notFound("place on that roster for", member, "selat community show "+community)
		}
		c.Former[member] = append(slices.Clone(c.Former[member]), policy.FormerPlace{Place: c.Places[member]})
		delete(c.Places, member)
		return nil
	})
	if err != nil {
		return err
	}
	return h.endFormerPlaces(ctx)
}

// endFormerPlaces notes for places that were given up how far their streams had
// come when nothing was delivered there any more. A crash before that leaves it to
// the next start.
func (h *Hub) endFormerPlaces(ctx context.Context) error {
	if h.unjust.Load() {
		return nil // something may still be delivered there
	}
	open := false
	for _, c := range h.Region().Communities {
		for _, places := range c.Former {
			open = open || slices.ContainsFunc(places, func(p policy.FormerPlace) bool { return p.Until == nil })
		}
	}
	if !open {
		return nil
	}
	return h.change(ctx, func(d draft) error {
		for name := range d.Communities {
			if err := h.endPlacesOf(ctx, d, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *Hub) endPlacesOf(ctx context.Context, d draft, community string) error {
	if len(d.Communities[community].Former) == 0 {
		return nil
	}
	c, err := d.community(community)
	if err != nil {
		return err
	}
	until := map[stix.Level]uint64{}
	for _, level := range stix.Levels[:4] {
		last, err := h.lastSeq(ctx, d.Name(policy.Stream{Audience: community, Level: level}))
		if err != nil && !missing(err) {
			return err
		}
		until[level] = last
	}
	for member, places := range c.Former {
		places = slices.Clone(places)
		for i := range places {
			if places[i].Until == nil {
				places[i].Until = until
			}
		}
		c.Former[member] = places
	}
	return nil
}
