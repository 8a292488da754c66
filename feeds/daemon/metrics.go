package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ServeMetrics serves /metrics of the registry it returns on an address, on loopback
// only; with an empty address nowhere. stop ends it.
func ServeMetrics(address string, log *slog.Logger) (r prometheus.Registerer, stop func() error, err error) {
	registry := prometheus.NewRegistry()
	if address == "" {
		return registry, func() error { return nil }, nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip, bad := netip.ParseAddr(host); err != nil || host != "localhost" && (bad != nil || !ip.IsLoopback()) {
		return nil, nil, fmt.Errorf("metrics: %q is no address of this machine such as 127.0.0.1:9420", address)
	}
	l, err := net.Listen("tcp", address)
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
