package publisher

import (
	"context"
	"net/http"

	"github.com/selat-hub/selat/feeds/daemon"
)

// Handler answers what is asked of a daemon that runs (daemon.Serve).
func (p *Publisher) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /status", daemon.Answer(func(context.Context, struct{}) ([]Status, error) { return p.Status() }))
	mux.Handle("POST /retry", daemon.Answer(func(_ context.Context, q retry) (n int, err error) { return p.Retry(q.ID) }))
	return mux
}

type retry struct {
	ID string `json:"id,omitempty"`
}

// AskStatus asks the daemon that runs with this configuration how its feeds stand.
// Without one it returns daemon.ErrNotRunning.
func (c *Config) AskStatus(ctx context.Context) (out []Status, err error) {
	err = daemon.Ask(ctx, c.State, http.MethodGet, "/status", nil, &out)
	return out, err
}

// AskRetry asks it to Retry.
func (c *Config) AskRetry(ctx context.Context, id string) (n int, err error) {
	err = daemon.Ask(ctx, c.State, http.MethodPost, "/retry", retry{id}, &n)
	return n, err
}
