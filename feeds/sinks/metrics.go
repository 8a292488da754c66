package sinks

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/feeds/daemon"
)

// metrics of a daemon. Labels are names of the configuration and reasons from
// closed sets.
type metrics struct {
	received, recalls                          prometheus.Counter
	lastReceived, connected                    prometheus.Gauge
	pending                                    *prometheus.GaugeVec
	writing                                    *prometheus.HistogramVec
	written, lines, lastWrite, guarded, behind *prometheus.GaugeVec
	withheld                                   *prometheus.GaugeVec
	told, failures, aside                      *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		received:     prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_sink_received_total", Help: "Objects received."}),
		recalls:      prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_sink_recalls_total", Help: "Orders to forget an object carried out."}),
		lastReceived: prometheus.NewGauge(prometheus.GaugeOpts{Name: "selat_sink_last_received_timestamp_seconds", Help: "When an object was last received; 0 for none since the start."}),
		connected:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "selat_sink_following", Help: "1 while the daemon follows a hub it reached since its start, else 0."}),
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "selat_sink_" + name, Help: help}, append([]string{"sink"}, labels...))
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "selat_sink_" + name, Help: help}, []string{"sink"})
	}
	m.written = gauge("objects", "Objects that the sink shows.")
	m.lines = gauge("lines", "Lines that it has for them.")
	m.lastWrite = gauge("last_write_timestamp_seconds", "When what it shows was last written.")
	m.guarded = gauge("shrink_guarded", "1 while the shrink guard holds back what would leave.")
	m.behind = gauge("reload_pending", "1 while its consumer has not loaded what is written.")
	m.withheld = gauge("withheld_objects", "Objects that it does not show, by reason.", "reason")
	m.told = counter("events_total", "Events told, those that were set aside among them.")
	m.aside = counter("events_set_aside_total", "Events that the receiver refused for good.")
	m.pending = gauge("pending_events", "Events that are still to be told.")
	m.writing = daemon.Histogram("selat_sink_write_seconds", "Time of one write of the sink, its check and reload included, however it ended.", "sink")
	m.failures = counter("failures_total", "Writes and tellings that failed.")
	r.MustRegister(m.received, m.recalls, m.written, m.lines, m.lastWrite, m.guarded, m.behind, m.withheld, m.told, m.failures, m.aside, m.lastReceived, m.connected, m.pending, m.writing)
	return m
}

// begin tells of a sink from the start, so that its first failure is seen to be one.
func (m *metrics) begin(name string, stream bool) {
	m.failures.WithLabelValues(name)
	if stream {
		m.told.WithLabelValues(name)
		m.aside.WithLabelValues(name)
	}
}

// wrote takes in what became of a write.
func (m *metrics) wrote(name string, w *Written, err error) {
	if err != nil {
		m.failures.WithLabelValues(name).Inc()
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	m.written.WithLabelValues(name).Set(float64(w.Count.Written))
	m.lines.WithLabelValues(name).Set(float64(w.Count.Lines))
	m.lastWrite.WithLabelValues(name).Set(float64(w.At.UnixMilli()) / 1000)
	m.guarded.WithLabelValues(name).Set(truth(w.Guarded))
	m.behind.WithLabelValues(name).Set(truth(w.Reload))
	m.withheld.DeletePartialMatch(prometheus.Labels{"sink": name})
	for reason, n := range w.Withheld {
		m.withheld.WithLabelValues(name, reason).Set(float64(n))
	}
	for reason, n := range w.Count.Skipped {
		m.withheld.WithLabelValues(name, reason).Set(float64(n))
	}
}
