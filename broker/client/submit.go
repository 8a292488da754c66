package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func message(subject string, payload []byte, o SubmitOptions) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Data = payload
	if len(o.To) > 0 {
		msg.Header.Set(api.HeaderTo, strings.Join(o.To, ","))
	}
	if o.Unmarked != stix.NoLevel {
		msg.Header.Set(api.HeaderUnmarked, o.Unmarked.String())
	}
	return msg
}

// Submit hands one bundle or object to the hub and returns its receipt. What
// the receipt calls accepted or duplicate is on the hub's disk.
//
// While there is no answer (the hub restarts, the network breaks), or the
// answer says that some of it may pass later, the same bytes are sent again,
// with growing pauses, until ctx ends: the hub recognises what it already
// stored. The receipt tells of all these tries as if they were one: what any
// of them accepted is accepted.
//
// When Submit returns an error, the receipt beside it is the last there was,
// or nil: then nobody knows whether the submission was stored. Submitting it
// again is always safe.
//
// The payload is not copied and must not be changed meanwhile.
func (c *Client) Submit(ctx context.Context, payload []byte, o SubmitOptions) (*api.Receipt, error) {
	msg := message(api.SubjectSubmit, payload, o)
	again := backoff{base: reconnectBase, max: reconnectMax}
	var known *api.Receipt
	for {
		reply, err := c.request(ctx, "submitting", msg)
		if err != nil {
			return known, err
		}
		r := new(api.Receipt)
		if err := json.Unmarshal(reply.Data, r); err != nil {
			return known, fmt.Errorf("submitting: the hub's receipt cannot be read: %w", err)
		}
		known = mergeReceipts(known, r)
		if !r.Retry {
			return known, nil
		}
		c.log.Debug("the hub cannot take it now; submitting again", "submission", r.Submission, "reason", reason(r))
		if err := again.wait(ctx); err != nil {
			return known, fmt.Errorf("submitting: %w: the hub answered last: %s", err, reason(r))
		}
	}
}

// reason is why a receipt says to come back later.
func reason(r *api.Receipt) string {
	if r.Error != nil {
		return r.Error.Message
	}
	for _, o := range r.Objects {
		if mayPass(&o) {
			return o.Findings[0].Message
		}
	}
	return "no reason given"
}
