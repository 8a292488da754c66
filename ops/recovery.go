package ops

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newRecovery tells what the hub's last start found and mended.
func newRecovery(h *broker.Hub) prometheus.Collector {
	type recovery = broker.Recovery
	return newRow(func() (recovery, bool) { return h.Recovered(), true },
		gauge("selat_recovery_caught_up_objects", "Objects that were stored but not in the index at the last start.", func(r recovery) float64 { return float64(r.CaughtUp) }),
		gauge("selat_recovery_seconds", "How long the last start took until connections were accepted.", func(r recovery) float64 { return r.Took.Seconds() }),
		gauge("selat_recovery_removed_durables", "Durables without entitlement removed at the last start.", func(r recovery) float64 { return float64(r.Removed) }),
		gauge("selat_recovery_index_rebuilt", "1 if the last start made the index anew.", func(r recovery) float64 { return truth(r.Rebuilt != "") }),
	)
}
