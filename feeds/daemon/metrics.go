package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/selat-hub/selat/broker"
)

// NewRegistry holds what every daemon tells of itself: its version, and how its
// process stands.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "selat_daemon_build_info", Help: "1, with the versions of the program and of Go.",
			ConstLabels: prometheus.Labels{"version": broker.Version(), "goversion": runtime.Version()},
		}, func() float64 { return 1 }),
	)
	return r
}

// Histogram is one in seconds in both forms: in buckets from 1 ms to half a minute,
// and in native ones.
func Histogram(name, help, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help,
		Buckets:                     prometheus.ExponentialBuckets(0.001, 2, 16),
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}, []string{label})
}

// ServeMetrics serves /metrics of the registry it returns on an address, on loopback
// only; with an empty address nowhere. stop ends it.
func ServeMetrics(address string, log *slog.Logger) (r prometheus.Registerer, stop func() error, err error) {
	registry := NewRegistry()
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
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
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
