package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Deciding out loud: the same stages as for a submission, up to where it would
// be stored, and then policy's own explanation. Nothing is stored.

// maxDecisions is about what fits in one answer: a decision is some 130 bytes.
const maxDecisions = 50_000

// RouteAs explains, seat by seat, what would become of a member's submission.
// It is for the hub's team.
func (h *Hub) RouteAs(q api.RouteAs) (api.Route, error) {
	r := h.Region()
	if r.Members[q.From] == nil {
		return api.Route{}, notFound("member", q.From, "selat member list")
	}
	seat := &policy.Seat{Name: q.From + "/route", Member: q.From, Kind: policy.Publisher, Standing: policy.Organization, Ceiling: stix.Clear}
	s := &submission{at: time.Now(), region: r, seat: seat, payload: q.Payload, to: q.To, asked: q.Unmarked}
	return h.explain(s, true, ""), nil
}

// answerRoute explains the same to a seat: about members, and only those it
// may know of.
func (h *Hub) answerRoute(_ context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	s := &submission{at: time.Now(), region: h.Region(), seat: seat, payload: m.Data}
	f := s.readHeaders(m.Header)
	if no := s.region.MaySubmit(seat); no != nil {
		f = &stix.Finding{Code: no.Code, Message: no.Message}
	}
	if f == nil {
		f = h.intake.rates.objectsLeft(seat, time.Now())
	}
	if f != nil {
		return api.Route{Origin: seat.Member, Error: f}, nil
	}
	out := h.explain(s, false, seat.Member)
	h.intake.rates.spend(seat, len(s.objects))
	return out, nil
}

func (h *Hub) explain(s *submission, perSeat bool, asker string) api.Route {
	out := api.Route{Origin: s.seat.Member, Objects: []api.ObjectRoute{}}
	if f := h.runStages(s); f != nil {
		out.Error = f
		return out
	}
	if readers := len(s.region.Members) + len(s.region.Seats); len(s.objects)*readers > maxDecisions {
		out.Error = &stix.Finding{Code: "too-many-objects", Message: fmt.Sprintf("%d objects for %d readers are more decisions than one answer holds: ask about at most %d objects at a time", len(s.objects), readers, max(1, maxDecisions/readers))}
		return out
	}
	for i := range s.objects {
		o := &s.objects[i]
		or := api.ObjectRoute{Object: i, ID: o.ID, Level: o.level, Why: whyLevel(o), Findings: slices.Concat(o.refused, o.warnings)}
		for _, st := range o.streams {
			or.Streams = append(or.Streams, s.region.Name(st))
		}
		for _, d := range s.region.Explain(o.streams, perSeat, asker) {
			or.Decisions = append(or.Decisions, api.Decision{Member: d.Member, Seat: d.Seat, Receives: d.Receives, Code: d.Code, Reason: d.Reason})
		}
		out.Objects = append(out.Objects, or)
	}
	return out
}

func whyLevel(o *object) string {
	switch {
	case !o.ok():
		return "refused"
	case o.marking.Level != stix.NoLevel:
		return fmt.Sprintf("%s at %s", o.marking.ID, o.marking.Path)
	case o.supporting:
		return "unmarked; travels with the objects that refer to it"
	default:
		return "unmarked; travels under the level that the submission or the member names"
	}
}
