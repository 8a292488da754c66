package sinks

import (
	"context"
	"errors"
	"net/http"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/daemon"
)

// Handler answers what is asked of a daemon that runs (daemon.Serve).
func (d *Daemon) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /status", daemon.Answer(func(context.Context, struct{}) ([]Status, error) { return d.Status() }))
	mux.Handle("POST /verify", daemon.Answer(d.answerVerify))
	return mux
}

// VerifyRequest asks a daemon that runs to compare its state with the hub's list.
type VerifyRequest struct {
	// Repair has it receive again what is missing.
	Repair bool `json:"repair,omitempty"`
}

func (d *Daemon) answerVerify(ctx context.Context, q VerifyRequest) (*Verified, error) {
	hub := d.hub.Load()
	if hub == nil {
		return nil, errors.New("the daemon has not reached the hub since it started")
	}
	v, err := d.Verify(ctx, hub)
	if err == nil && q.Repair {
		err = d.Replay(ctx, v)
	}
	return v, err
}

// AskStatus asks the daemon that runs with this configuration how its sinks stand.
// Without one it returns daemon.ErrNotRunning.
func (c *Config) AskStatus(ctx context.Context) (out []Status, err error) {
	err = daemon.Ask(ctx, c.State, http.MethodGet, "/status", nil, &out)
	return out, err
}

// AskVerify asks it to Verify, and to repair.
func (c *Config) AskVerify(ctx context.Context, q VerifyRequest) (out *Verified, err error) {
	err = daemon.Ask(ctx, c.State, http.MethodPost, "/verify", q, &out)
	return out, err
}

// Connect connects to the hub; Run calls it when the sinks are kept already.
type Connect func(context.Context) (*client.Client, error)
