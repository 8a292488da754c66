package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Status is what became of the objects of one request (TAXII 2.1 §4.3). The
// lists are optional: a server may give the counts only.
type Status struct {
	ID               string         `json:"id"`
	Status           string         `json:"status"` // complete, or pending
	RequestTimestamp string         `json:"request_timestamp,omitempty"`
	TotalCount       int            `json:"total_count"`
	SuccessCount     int            `json:"success_count"`
	FailureCount     int            `json:"failure_count"`
	PendingCount     int            `json:"pending_count"`
	Successes        []StatusDetail `json:"successes,omitempty"`
	Failures         []StatusDetail `json:"failures,omitempty"`
	Pendings         []StatusDetail `json:"pendings,omitempty"`
}

// StatusDetail is about one object.
type StatusDetail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

// Complete tells whether the server has decided.
func (s *Status) Complete() bool { return s.Status == "complete" }

const (
	statusBase = 500 * time.Millisecond
	statusMost = 15 * time.Second
)

// Status asks what became of an earlier request.
func (c *Client) Status(ctx context.Context, root *Root, id string) (*Status, error) {
	if !sound(id) {
		return nil, fmt.Errorf("%q is no identifier of a status", id)
	}
	var s Status
	if err := c.get(ctx, below(root.url, "status/"+url.PathEscape(id)+"/"), &s); err != nil {
		return nil, fmt.Errorf("asking for the status of a request: %w", err)
	}
	return &s, nil
}

// Add adds objects to a collection, in one request with their bytes unchanged,
// and waits until the server has decided, at most Options.StatusWait. What it
// returns then may still be pending. A server that gives no status has a nil one.
//
// To add again what is there already is a success (TAXII 2.1 §5.5).
func (c *Client) Add(ctx context.Context, col *Collection, objects [][]byte) (*Status, error) {
	var s *Status
	err := c.do(ctx, &request{
		method: http.MethodPost, url: col.at("objects/"), body: wrap(objects),
		read: func(_ http.Header, body io.Reader) error {
			one, err := io.ReadAll(io.LimitReader(body, 1))
			if err != nil || len(one) == 0 {
				s = nil
				return err
			}
			s = new(Status)
			return readResource(io.MultiReader(bytes.NewReader(one), body), s)
		},
	})
	if err != nil {
		return nil, err
	}
	return c.decided(ctx, col.Root, s)
}

// decided asks again, less and less often, while a status is pending.
func (c *Client) decided(ctx context.Context, root *Root, s *Status) (*Status, error) {
	pause := statusBase
	for waited := time.Duration(0); s != nil && !s.Complete() && sound(s.ID) && waited < c.opts.StatusWait; waited += pause {
		if waited > 0 {
			pause = min(pause*2, statusMost)
		}
		if err := c.opts.Wait(ctx, pause); err != nil {
			return s, fmt.Errorf("waiting for the server to decide: %w", err)
		}
		next, err := c.Status(ctx, root, s.ID)
		if err != nil {
			return s, err
		}
		next.ID = s.ID
		s = next
	}
	return s, nil
}

// wrap is an envelope with these objects, as they are.
func wrap(objects [][]byte) []byte {
	size := wrapBytes
	for _, o := range objects {
		size += len(o) + 1
	}
	b := append(make([]byte, 0, size), `{"objects":[`...)
	for i, o := range objects {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, o...)
	}
	return append(b, `]}`...)
}

// wrapBytes is what an envelope takes besides its objects and their commas.
const wrapBytes = len(`{"objects":[]}`)
