package ops

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// Registry is what Serve tells /metrics from, made once more.
func Registry(ctx context.Context, h *broker.Hub, cfg *broker.Config, others ...prometheus.Collector) (*prometheus.Registry, error) {
	return newRegistry(ctx, h, cfg, newDenials(), slog.New(slog.DiscardHandler), others)
}
