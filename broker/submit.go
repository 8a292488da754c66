package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// Submission is what a caller that is no NATS client submits.
type Submission struct {
	// Account is the seat's.
	Account string
	// Payload is a STIX bundle or object. It must not be changed until Submit
	// returns.
	Payload []byte
	To      []string
	// Unmarked is the level unmarked objects travel under, Only the level every
	// object must have in the end; NoLevel is none of either.
	Unmarked, Only stix.Level
}

// Submit passes a submission through the accept pipeline, as one that comes over
// NATS, and returns its receipt. The context bounds the waiting, not the work:
// what was taken is stored even if nobody waits. Errors are *api.Error
// (payload-too-large, unavailable), or the context's.
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
	reply, err := h.conn.RequestMsgWithContext(ctx, m)
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, &api.Error{Code: "payload-too-large", Message: fmt.Sprintf("the submission has %d bytes, more than the hub takes: cut it into several", len(s.Payload))}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		h.log.Error("a submission was not taken in", "error", err)
		return nil, &api.Error{Code: "unavailable", Message: "the hub is stopping; send the same bytes again later"}
	}
	var r api.Receipt
	if err := json.Unmarshal(reply.Data, &r); err != nil {
		return nil, fmt.Errorf("reading a receipt: %w", err)
	}
	return &r, nil
}
