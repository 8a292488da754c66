package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Orders reach a member's seats on CTL_<MEMBER>: every seat that reads holds a
// durable there, of the levels it holds or ever held, as it does on streams of
// objects. The stream is made at enrolment, so that its being there tells
// nothing.

func (h *Hub) controlConfig(member string) jetstream.StreamConfig {
	c := StreamSettings(policy.ControlName(member), policy.ControlSubject(member, "*", "*", "*"))
	c.Duplicates = h.cfg.Store.DedupeWindow
	h.replicated(&c)
	c.Description = "orders to " + member
	c.Metadata = map[string]string{"selat.control": member}
	return c
}

func (h *Hub) ensureControlsOf(ctx context.Context, r *policy.Region) error {
	for member := range r.Members {
		c := h.controlConfig(member)
		if _, done := h.streamsMade.Load(c.Name); done {
			continue
		}
		if err := h.ensureStream(ctx, c); err != nil {
			return fmt.Errorf("making stream %s: %w", c.Name, err)
		}
		h.streamsMade.Store(c.Name, policy.Stream{})
	}
	return nil
}

// controlDurable is the durable of a seat on its member's orders; false if it has
// none. Unlike on a stream of objects its filters may change: what it skips then
// is about objects of a level that the seat did not hold.
func controlDurable(r *policy.Region, seat *policy.Seat) (jetstream.ConsumerConfig, bool) {
	levels, from := r.MayFollow(seat)
	if len(levels) == 0 {
		return jetstream.ConsumerConfig{}, false
	}
	c := durableConfig(r, seat, policy.Stream{}, policy.Access{}, false)
	c.FilterSubject = ""
	// An order may have to wait for its acknowledgement, and keeps no other from
	// coming.
	c.MaxAckPending = -1
	c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, from
	for _, l := range levels {
		c.FilterSubjects = append(c.FilterSubjects, policy.ControlSubject(seat.Member, l.String(), orStar(seat.FilterOrigin), orStar(seat.FilterType)))
	}
	if len(c.FilterSubjects) == 1 {
		c.FilterSubject, c.FilterSubjects = c.FilterSubjects[0], nil
	}
	return c, true
}

// sameControl compares what may change of a durable on orders.
func sameControl(a, b *jetstream.ConsumerConfig) bool {
	return a.MaxAckPending == b.MaxAckPending && a.FilterSubject == b.FilterSubject && slices.Equal(a.FilterSubjects, b.FilterSubjects)
}

// control makes the durable of a seat on its member's orders, or brings it up to
// date. The caller holds h.gate. It is nil for a seat that follows none.
func (h *Hub) control(ctx context.Context, r *policy.Region, seat *policy.Seat) (*api.Control, error) {
	want, ok := controlDurable(r, seat)
	if !ok {
		return nil, nil
	}
	defer h.makesDurables(seat.Account)()
	stream := policy.ControlName(seat.Member)
	c, err := h.js.Consumer(ctx, stream, seat.Account)
	switch {
	case missing(err):
		c, err = h.js.CreateConsumer(ctx, stream, want)
	case err == nil && !sameControl(&c.CachedInfo().Config, &want):
		c, err = h.js.UpdateConsumer(ctx, stream, want)
	}
	if err != nil {
		return nil, fmt.Errorf("making the durable of seat %s on %s: %w", seat.Name, stream, err)
	}
	last, err := h.lastSeq(ctx, stream)
	if err != nil {
		return nil, err
	}
	info := c.CachedInfo()
	return &api.Control{Name: stream, Last: last, Delivered: info.Delivered.Stream, AckFloor: info.AckFloor.Stream, Pending: info.NumPending}, nil
}

// reconcileControls removes the durables on orders whose seats follow none.
func (h *Hub) reconcileControls(ctx context.Context, r *policy.Region, stream string) (removed int, err error) {
	var gone []string
	err = h.eachConsumer(ctx, stream, func(c *jetstream.ConsumerInfo) {
		seat := r.SeatByAccount(c.Name)
		if seat != nil && policy.ControlName(seat.Member) == stream {
			if want, follows := controlDurable(r, seat); follows && c.Config.OptStartSeq == want.OptStartSeq {
				return
			}
		}
		gone = append(gone, c.Name)
	})
	for _, account := range gone {
		if err := h.deleteDurable(ctx, stream, account); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, err
}

// tellAll gives orders to every member that is to be told and was not yet. An order
// is idempotent at the seats, and so may be given twice.
func (rs *recalls) tellAll(ctx context.Context, batch []*recall) error {
	type sending struct {
		r    *recall
		i    int
		last bool // of what this member is told
		ack  jetstream.PubAckFuture
	}
	r := rs.h.Region()
	ctx, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	var sent []sending
	settle := func() error {
		for _, s := range sent {
			select {
			case ack := <-s.ack.Ok():
				if !s.last {
					continue
				}
				rs.mu.Lock()
				s.r.tell[s.i].Sequence = ack.Sequence
				rs.mu.Unlock()
			case err := <-s.ack.Err():
				return fmt.Errorf("telling member %s: %w", s.r.tell[s.i].Member, err)
			case <-ctx.Done():
				return fmt.Errorf("telling members: %w", ctx.Err())
			}
		}
		sent = sent[:0]
		return nil
	}
	for _, rec := range batch {
		for i, t := range rec.copied().tell {
			if t.Sequence > 0 || r.Members[t.Member] == nil { // removed, and its seats with it
				continue
			}
			acks, err := rs.tell(&rec.order, &t)
			if err != nil {
				return fmt.Errorf("telling member %s: %w", t.Member, err)
			}
			for j, ack := range acks {
				sent = append(sent, sending{rec, i, j == len(acks)-1, ack})
			}
			if len(sent) >= writesAtOnce {
				if err := settle(); err != nil {
					return err
				}
			}
		}
	}
	return settle()
}

// tell gives an order to a member. A narrowing names no version that the member may
// not have received. One to RED is told as recalls of those that it takes away, and is
// told when all are.
func (rs *recalls) tell(o *order, t *told) (acks []jetstream.PubAckFuture, err error) {
	out := api.RecallOrder{Recall: o.Recall, Origin: o.Origin, ID: o.ID, Version: o.Version, Audience: o.From,
		Unless: o.Unless, Level: t.Level, Reason: o.Reason, At: o.At}
	var versions []string
	for _, v := range o.Taken {
		if v.heldBy(rs.h.Region(), *t, "") {
			versions = append(versions, v.Version)
		}
	}
	switch {
	case o.By != byNarrowing:
	case o.Unless < stix.Red:
		if out.Before = justAfter(o.Through); len(versions) > 0 {
			out.Before = justAfter(versions[len(versions)-1])
		}
	default:
		out.Unless = stix.NoLevel
		for _, v := range versions {
			out.Version = v
			ack, err := rs.publish(&out, t.Member, " "+v)
			if err != nil {
				return nil, err
			}
			acks = append(acks, ack)
		}
		if len(acks) > 0 {
			return acks, nil
		}
		// It received one that nobody knew of then: all of that level are taken away.
	}
	ack, err := rs.publish(&out, t.Member, "")
	return []jetstream.PubAckFuture{ack}, err
}

func (rs *recalls) publish(o *api.RecallOrder, member, about string) (jetstream.PubAckFuture, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	typ, _, _ := strings.Cut(o.ID, "--")
	msg := &nats.Msg{Subject: policy.ControlSubject(member, o.Level.String(), o.Origin, typ), Data: body}
	return rs.h.js.PublishMsgAsync(msg, jetstream.WithExpectStream(policy.ControlName(member)), jetstream.WithMsgID(o.Recall+" "+o.Level.String()+about))
}

// justAfter is a version's instant and the least more, "" of none: it covers no version
// that was stored after it.
func justAfter(version string) string {
	t, err := time.Parse(time.RFC3339Nano, version)
	if err != nil {
		return ""
	}
	return stix.Instant(t.Add(time.Nanosecond).UTC().Format(time.RFC3339Nano))
}

// RecallStatus tells how far the recalls of an object have come, to a seat of its
// origin: of levels that it may recall.
func (h *Hub) RecallStatus(ctx context.Context, account, id string) (api.RecallStatuses, error) {
	r := h.Region()
	seat := r.SeatByAccount(account)
	if seat == nil || !seat.Submits() {
		return api.RecallStatuses{}, &api.Error{Code: "forbidden", Message: "only a seat that publishes may ask how a recall of its member goes"}
	}
	return h.recallStatus(ctx, name{seat.Member, id}, policy.RecallsUpTo(seat), seat.Member)
}

// RecallStatusAs tells the hub's administrator, naming every seat.
func (h *Hub) RecallStatusAs(ctx context.Context, origin, id string) (api.RecallStatuses, error) {
	return h.recallStatus(ctx, name{origin, id}, stix.Red, "")
}

func (h *Hub) recallStatus(ctx context.Context, n name, upTo stix.Level, asks string) (api.RecallStatuses, error) {
	out := api.RecallStatuses{Recalls: []api.RecallStatus{}}
	floors := map[string]map[string]uint64{} // member, account
	for _, r := range h.recalls.of(n) {
		tell := slices.DeleteFunc(r.tell, func(t told) bool { return t.Level > upTo })
		if !r.knownTo(upTo) {
			continue
		}
		st := api.RecallStatus{Recall: r.order.Recall, ID: r.order.ID, Version: r.order.Version, From: r.order.From, Reason: r.order.Reason,
			At: r.order.At, By: r.order.By, Erased: r.finished, Members: []api.RecallMember{}}
		last := map[string]map[stix.Level]uint64{}
		for _, t := range tell {
			if last[t.Member] == nil {
				last[t.Member] = map[stix.Level]uint64{}
			}
			last[t.Member][t.Level] = t.Sequence
		}
		for member, seqs := range last {
			if floors[member] == nil {
				var err error
				if floors[member], err = h.controlFloors(ctx, member); err != nil {
					return out, err
				}
			}
			m := h.acknowledged(member, floors[member], seqs)
			if asks != "" && asks != member {
				m.Outstanding = nil
			}
			st.Members = append(st.Members, m)
		}
		slices.SortFunc(st.Members, func(a, b api.RecallMember) int { return strings.Compare(a.Member, b.Member) })
		out.Recalls = append(out.Recalls, st)
	}
	return out, nil
}

// controlFloors is how far each seat of a member, by account, has acknowledged its
// orders; those that never asked for their streams are not in it.
func (h *Hub) controlFloors(ctx context.Context, member string) (map[string]uint64, error) {
	floors := map[string]uint64{}
	if h.Region().Members[member] == nil {
		return floors, nil
	}
	err := h.eachConsumer(ctx, policy.ControlName(member), func(c *jetstream.ConsumerInfo) {
		floors[c.Name] = c.AckFloor.Stream
		if c.NumPending == 0 && c.NumAckPending == 0 {
			floors[c.Name] = ^uint64(0)
		}
	})
	return floors, err
}

// acknowledged counts the seats that follow orders of these levels, and those that
// have acknowledged them up to these sequences.
func (h *Hub) acknowledged(member string, floors map[string]uint64, seqs map[stix.Level]uint64) api.RecallMember {
	r, m := h.Region(), api.RecallMember{Member: member}
	for account, floor := range floors {
		seat := r.SeatByAccount(account)
		if seat == nil {
			continue
		}
		levels, _ := r.MayFollow(seat)
		told, behind := false, false
		for l, seq := range seqs {
			if slices.Contains(levels, l) {
				told, behind = true, behind || floor < seq
			}
		}
		switch {
		case !told:
		case behind:
			m.Seats++
			m.Outstanding = append(m.Outstanding, seat.Name)
		default:
			m.Seats++
			m.Acknowledged++
		}
	}
	slices.Sort(m.Outstanding)
	return m
}

// RecallBacklog is what recalls wait for.
type RecallBacklog struct {
	// Outstanding orders were given to a seat that follows them and has not
	// acknowledged them; Oldest is when the first of those was ordered, zero
	// without one.
	Outstanding int
	Oldest      time.Time
	// Unfinished recalls are ordered and not carried out yet.
	Unfinished int
}

// RecallBacklog counts over all seats, so that it tells of none.
func (h *Hub) RecallBacklog(ctx context.Context) (RecallBacklog, error) {
	var b RecallBacklog
	if !h.leading() {
		return b, nil // the node that leads tells
	}
	floors := map[string]map[string]uint64{}
	for _, r := range h.recalls.unsettled() {
		before := b.Outstanding
		for _, t := range r.tell {
			if floors[t.Member] == nil {
				var err error
				if floors[t.Member], err = h.controlFloors(ctx, t.Member); err != nil {
					return b, err
				}
			}
			b.Outstanding += len(h.acknowledged(t.Member, floors[t.Member], map[stix.Level]uint64{t.Level: t.Sequence}).Outstanding)
		}
		switch {
		case !r.finished:
			b.Unfinished++
		case b.Outstanding == before:
			h.recalls.settle(r.order.Recall)
		}
		if b.Outstanding > before && (b.Oldest.IsZero() || r.order.At.Before(b.Oldest)) {
			b.Oldest = r.order.At
		}
	}
	return b, nil
}
