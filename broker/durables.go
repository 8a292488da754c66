package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// ensureDurable makes a seat's durable on a stream it may read, or returns the
// one it has. The caller holds h.gate; the seat and its right are looked up
// here, in the directory that is in force behind the gate, never taken from
// what a caller saw before it.
func (h *Hub) ensureDurable(ctx context.Context, account string, s policy.Stream) (c jetstream.Consumer, from uint64, err error) {
	r := h.Region()
	seat := r.SeatByAccount(account)
	if seat == nil {
		return nil, 0, errNotReadable
	}
	a := r.MayRead(seat, s)
	if !a.Allowed {
		return nil, 0, errNotReadable
	}
	c, err = h.durable(ctx, r, seat, s, a)
	return c, a.From, err
}

// errNotReadable is the same whether a stream exists or not.
var errNotReadable = &api.Error{Code: "not-found", Message: "this seat may not read that stream: hub.streams lists those it may"}

func (h *Hub) durable(ctx context.Context, r *policy.Region, seat *policy.Seat, s policy.Stream, a policy.Access) (jetstream.Consumer, error) {
	defer h.makesDurables(seat.Account)()
	name, cfg := r.Name(s), durableConfig(r, seat, s, a, h.cfg.Clustered())
	c, err := h.js.Consumer(ctx, name, seat.Account)
	switch {
	case err == nil && sameDurable(c.CachedInfo().Config, cfg):
		if c.CachedInfo().Config.FilterSubject == cfg.FilterSubject {
			return c, nil
		}
		if c, err = h.js.UpdateConsumer(ctx, name, cfg); err != nil {
			return nil, fmt.Errorf("bringing the durable of seat %s on %s up to date: %w", seat.Name, name, err)
		}
		return c, nil
	case err == nil:
		// It was made under another start position or filter. Those never
		// change on a live durable: it would skip or repeat.
		if err := h.deleteDurable(ctx, name, seat.Account); err != nil {
			return nil, err
		}
	case !missing(err):
		return nil, fmt.Errorf("looking at the durable of seat %s on %s: %w", seat.Name, name, err)
	}
	if c, err = h.js.CreateConsumer(ctx, name, cfg); err != nil {
		return nil, fmt.Errorf("making the durable of seat %s on %s: %w", seat.Name, name, err)
	}
	return c, nil
}

// makesDurables has one make the durables of a seat at a time, until done is called: of
// two that make the same one, the later has the engine take it for there before it
// listens.
func (h *Hub) makesDurables(account string) (done func()) {
	m, _ := h.making.LoadOrStore(account, &sync.Mutex{})
	mu, _ := m.(*sync.Mutex)
	mu.Lock()
	return mu.Unlock
}

// sameDurable reports whether a durable delivers the objects that the configuration
// says. One that was made when the hub was a single node has no filter where others
// have one for all objects.
func sameDurable(is, want jetstream.ConsumerConfig) bool {
	return is.DeliverPolicy == want.DeliverPolicy && is.OptStartSeq == want.OptStartSeq &&
		(is.FilterSubject == want.FilterSubject || is.FilterSubject == "" && strings.HasSuffix(want.FilterSubject, ".*.*"))
}

func (h *Hub) deleteDurable(ctx context.Context, stream, account string) error {
	err := h.js.DeleteConsumer(ctx, stream, account)
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("removing a durable on %s: %w", stream, err)
	}
	return nil
}

// resetDurable makes a durable deliver from seq on; an open pull goes on from
// there. The engine refuses a seq below the durable's start position.
func (h *Hub) resetDurable(ctx context.Context, stream, account string, seq uint64) error {
	body, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return err
	}
	msg, err := h.askConsumer(ctx, "$JS.API.CONSUMER.RESET."+stream+"."+account, body)
	if err != nil {
		return fmt.Errorf("resetting a durable on %s: %w", stream, err)
	}
	var resp struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(msg.Data, &resp); err != nil {
		return fmt.Errorf("resetting a durable on %s: %w", stream, err)
	}
	if resp.Error != nil {
		return fmt.Errorf("resetting a durable on %s to %d: %w", stream, seq, resp.Error)
	}
	return nil
}

// How long a durable has for an answer, and how often it is asked.
const (
	consumerWait  = 2 * time.Second
	consumerTries = 10
)

// askConsumer asks what a durable answers itself, not the engine. One that two are
// making at a time exists for the second before it listens, and a request that comes
// in between is lost: it is asked again.
func (h *Hub) askConsumer(ctx context.Context, subject string, body []byte) (msg *nats.Msg, err error) {
	for range consumerTries {
		try, done := context.WithTimeout(ctx, consumerWait)
		msg, err = h.conn.RequestWithContext(try, subject, body)
		done()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return msg, err
}

// lastSeq is the sequence of a stream's newest message, 0 when it has none.
func (h *Hub) lastSeq(ctx context.Context, stream string) (uint64, error) {
	s, err := h.js.Stream(ctx, stream)
	if err != nil {
		return 0, fmt.Errorf("looking at stream %s: %w", stream, err)
	}
	return s.CachedInfo().State.LastSeq, nil
}

// enforce brings durables and accounts from one state of the directory to the
// next. Taking away comes first and goes on past errors.
func (h *Hub) enforce(ctx context.Context, old, next *policy.Region) error {
	var errs []error
	for name, was := range old.Seats {
		now := next.Seats[name]
		gone := now == nil || now.Account != was.Account
		for _, s := range old.Readable(was) {
			if !gone && next.MayRead(now, s).Allowed {
				continue
			}
			errs = append(errs, h.deleteDurable(ctx, old.Name(s), was.Account))
		}
		if gone || now.Revoked {
			errs = append(errs, h.deleteDurable(ctx, policy.ControlName(was.Member), was.Account))
		}
		if gone {
			dead := *was
			dead.Revoked = true
			errs = append(errs, h.pushAccount(h.accountOf(next, &dead)))
		}
	}
	for name, now := range next.Seats {
		if was := old.Seats[name]; was == nil || accountChanged(old, was, next, now) {
			errs = append(errs, h.pushAccount(h.accountOf(next, now)))
		}
	}
	return errors.Join(errs...)
}

// accountChanged reports whether the account of a seat must be pushed again.
func accountChanged(old *policy.Region, was *policy.Seat, next *policy.Region, now *policy.Seat) bool {
	return old.MayConnect(was) != next.MayConnect(now) || was.User != now.User || was.Account != now.Account ||
		was.Kind != now.Kind || len(was.Retired) != len(now.Retired)
}

// reconcile is enforce without a before: whatever durable exists without a
// right to it goes, every account is pushed, and accounts of seats that are in
// the directory no more are shut. At a start it runs before anybody can
// connect. It returns how many durables it removed.
func (h *Hub) reconcile(ctx context.Context) (removed int, err error) {
	r := h.Region()
	if err := h.enforceAccounts(nil, r); err != nil {
		return 0, err
	}
	return h.reconcileDurables(ctx, r)
}

// reconcileDurables takes away whatever durable exists without a right to it, and
// returns how many.
func (h *Hub) reconcileDurables(ctx context.Context, r *policy.Region) (removed int, err error) {
	byName := map[string]policy.Stream{}
	for _, s := range r.Streams() {
		byName[r.Name(s)] = s
	}
	names := h.js.StreamNames(ctx)
	for name := range names.Name() {
		var n int
		var err error
		switch {
		case isObjects(name):
			n, err = h.reconcileStream(ctx, r, name, byName)
		case strings.HasPrefix(name, "CTL_"):
			n, err = h.reconcileControls(ctx, r, name)
		}
		if removed += n; err != nil {
			return removed, err
		}
	}
	return removed, names.Err()
}

// shutStrangers revokes the accounts that are in force and not in the directory.
func (h *Hub) shutStrangers(r *policy.Region) error {
	known := func(account string) bool {
		return account == public(h.keys.hub) || account == public(h.keys.sys) || r.SeatByAccount(account) != nil
	}
	for _, account := range h.accounts.strangers(known) {
		c := jwt.NewAccountClaims(account)
		c.Name = "removed"
		c.Limits.Conn = 0
		c.Revoke(jwt.All)
		if err := h.pushAccount(c); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) reconcileStream(ctx context.Context, r *policy.Region, name string, byName map[string]policy.Stream) (removed int, err error) {
	stream, err := h.js.Stream(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("looking at stream %s: %w", name, err)
	}
	var unentitled []string
	consumers := stream.ListConsumers(ctx)
	for info := range consumers.Info() {
		seat, s := r.SeatByAccount(info.Name), byName[name]
		if seat == nil || s.Audience == "" {
			unentitled = append(unentitled, info.Name)
			continue
		}
		a := r.MayRead(seat, s)
		if !a.Allowed || !sameDurable(info.Config, durableConfig(r, seat, s, a, h.cfg.Clustered())) {
			unentitled = append(unentitled, info.Name)
		}
	}
	if err := consumers.Err(); err != nil {
		return 0, fmt.Errorf("listing the durables of %s: %w", name, err)
	}
	for _, account := range unentitled {
		if err := h.deleteDurable(ctx, name, account); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
