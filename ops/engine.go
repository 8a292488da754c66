package ops

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newEngine tells the embedded engine's state, and the disk's under it.
func newEngine(o *observer, h *broker.Hub) []prometheus.Collector {
	type engine = broker.EngineStats
	state := observe(o, "engine", func(context.Context) (engine, error) { return h.EngineStats() })
	type disk struct{ free, reserve, total uint64 }
	space := observe(o, "disk", func(context.Context) (d disk, err error) {
		if d.free, d.reserve, err = h.Disk(); err == nil {
			d.total, err = h.DiskTotal()
		}
		return d, err
	})
	return []prometheus.Collector{
		newRow(state.get,
			gauge("selat_engine_connections", "Connections to the engine, the hub's own included.", func(e engine) float64 { return float64(e.Connections) }),
			gauge("selat_engine_subscriptions", "Subscriptions in the engine.", func(e engine) float64 { return float64(e.Subscriptions) }),
			counter("selat_engine_slow_consumers_total", "Connections dropped because they did not read fast enough.", func(e engine) float64 { return float64(e.SlowConsumers) }),
			counter("selat_engine_received_messages_total", "Messages the engine received over connections.", func(e engine) float64 { return float64(e.InMessages) }),
			counter("selat_engine_received_bytes_total", "Bytes of messages the engine received over connections.", func(e engine) float64 { return float64(e.InBytes) }),
			counter("selat_engine_sent_messages_total", "Messages the engine sent over connections.", func(e engine) float64 { return float64(e.OutMessages) }),
			counter("selat_engine_sent_bytes_total", "Bytes of messages the engine sent over connections.", func(e engine) float64 { return float64(e.OutBytes) }),
			gauge("selat_store_used_bytes", "Bytes JetStream's store holds on disk.", func(e engine) float64 { return float64(e.StoreBytes) }),
			gauge("selat_store_memory_bytes", "Bytes JetStream's store holds in memory.", func(e engine) float64 { return float64(e.MemoryBytes) }),
			counter("selat_store_requests_total", "Requests to JetStream's API.", func(e engine) float64 { return float64(e.Requests) }),
			counter("selat_store_request_errors_total", "Requests to JetStream's API that it answered with an error.", func(e engine) float64 { return float64(e.Failures) }),
		),
		newRow(space.get,
			gauge("selat_disk_free_bytes", "Bytes free on the store's disk.", func(d disk) float64 { return float64(d.free) }),
			gauge("selat_disk_total_bytes", "Bytes of the store's disk that could be used if nothing were on it.", func(d disk) float64 { return float64(d.total) }),
			gauge("selat_disk_reserve_bytes", "Bytes that must stay free for submissions to be taken.", func(d disk) float64 { return float64(d.reserve) }),
		),
	}
}
