package publisher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/feeds/daemon"
)

// metrics of a daemon.
type metrics struct {
	objects, rows, refused, failures *prometheus.CounterVec
	depth, age, success              *prometheus.GaugeVec
	dead, interval                   *prometheus.GaugeVec
	reading, sending                 *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "selat_feed_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "selat_feed_" + name, Help: help}, []string{"feed"})
		r.MustRegister(g)
		return g
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		h := daemon.Histogram("selat_feed_"+name, help, "feed")
		r.MustRegister(h)
		return h
	}
	return &metrics{
		objects:  counter("objects_total", "Objects the hub answered for.", "feed", "outcome", "code"),
		rows:     counter("rows_total", "Rows read.", "feed"),
		refused:  counter("rows_refused_total", "Rows that became nothing.", "feed", "code"),
		failures: counter("failures_total", "Readings that did not come to their end.", "feed"),
		depth:    gauge("outbox_objects", "Objects that wait for the hub."),
		age:      gauge("outbox_oldest_timestamp_seconds", "Since when the oldest of them waits; 0 for none."),
		dead:     gauge("dead_letters", "Objects that the hub refused and that are set aside."),
		interval: gauge("interval_seconds", "How often the feed is read, when all goes well."),
		reading:  histogram("read_seconds", "Time of one reading, however it ended."),
		sending:  histogram("submit_seconds", "Time from a submission to the hub's answer; of those without one, until that was known."),
		success:  gauge("last_success_timestamp_seconds", "When the feed was last read to its end."),
	}
}

// begin tells of a feed from the start, so that the first failure is seen to be one.
func (m *metrics) begin(feed string, every time.Duration) {
	m.rows.WithLabelValues(feed)
	m.failures.WithLabelValues(feed)
	m.interval.WithLabelValues(feed).Set(every.Seconds())
}

func (m *metrics) object(feed, outcome, code string) {
	m.objects.WithLabelValues(feed, outcome, code).Inc()
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
