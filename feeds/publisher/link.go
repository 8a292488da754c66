package publisher

import (
	"context"
	"log/slog"
	"sync"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// Link is a Submitter that connects when it is first needed, so that a daemon
// that starts without a hub reads its feeds all the same.
type Link struct {
	config *Config
	log    *slog.Logger
	mu     sync.Mutex
	hub    *client.Client
}

// NewLink opens no connection yet.
func NewLink(c *Config, log *slog.Logger) *Link { return &Link{config: c, log: log} }

// Submit connects, if need be until ctx ends, and submits.
func (l *Link) Submit(ctx context.Context, payload []byte, o client.SubmitOptions) (*api.Receipt, error) {
	hub, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	return hub.Submit(ctx, payload, o)
}

func (l *Link) connect(ctx context.Context) (*client.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hub != nil {
		return l.hub, nil
	}
	hub, err := client.Connect(ctx, client.Options{CredsFile: l.config.Credentials, URL: l.config.Hub, Name: "selat feed", Logger: l.log})
	if err != nil {
		return nil, err
	}
	l.hub = hub
	return hub, nil
}

// Close ends the connection.
func (l *Link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hub != nil {
		l.hub.Close()
	}
}
