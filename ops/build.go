package ops

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
)

// newBuild tells which program runs.
func newBuild() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "selat_build_info", Help: "1, with the versions of the program, of Go and of the engine.",
		ConstLabels: prometheus.Labels{"version": broker.Version(), "goversion": runtime.Version(), "nats_version": broker.EngineVersion()},
	}, func() float64 { return 1 })
}

// newLeads tells whether this node decides what is accepted, recalled and changed.
func newLeads(h *broker.Hub) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "selat_leads", Help: "1 on the node that decides what is accepted, recalled and changed, else 0; 1 on a hub of one node.",
	}, func() float64 { return truth(h.Leads()) })
}

// newReady tells whether submissions are taken, as /readyz does.
func newReady(h *broker.Hub) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "selat_ready", Help: "1 while the hub takes submissions, else 0.",
	}, func() float64 { return truth(h.Ready() == nil) })
}
