package publisher

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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

// ServeMetrics serves /metrics where the configuration says so, on loopback only.
func ServeMetrics(c *Config, log *slog.Logger) (prometheus.Registerer, func() error, error) {
	registry := prometheus.NewRegistry()
	if c.Metrics == "" {
		return registry, func() error { return nil }, nil
	}
	host, _, err := net.SplitHostPort(c.Metrics)
	if ip, bad := netip.ParseAddr(host); err != nil || host != "localhost" && (bad != nil || !ip.IsLoopback()) {
		return nil, nil, fmt.Errorf("metrics: %q is no address of this machine such as 127.0.0.1:9420", c.Metrics)
	}
	l, err := net.Listen("tcp", c.Metrics)
	if err != nil {
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serving metrics ended", "error", err)
		}
	}()
	return registry, func() error { err := s.Close(); <-done; return err }, nil
}
