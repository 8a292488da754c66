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
		gauge("selat_recovery_missing_messages", "Messages that were stored and were gone at the last start; anything but 0 is a loss.", func(r recovery) float64 { return float64(r.Missing) }),
		gauge("selat_recovery_unfinished_blocks", "Empty blocks without a key that a kill left and the last start removed.", func(r recovery) float64 { return float64(r.Unfinished) }),
		gauge("selat_recovery_index_rebuilt", "1 if the last start made the index anew.", func(r recovery) float64 { return truth(r.Rebuilt != "") }),
	)
}
