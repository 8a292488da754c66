package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// What comes to a node that does not lead, over TAXII, is carried to the one that does
// as the engine carries what comes over NATS.

// forwardTries bounds how often it is tried while nobody leads.
const (
	forwardEvery = 500 * time.Millisecond
	forwardFor   = 30 * time.Second
)

// ask asks the node that leads, and waits while there is none.
func (h *Hub) ask(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, done := context.WithTimeout(ctx, forwardFor)
	defer done()
	tick := time.NewTicker(forwardEvery)
	defer tick.Stop()
	for {
		answer, err := h.conn.RequestMsgWithContext(ctx, m)
		if !errors.Is(err, nats.ErrNoResponders) {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
}

var errNobodyLeads = &api.Error{Code: "unavailable", Message: "no node of the hub can decide this now; ask again shortly"}

// forwardSubmission is Submit at a node that follows. That the answer did not come does
// not say that nothing was stored: sending the same bytes again is safe.
func (h *Hub) forwardSubmission(ctx context.Context, m *nats.Msg) (*api.Receipt, error) {
	answer, err := h.ask(ctx, m)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h.log.Warn("a submission could not be carried to the node that leads", "error", err)
		return &api.Receipt{Retry: true, Error: &stix.Finding{Code: errNobodyLeads.Code, Message: "no node of the hub can take submissions now; send the same bytes again shortly"}}, nil
	}
	var r api.Receipt
	if err := json.Unmarshal(answer.Data, &r); err != nil {
		return nil, fmt.Errorf("reading the receipt: %w", err)
	}
	return &r, nil
}

// forwardQuestion carries what a seat asks to the node that leads.
func (h *Hub) forwardQuestion(ctx context.Context, account, verb string, q, out any) error {
	return h.askLeader(ctx, "seat."+account+"."+verb, q, out)
}

// enrolAsked is where the node that leads takes enrolments that others were sent.
const enrolAsked = "node.enrol"

// askLeader asks the node that leads.
func (h *Hub) askLeader(ctx context.Context, subject string, q, out any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	answer, err := h.ask(ctx, &nats.Msg{Subject: subject, Data: body})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errNobodyLeads
	}
	var failed struct{ Error *api.Error }
	if err := json.Unmarshal(answer.Data, &failed); err == nil && failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(answer.Data, out)
}
