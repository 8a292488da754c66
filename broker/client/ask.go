package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// maxReceipts is how many objects one receipts request may name.
const maxReceipts = 1000

// ErrClosed says that the client was closed.
var ErrClosed = errors.New("the client is closed")

// ErrTooLarge says that a payload is over the limit of the hub's connections, and was
// not sent.
var ErrTooLarge = errors.New("the payload is over the hub's limit")

// Whoami asks the hub what it knows of this seat.
func (c *Client) Whoami(ctx context.Context) (*api.Whoami, error) {
	return ask[api.Whoami](ctx, c, "asking who this seat is", api.SubjectWhoami, nil)
}

// Streams asks what this seat may read now. The hub makes the durables that
// are missing before it answers.
func (c *Client) Streams(ctx context.Context) (*api.Streams, error) {
	return ask[api.Streams](ctx, c, "asking for the streams of this seat", api.SubjectStreams, nil)
}

// Replay moves this seat's durables, back or forward. Whoever has Subscribe
// running on the seat receives what is delivered again, and skips what its
// state has already seen: to have it handled again, use SubscribeOptions.Replay.
func (c *Client) Replay(ctx context.Context, r api.ReplayRequest) (*api.Replay, error) {
	return ask[api.Replay](ctx, c, "asking for a replay", api.SubjectReplay, r)
}

// Receipts asks what became of objects this seat's member published. What is
// stored is named in the answer; what is not named there is not stored.
func (c *Client) Receipts(ctx context.Context, objects []api.ObjectVersion) (*api.Receipts, error) {
	all := &api.Receipts{}
	for part := range slices.Chunk(objects, maxReceipts) {
		r, err := ask[api.Receipts](ctx, c, "asking for receipts", api.SubjectReceipts, api.ReceiptsRequest{Objects: part})
		if err != nil {
			return nil, err
		}
		all.Objects = append(all.Objects, r.Objects...)
	}
	return all, nil
}

// Recall orders that an object which this seat's member published be forgotten by
// all who hold it. When it returns nobody receives the object any more, and the
// order is on its way to whoever may have it. To recall again is no error.
func (c *Client) Recall(ctx context.Context, r api.RecallRequest) (*api.Recalled, error) {
	return ask[api.Recalled](ctx, c, "recalling", api.SubjectRecall, r)
}

// RecallStatus asks how far the recalls of an object of this seat's member have
// come, the newest first.
func (c *Client) RecallStatus(ctx context.Context, id string) (*api.RecallStatuses, error) {
	return ask[api.RecallStatuses](ctx, c, "asking how a recall goes", api.SubjectRecallStatus, api.RecallStatusRequest{ID: id})
}

// Manifest asks which objects stand in one stream, of those that this seat may read,
// a page at a time: give Next of one page as After of the following, while it says
// that there is more. What the seat may not read is refused as not-found, as what
// does not exist is. What is stored or erased meanwhile may be in it or not.
func (c *Client) Manifest(ctx context.Context, r api.ManifestRequest) (*api.Manifest, error) {
	return ask[api.Manifest](ctx, c, "asking what a stream holds", api.SubjectManifest, r)
}

// SubmitOptions is what a submission says beside its objects.
type SubmitOptions struct {
	// To names the audience: one community, or for RED the members. Empty
	// leaves it to the hub: CLEAR and GREEN go to its default audience, AMBER
	// to the member's own default.
	To []string
	// Unmarked is the level that objects without a TLP marking travel under;
	// NoLevel leaves it to the member's default, without which they are refused.
	Unmarked stix.Level
}

// Route asks, for one submission (a bundle or an object), who would receive
// each object and why, and who would not. Nothing is published.
func (c *Client) Route(ctx context.Context, payload []byte, o SubmitOptions) (*api.Route, error) {
	reply, err := c.request(ctx, "asking for a route", message(api.SubjectRoute, payload, o))
	if err != nil {
		return nil, err
	}
	var r api.Route
	if err := json.Unmarshal(reply.Data, &r); err != nil {
		return nil, fmt.Errorf("asking for a route: the hub's answer cannot be read: %w", err)
	}
	return &r, nil
}

// ask sends a request and reads its answer, again and again until it has one
// or ctx ends. An answer that is an error is returned as *api.Error, unless it
// says to come back later.
func ask[T any](ctx context.Context, c *Client, doing, subject string, body any) (*T, error) {
	msg := nats.NewMsg(subject)
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		msg.Data = b
	}
	again := backoff{base: reconnectBase, max: reconnectMax}
	for {
		reply, err := c.request(ctx, doing, msg)
		if err != nil {
			return nil, err
		}
		var failed struct {
			Error *api.Error `json:"error"`
		}
		if err := json.Unmarshal(reply.Data, &failed); err != nil {
			return nil, fmt.Errorf("%s: the hub's answer cannot be read: %w", doing, err)
		}
		if failed.Error == nil {
			answer := new(T)
			if err := json.Unmarshal(reply.Data, answer); err != nil {
				return nil, fmt.Errorf("%s: the hub's answer cannot be read: %w", doing, err)
			}
			return answer, nil
		}
		if !passing(failed.Error.Code) {
			return nil, fmt.Errorf("%s: %w", doing, failed.Error)
		}
		if err := again.wait(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", doing, err, failed.Error)
		}
	}
}

// passing reports whether an error is about the hub and will pass.
func passing(code string) bool {
	return code == "busy" || code == "unavailable" || code == "rate-limited"
}

// request sends the same bytes until an answer comes or ctx ends. A request
// ends with the connection it was sent on, so that a hub that crashed and came
// back is asked again at once. The caller's message must be one that the hub
// recognises when it comes twice.
func (c *Client) request(ctx context.Context, doing string, msg *nats.Msg) (*nats.Msg, error) {
	again := backoff{base: reconnectBase, max: reconnectMax}
	for {
		reply, err := c.requestOnce(ctx, msg)
		if err == nil {
			return reply, nil
		}
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", doing, context.Cause(ctx))
		case c.ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", doing, ErrClosed)
		case errors.Is(err, nats.ErrMaxPayload):
			return nil, fmt.Errorf("%s: %w: %d bytes of at most %d", doing, ErrTooLarge, len(msg.Data), c.nc.MaxPayload())
		case errors.Is(err, nats.ErrHeadersNotSupported), errors.Is(err, nats.ErrBadSubject):
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		c.log.Debug("no answer; asking again", "subject", msg.Subject, "error", err)
		if err := again.wait(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
}

func (c *Client) requestOnce(ctx context.Context, msg *nats.Msg) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	alive, _, err := c.link.wait(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(alive, cancel)()
	return c.nc.RequestMsgWithContext(ctx, msg)
}
