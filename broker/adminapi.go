package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// adminActs are what the hub's team can ask over admin.<name>.
var adminActs = map[string]func(*Hub, context.Context, []byte) (any, error){
	"member.add": act(func(h *Hub, ctx context.Context, q api.MemberChange) error { return h.AddMember(ctx, newMember(q)) }),
	"member.edit": act(func(h *Hub, ctx context.Context, q api.MemberChange) error {
		return h.EditMember(ctx, q.Name, memberEdit(q))
	}),
	"member.suspend": act(func(h *Hub, ctx context.Context, q api.Named) error { return h.SuspendMember(ctx, q.Name) }),
	"member.resume":  act(func(h *Hub, ctx context.Context, q api.Named) error { return h.ResumeMember(ctx, q.Name) }),
	"member.remove":  act(func(h *Hub, ctx context.Context, q api.Named) error { return h.RemoveMember(ctx, q.Name) }),
	"seat.revoke":    act(func(h *Hub, ctx context.Context, q api.Named) error { return h.RevokeSeat(ctx, q.Name) }),
	"seat.ceiling": act(func(h *Hub, ctx context.Context, q api.SeatCeiling) error {
		return h.SetCeiling(ctx, q.Name, q.Ceiling)
	}),
	"community.join": act(func(h *Hub, ctx context.Context, q api.Roster) error {
		return h.Join(ctx, q.Community, q.Member, q.History)
	}),
	"community.leave": act(func(h *Hub, ctx context.Context, q api.Roster) error { return h.Leave(ctx, q.Community, q.Member) }),
	"community.add": act(func(h *Hub, ctx context.Context, q api.CommunityAdd) error {
		return h.AddCommunity(ctx, policy.Community{Name: q.Name, Title: q.Title, Private: q.Private, Known: q.Known})
	}),
	"seat.add": ask(func(h *Hub, ctx context.Context, q api.SeatAdd) (any, error) {
		creds, err := h.AddSeat(ctx, policy.Seat{Name: q.Name, Kind: q.Kind, Standing: q.Standing, Ceiling: q.Ceiling, FilterType: q.FilterType, FilterOrigin: q.FilterOrigin})
		return api.Credentials{Seat: q.Name, Creds: string(creds)}, err
	}),
	"seat.rotate": ask(func(h *Hub, ctx context.Context, q api.Named) (any, error) {
		creds, err := h.RotateSeat(ctx, q.Name)
		return api.Credentials{Seat: q.Name, Creds: string(creds)}, err
	}),
	"seat.invite":            ask(func(h *Hub, ctx context.Context, q api.SeatInvite) (any, error) { return h.Invite(ctx, q) }),
	"seat.invitation.revoke": act(func(h *Hub, ctx context.Context, q api.Named) error { return h.EndInvitation(ctx, q.Name) }),
	"seat.token.add": ask(func(h *Hub, ctx context.Context, q api.TokenAdd) (any, error) {
		return h.AddToken(ctx, q.Name, q.Label, q.Expires)
	}),
	"seat.token.revoke": act(func(h *Hub, ctx context.Context, q api.TokenRevoke) error { return h.RevokeToken(ctx, q.Name, q.ID) }),
	"seat.token.list":   ask(func(h *Hub, _ context.Context, q api.Named) (any, error) { return h.listTokens(q.Name) }),
	"member.list":       ask(func(h *Hub, _ context.Context, q api.Named) (any, error) { return h.listMembers(q.Name) }),
	"seat.list":         ask(func(h *Hub, _ context.Context, q api.Named) (any, error) { return h.listSeats(q.Name) }),
	"community.list":    ask(func(h *Hub, _ context.Context, q api.Named) (any, error) { return h.listCommunities(q.Name) }),
	"catalog.verify":    ask(func(h *Hub, ctx context.Context, q api.CatalogVerify) (any, error) { return h.verifyOn(ctx, q) }),
	"cluster.status":    ask(func(h *Hub, ctx context.Context, _ struct{}) (any, error) { return h.ClusterStatus(ctx) }),
	"hub.drain":         act(func(h *Hub, ctx context.Context, q api.NodeNamed) error { return h.Drain(ctx, q.Node) }),
	"catalog.counts": ask(func(h *Hub, _ context.Context, q api.CatalogCounts) (any, error) {
		counts, err := h.Counts(q.By)
		return api.ObjectCounts{Counts: counts}, err
	}),
	"recall": ask(func(h *Hub, ctx context.Context, q api.RecallAs) (any, error) {
		return h.RecallAs(ctx, q.Origin, q.RecallRequest)
	}),
	"recall.status": ask(func(h *Hub, ctx context.Context, q api.RecallStatusAs) (any, error) {
		return h.RecallStatusAs(ctx, q.Origin, q.ID)
	}),
	"route":           ask(func(h *Hub, _ context.Context, q api.RouteAs) (any, error) { return h.RouteAs(q) }),
	"drill.positions": ask(func(h *Hub, ctx context.Context, _ struct{}) (any, error) { return h.DrillPositions(ctx) }),
	"examine":         ask(func(h *Hub, ctx context.Context, _ struct{}) (any, error) { return h.Examine(ctx) }),
	"status":          ask(func(h *Hub, _ context.Context, _ struct{}) (any, error) { return h.Recovered(), h.Ready() }),
}

// ask reads a request of type Q, refusing members it does not have.
func ask[Q any](f func(*Hub, context.Context, Q) (any, error)) func(*Hub, context.Context, []byte) (any, error) {
	return func(h *Hub, ctx context.Context, body []byte) (any, error) {
		var q Q
		if len(body) > 0 {
			d := json.NewDecoder(bytes.NewReader(body))
			d.DisallowUnknownFields()
			if err := d.Decode(&q); err != nil {
				return nil, invalid("the request is not JSON as described: %v", err)
			}
		}
		return f(h, ctx, q)
	}
}

func act[Q any](f func(*Hub, context.Context, Q) error) func(*Hub, context.Context, []byte) (any, error) {
	return ask(func(h *Hub, ctx context.Context, q Q) (any, error) {
		if err := f(h, ctx, q); err != nil {
			return nil, err
		}
		return api.Done{Done: true, At: time.Now().UTC()}, nil
	})
}

func newMember(q api.MemberChange) policy.Member {
	m := policy.Member{Name: q.Name}
	memberEdit(q)(&m)
	return m
}

func memberEdit(q api.MemberChange) func(*policy.Member) {
	return func(m *policy.Member) {
		if q.Title != nil {
			m.Title = *q.Title
		}
		if q.Identities != nil {
			m.Identities = *q.Identities
		}
		if q.ReceiveOnly != nil {
			m.ReceiveOnly = *q.ReceiveOnly
		}
		if q.Unmarked != nil {
			m.Unmarked = *q.Unmarked
		}
		if q.AmberTo != nil {
			m.AmberTo = *q.AmberTo
		}
	}
}

// openAdmin answers administrators one at a time: acts change the directory,
// and the order they were asked in is the order they happen in.
func (h *Hub) openAdmin(ctx context.Context) error {
	queue := make(chan *nats.Msg, 256)
	h.go_(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-queue:
				if h.inOffice(ctx) {
					h.answerAdmin(ctx, m)
				}
			}
		}
	})
	_, err := h.conn.QueueSubscribe(api.AdminPrefix+">", h.queueGroup(), func(m *nats.Msg) {
		// The hub answers with its own rights; an administrator must not be able
		// to point it at a stream.
		if !strings.HasPrefix(m.Reply, api.AdminInbox+".") {
			h.Metrics.AdminRequests.WithLabelValues("unknown", "refused").Inc()
			h.log.Warn("an administrative request that wants its answer elsewhere was ignored")
			return
		}
		select {
		case queue <- m:
		default:
			h.respond(m, &api.Error{Code: "busy", Message: "too many administrative requests are waiting; ask again shortly"})
		}
	})
	if err != nil {
		return fmt.Errorf("subscribing to administrative requests: %w", err)
	}
	return nil
}

const adminTimeout = 2 * time.Minute

func (h *Hub) answerAdmin(ctx context.Context, m *nats.Msg) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	name := strings.TrimPrefix(m.Subject, api.AdminPrefix)
	f, ok := adminActs[name]
	if !ok {
		h.Metrics.AdminRequests.WithLabelValues("unknown", "refused").Inc()
		h.respond(m, &api.Error{Code: "not-found", Message: "this hub has no administrative act of that name; is the command newer than the hub?"})
		return
	}
	answer, err := f(h, ctx, m.Data)
	if err != nil {
		h.Metrics.AdminRequests.WithLabelValues(name, "refused").Inc()
		h.log.Warn("an administrative act was refused", "act", name, "about", aboutOf(m.Data), "error", err)
		h.respond(m, adminError(err))
		return
	}
	h.Metrics.AdminRequests.WithLabelValues(name, "done").Inc()
	if !strings.HasSuffix(name, ".list") && name != "route" && name != "examine" && name != "drill.positions" && name != "recall.status" && !strings.HasPrefix(name, "catalog.") {
		h.log.Info("an administrative act was done", "act", name, "about", aboutOf(m.Data))
	}
	h.respond(m, answer)
}

// aboutOf is what an act names, for the log.
func aboutOf(body []byte) string {
	var q struct{ Name, Community, Member string }
	if err := json.Unmarshal(body, &q); err != nil {
		return ""
	}
	return strings.Trim(strings.Join([]string{q.Name, q.Community, q.Member}, " "), " ")
}

// adminError tells the hub's own team the whole cause.
func adminError(err error) *api.Error {
	if known, ok := err.(*api.Error); ok { //nolint:errorlint // only if it is the whole error
		return known
	}
	return &api.Error{Code: "internal", Message: err.Error()}
}

func (h *Hub) listMembers(name string) (any, error) {
	var d api.Directory
	for _, m := range h.Region().Members {
		if name == "" || m.Name == name {
			d.Members = append(d.Members, *m)
		}
	}
	if name != "" && len(d.Members) == 0 {
		return nil, notFound("member", name, "selat member list")
	}
	slices.SortFunc(d.Members, func(a, b policy.Member) int { return strings.Compare(a.Name, b.Name) })
	if name != "" {
		seats, err := h.listSeats(name)
		if err != nil {
			return nil, err
		}
		d.Seats = seats.Seats
	}
	return d, nil
}

// listSeats lists all seats, those of one member, or one seat.
func (h *Hub) listSeats(name string) (api.Directory, error) {
	var d api.Directory
	for _, s := range h.Region().Seats {
		if name == "" || s.Name == name || s.Member == name {
			d.Seats = append(d.Seats, s.Public())
		}
	}
	if strings.Contains(name, "/") && len(d.Seats) == 0 {
		return d, notFound("seat", name, "selat seat list")
	}
	slices.SortFunc(d.Seats, func(a, b policy.Seat) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}

func (h *Hub) listCommunities(name string) (any, error) {
	var d api.Directory
	for _, c := range h.Region().Communities {
		if name == "" || c.Name == name {
			d.Communities = append(d.Communities, *c)
		}
	}
	if name != "" && len(d.Communities) == 0 {
		return nil, notFound("community", name, "selat community list")
	}
	slices.SortFunc(d.Communities, func(a, b policy.Community) int { return strings.Compare(a.Name, b.Name) })
	return d, nil
}
