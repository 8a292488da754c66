package ops

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/catalog"
)

// newIndex tells the state of the index of what is stored.
func newIndex(o *observer, h *broker.Hub) []prometheus.Collector {
	type state = catalog.Metrics
	index := observe(o, "index", func(context.Context) (state, error) { return h.IndexMetrics() })
	behind := observe(o, "index_lag", h.IndexLag)
	// What the database does not tell while it waits for disk space, and the
	// size of a folder that cannot be read, are unknown.
	when := func(know func(state) bool, c column[state]) column[state] {
		c.value = known(c.value, know)
		return c
	}
	answers := func(m state) bool { return !m.WaitsForDisk }
	return []prometheus.Collector{newRow(index.get,
		when(func(m state) bool { return m.DiskBytes > 0 },
			gauge("selat_index_disk_bytes", "Bytes the index takes on disk.", func(m state) float64 { return float64(m.DiskBytes) })),
		when(answers, gauge("selat_index_memory_bytes", "Bytes the index takes in memory.", func(m state) float64 { return float64(m.MemoryBytes) })),
		when(answers, counter("selat_index_cache_hits_total", "Blocks of the index read from its cache.", func(m state) float64 { return float64(m.CacheHits) })),
		when(answers, counter("selat_index_cache_misses_total", "Blocks of the index read from disk.", func(m state) float64 { return float64(m.CacheMisses) })),
		when(answers, gauge("selat_index_compaction_debt_bytes", "Bytes of the index still to be rewritten, about.", func(m state) float64 { return float64(m.CompactionDebtBytes) })),
		gauge("selat_index_entries", "Entries of the index, about.", func(m state) float64 { return float64(m.Entries) }),
		gauge("selat_index_streams", "Streams in the index.", func(m state) float64 { return float64(m.Streams) }),
		gauge("selat_index_filter_ready", "0 while the index's filter is filled after a start and lookups are slower, then 1.", func(m state) float64 { return truth(m.FilterReady) }),
		counter("selat_index_conflicts_total", "Records left out of the index because another stood in their place; should stay 0.", func(m state) float64 { return float64(m.Conflicts) }),
		gauge("selat_index_waiting_for_disk", "1 while a write of the index waits for disk space.", func(m state) float64 { return truth(m.WaitsForDisk) }),
		gauge("selat_index_damaged", "1 when the hub must be restarted to make the index anew.", func(m state) float64 { return truth(m.Damaged) }),
	), newRow(behind.get,
		gauge("selat_index_lag_messages", "Messages stored and not in the index, over all streams.", func(l broker.IndexLag) float64 { return float64(l.Messages) }),
		gauge("selat_index_lag_seconds", "How long ago the first message was stored that is not in the index, over all streams; 0 without one.", lagSeconds),
	)}
}

func lagSeconds(l broker.IndexLag) float64 {
	if l.Since.IsZero() {
		return 0
	}
	return max(0, time.Since(l.Since).Seconds())
}
