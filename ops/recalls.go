package ops

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newRecalls tells what recalls wait for, over all seats.
func newRecalls(o *observer, h *broker.Hub) prometheus.Collector {
	type backlog = broker.RecallBacklog
	state := observe(o, "recalls", h.RecallBacklog)
	return newRow(state.get,
		gauge("selat_recalls_outstanding", "Orders to forget an object that a seat was given and has not acknowledged.", func(b backlog) float64 { return float64(b.Outstanding) }),
		gauge("selat_recalls_unfinished", "Recalls that are ordered and not carried out yet.", func(b backlog) float64 { return float64(b.Unfinished) }),
		moment("selat_recalls_oldest_outstanding_timestamp_seconds", "When the oldest order was given that some seat has not acknowledged.", func(b backlog) time.Time { return b.Oldest }),
	)
}
