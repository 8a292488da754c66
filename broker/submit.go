package broker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Submission is what a caller that is no NATS client submits.
type Submission struct {
	// Account is the seat's.
	Account string
	// Payload is a STIX bundle or object, not to be changed any more.
	Payload []byte
	To      []string
	// Unmarked is the level unmarked objects travel under, Only the level every
	// object must have in the end; NoLevel is none of either.
	Unmarked, Only stix.Level
}

// Submit passes a submission through the accept pipeline, as one that comes over
// NATS, and returns its receipt. The context bounds the waiting, not the work:
// what was taken is stored even if nobody waits. Errors are *api.Error (payload-too-large), or the context's.
func (h *Hub) Submit(ctx context.Context, s Submission) (*api.Receipt, error) {
	m := nats.NewMsg("seat." + s.Account + ".submit")
	m.Data = s.Payload
	if len(s.To) > 0 {
		m.Header.Set(api.HeaderTo, strings.Join(s.To, ","))
	}
	if s.Unmarked != stix.NoLevel {
		m.Header.Set(api.HeaderUnmarked, s.Unmarked.String())
	}
	if s.Only != stix.NoLevel {
		m.Header.Set(api.HeaderOnly, s.Only.String())
	}
	if len(s.Payload) > h.cfg.Limits.PayloadBytes {
		return nil, &api.Error{Code: "payload-too-large", Message: fmt.Sprintf("the submission has %d bytes and the limit is %d: cut it into several", len(s.Payload), h.cfg.Limits.PayloadBytes)}
	}
	if !h.leading() {
		return h.forwardSubmission(ctx, m)
	}
	answer := make(chan *api.Receipt, 1)
	h.intake.arrive(arrival{msg: m, at: time.Now(), told: func(r *api.Receipt) { answer <- r }})
	select {
	case r := <-answer:
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
