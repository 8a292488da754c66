package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// seatVerbs are what a seat can ask. In the seat's account each has its local
// subject, in the HUB account it is seat.<account key>.<name>: the engine puts
// the key there, so nobody can ask as another.
var seatVerbs = []struct {
	name, local string
	answer      func(*Hub, context.Context, *policy.Seat, *nats.Msg) (any, error)
}{
	{"submit", api.SubjectSubmit, nil}, // answered by the intake
	{"route", api.SubjectRoute, (*Hub).answerRoute},
	{"whoami", api.SubjectWhoami, (*Hub).answerWhoami},
	{"streams", api.SubjectStreams, (*Hub).answerStreams},
	{"replay", api.SubjectReplay, (*Hub).answerReplay},
	{"receipts", api.SubjectReceipts, (*Hub).answerReceipts},
	{"lookup", api.SubjectLookup, (*Hub).answerLookup},
	{"manifest", api.SubjectManifest, (*Hub).answerManifest},
	{"recall", api.SubjectRecall, (*Hub).answerRecall},
	{"recall-status", api.SubjectRecallStatus, (*Hub).answerRecallStatus},
}

const (
	seatRequestTimeout  = 30 * time.Second
	seatRequestsQueued  = 4096
	seatRequestHandlers = 8
	routesQueued        = 8
	lookupsQueued       = 64
	lookupHandlers      = 2
	recallsQueued       = 64
	// questionBytes is room for the largest question, a thousand receipts.
	questionBytes = 512 << 10
)

// openServices subscribes to what seats and administrators may ask.
func (h *Hub) openServices(ctx context.Context) error {
	h.lags = newDeliveries(h)
	if err := h.lags.open(); err != nil {
		return err
	}
	h.writers = newWriters(h)
	h.intake = newIntake(h)
	group := h.queueGroup()
	if h.lead != nil {
		if err := h.openGrants(); err != nil {
			return fmt.Errorf("subscribing to what other nodes ask: %w", err)
		}
	}
	sub, err := h.conn.QueueSubscribe("seat.*.submit", group, h.intake.take)
	if err == nil {
		// The intake bounds what waits, and answers what it turns away; the
		// connection's own bound would drop it unanswered.
		err = sub.SetPendingLimits(-1, -1)
	}
	if err != nil {
		return fmt.Errorf("subscribing to submissions: %w", err)
	}
	h.go_(func() { h.recalls.follow(ctx) })
	h.go_(func() { h.recalls.queue.run(ctx, h.recalls) })
	questions := h.handlers(ctx, seatRequestsQueued, seatRequestHandlers)
	// A dry run of a submission is real work: it waits in a line of its own.
	routes := h.handlers(ctx, routesQueued, 1)
	// So is looking up a thousand values, and listing a thousand objects.
	lookups := h.handlers(ctx, lookupsQueued, lookupHandlers)
	// And recalling, one after the other.
	recalls := h.handlers(ctx, recallsQueued, 1)
	for _, v := range seatVerbs {
		if v.answer == nil {
			continue
		}
		queue, most := questions, questionBytes
		switch v.name {
		case "route":
			queue, most = routes, h.cfg.Limits.PayloadBytes
		case "lookup", "manifest":
			queue = lookups
		case "recall":
			queue = recalls
		}
		_, err := h.conn.QueueSubscribe("seat.*."+v.name, group, func(m *nats.Msg) { h.queueQuestion(m, queue, most) })
		if err != nil {
			return fmt.Errorf("subscribing to %s: %w", v.name, err)
		}
	}
	if err := h.openAdmin(ctx); err != nil {
		return err
	}
	return h.conn.Flush()
}

// handlers answers what comes into the queue it returns.
func (h *Hub) handlers(ctx context.Context, length, n int) chan<- *nats.Msg {
	queue := make(chan *nats.Msg, length)
	for range n {
		h.go_(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case m := <-queue:
					if h.inOffice(ctx) {
						h.answerSeat(ctx, m)
					}
				}
			}
		})
	}
	return queue
}

// queueQuestion takes a question in, or answers at once why not.
func (h *Hub) queueQuestion(m *nats.Msg, queue chan<- *nats.Msg, most int) {
	seat := h.Region().SeatByAccount(accountToken(m.Subject))
	if seat == nil {
		h.respond(m, &api.Error{Code: "forbidden", Message: "this seat is not in the directory"})
		return
	}
	if len(m.Data) > most {
		h.respond(m, invalid("the request has %d bytes, more than %d", len(m.Data), most))
		return
	}
	if f := h.intake.rates.question(seat, time.Now()); f != nil {
		h.respond(m, &api.Error{Code: f.Code, Message: f.Message})
		return
	}
	select {
	case queue <- m:
	default:
		h.respond(m, &api.Error{Code: "busy", Message: "the hub has too many questions waiting; ask again shortly"})
	}
}

// answerSeat answers one question. Whatever happens, there is an answer: an
// unanswered request would hold a response mapping in the engine.
func (h *Hub) answerSeat(ctx context.Context, m *nats.Msg) {
	ctx, cancel := context.WithTimeout(ctx, seatRequestTimeout)
	defer cancel()
	tokens := strings.Split(m.Subject, ".")
	seat := h.Region().SeatByAccount(tokens[1])
	if seat == nil || seat.Revoked {
		h.respond(m, &api.Error{Code: "forbidden", Message: "this seat is not in the directory"})
		return
	}
	for _, v := range seatVerbs {
		if v.name != tokens[2] {
			continue
		}
		h.Metrics.SeatRequests.WithLabelValues(v.name).Inc()
		answer, err := v.answer(h, ctx, seat, m)
		if err != nil {
			h.respond(m, h.publicError(v.name, seat, err))
			return
		}
		h.respond(m, answer)
		return
	}
}

// publicError is what a seat may know of an error: our own codes as they are,
// anything else as "internal", with the cause in the log only.
func (h *Hub) publicError(doing string, seat *policy.Seat, err error) *api.Error {
	var known *api.Error
	if errors.As(err, &known) {
		return known
	}
	h.log.Error("a seat's request failed", "request", doing, "seat", seat.Name, "error", err)
	return &api.Error{Code: "internal", Message: "the hub could not do this; its log tells its team why"}
}

func (h *Hub) respond(m *nats.Msg, answer any) {
	if m.Reply == "" {
		return
	}
	if e, ok := answer.(*api.Error); ok {
		answer = map[string]*api.Error{"error": e}
	}
	b, err := json.Marshal(answer)
	if err != nil {
		b = []byte(`{"error":{"code":"internal","message":"the answer could not be written"}}`)
	}
	err = m.Respond(b)
	if errors.Is(err, nats.ErrMaxPayload) {
		err = m.Respond([]byte(`{"error":{"code":"invalid","message":"the answer is larger than a message can be; ask for less at a time"}}`))
	}
	if err != nil {
		h.log.Warn("an answer could not be sent", "subject", m.Subject, "error", err)
	}
}

func (h *Hub) answerWhoami(_ context.Context, seat *policy.Seat, _ *nats.Msg) (any, error) {
	r := h.Region()
	w := api.Whoami{Hub: h.cfg.Name, Version: Version(), Seat: seat.Name, Member: seat.Member, Account: seat.Account,
		Kind: string(seat.Kind), Standing: string(seat.Standing), Ceiling: seat.Ceiling, Limits: h.cfg.apiLimits(), Communities: []string{}, Time: time.Now().UTC()}
	if m := r.Members[seat.Member]; m != nil {
		w.Title, w.Identities, w.Unmarked, w.AmberTo = m.Title, m.Identities, m.Unmarked, m.AmberTo
	}
	for name, c := range r.Communities {
		if _, on := c.Places[seat.Member]; on {
			w.Communities = append(w.Communities, name)
		}
	}
	for name := range r.Members {
		w.Members = append(w.Members, name)
	}
	slices.Sort(w.Communities)
	slices.Sort(w.Members)
	return w, nil
}

// answerStreams lists what the seat may read and makes the durables it lacks.
func (h *Hub) answerStreams(ctx context.Context, seat *policy.Seat, _ *nats.Msg) (any, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	r := h.Region()
	seat = r.SeatByAccount(seat.Account)
	out := api.Streams{Streams: []api.StreamAccess{}}
	if seat == nil {
		return out, nil
	}
	out.Consumer = seat.Account
	for _, s := range r.Readable(seat) {
		name := r.Name(s)
		if err := h.restoreFloor(ctx, r, seat, s); err != nil {
			return nil, err
		}
		c, from, err := h.ensureDurable(ctx, seat.Account, s)
		if err != nil {
			return nil, err
		}
		last, err := h.lastSeq(ctx, name)
		if err != nil {
			return nil, err
		}
		info := c.CachedInfo()
		out.Streams = append(out.Streams, api.StreamAccess{Name: name, Audience: s.Audience, Level: s.Level, From: from,
			Last: last, Delivered: info.Delivered.Stream, AckFloor: info.AckFloor.Stream, Pending: info.NumPending})
	}
	var err error
	out.Control, err = h.control(ctx, r, seat)
	return out, err
}

func (h *Hub) answerRecall(ctx context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var req api.RecallRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return nil, invalid("the recall is not JSON as described: %v", err)
	}
	return h.Recall(ctx, seat.Account, req)
}

func (h *Hub) answerRecallStatus(ctx context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var req api.RecallStatusRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return nil, invalid("the request is not JSON as described: %v", err)
	}
	return h.RecallStatus(ctx, seat.Account, req.ID)
}

func (h *Hub) answerReplay(ctx context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var req api.ReplayRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return nil, invalid("the replay request is not JSON as described: %v", err)
	}
	asked := 0
	for _, set := range []bool{!req.Since.IsZero(), req.Sequence > 0, req.All} {
		if set {
			asked++
		}
	}
	if asked != 1 {
		return nil, invalid("a replay names exactly one of since, sequence and all")
	}
	if req.Sequence > 0 && len(req.Streams) != 1 {
		return nil, invalid("a sequence counts within one stream: name exactly one")
	}
	h.gate.RLock()
	defer h.gate.RUnlock()
	r := h.Region()
	if seat = r.SeatByAccount(seat.Account); seat == nil {
		return nil, errNotReadable
	}
	out := api.Replay{Next: map[string]uint64{}}
	readable := map[string]policy.Stream{}
	for _, s := range r.Readable(seat) {
		readable[r.Name(s)] = s
	}
	if len(req.Streams) == 0 {
		for name := range readable {
			req.Streams = append(req.Streams, name)
		}
	}
	for _, name := range req.Streams {
		s, ok := readable[name]
		if !ok {
			return nil, errNotReadable
		}
		seq, err := h.replayFrom(ctx, name, req)
		if err != nil {
			return nil, err
		}
		if out.Next[name], err = h.durableFrom(ctx, seat.Account, s, seq); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// replayFrom finds the first sequence a replay asks for.
func (h *Hub) replayFrom(ctx context.Context, stream string, req api.ReplayRequest) (uint64, error) {
	switch {
	case req.All:
		return 1, nil
	case req.Sequence > 0:
		return req.Sequence, nil
	}
	if err := h.copyComplete(ctx, stream); err != nil {
		return 0, err
	}
	msgs, err := jetstreamext.GetBatch(ctx, h.js, stream, 1, jetstreamext.GetBatchStartTime(req.Since))
	if err == nil {
		for m, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("finding where %s stood at a time: %w", stream, err)
			}
			return m.Sequence, nil
		}
	} else if !errors.Is(err, jetstreamext.ErrNoMessages) {
		return 0, fmt.Errorf("finding where %s stood at a time: %w", stream, err)
	}
	return math.MaxUint64 - 1, nil // nothing since: from the next message on
}

const maxReceiptsAsked = 1000

// answerReceipts tells a seat what is stored of its own member's objects.
func (h *Hub) answerReceipts(_ context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var req api.ReceiptsRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return nil, invalid("the request is not JSON as described: %v", err)
	}
	if len(req.Objects) > maxReceiptsAsked {
		return nil, invalid("ask for at most %d objects at a time", maxReceiptsAsked)
	}
	if !seat.Submits() {
		return nil, &api.Error{Code: "forbidden", Message: "only a seat that publishes may ask for its member's receipts"}
	}
	r, out := h.Region(), api.Receipts{Objects: []api.StoredObject{}}
	since := formatAdded(r.OwnSince(seat.Member).UnixMicro())
	for _, o := range req.Objects {
		if strings.IndexByte(o.ID+o.Version, 0) >= 0 {
			continue // nothing stored is named so, and the index cannot look for it
		}
		versions := []string{o.Version}
		if o.Version == "" {
			var err error
			if versions, err = h.index.Versions(seat.Member, o.ID); err != nil {
				return nil, err
			}
		}
		for _, v := range versions {
			stored, ok, err := h.stored(seat.Member, o.ID, v)
			if err != nil {
				return nil, err
			}
			stored.Places = slices.DeleteFunc(stored.Places, func(p api.StoredPlace) bool {
				return !r.MayKnowPlace(seat, policy.Stream{Audience: p.Audience, Level: p.Level}) || p.Added <= since
			})
			if ok && len(stored.Places) > 0 {
				out.Objects = append(out.Objects, stored)
			}
		}
	}
	return out, nil
}

func missing(err error) bool {
	return errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound)
}
