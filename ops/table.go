package ops

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/selat-hub/selat/broker"
)

// column is one metric of a table.
type column[R any] struct {
	name, help string
	kind       prometheus.ValueType
	// value returns false when it is unknown in this row.
	value func(R) (float64, bool)
}

func gauge[R any](name, help string, value func(R) float64) column[R] {
	return column[R]{name, help, prometheus.GaugeValue, func(r R) (float64, bool) { return value(r), true }}
}

func counter[R any](name, help string, value func(R) float64) column[R] {
	return column[R]{name, help, prometheus.CounterValue, func(r R) (float64, bool) { return value(r), true }}
}

// moment is a gauge of a time, unknown while it is zero.
func moment[R any](name, help string, value func(R) time.Time) column[R] {
	return column[R]{name, help, prometheus.GaugeValue, func(r R) (float64, bool) {
		t := value(r)
		return float64(t.UnixMilli()) / 1000, !t.IsZero()
	}}
}

// known makes a value unknown in the rows where know is false.
func known[R any](value func(R) (float64, bool), know func(R) bool) func(R) (float64, bool) {
	return func(r R) (float64, bool) {
		v, ok := value(r)
		return v, ok && know(r)
	}
}

// table is a collector: a metric for each column, a series for each row.
type table[R any] struct {
	rows    func() (rows []R, known bool)
	values  func(R) []string // of the labels
	columns []column[R]
	descs   []*prometheus.Desc
}

func newTable[R any](rows func() ([]R, bool), labels []string, values func(R) []string, columns ...column[R]) *table[R] {
	t := &table[R]{rows: rows, values: values, columns: columns}
	for _, c := range columns {
		t.descs = append(t.descs, prometheus.NewDesc(c.name, c.help, labels, nil))
	}
	return t
}

// newRow is a table of one row without labels.
func newRow[R any](row func() (R, bool), columns ...column[R]) *table[R] {
	rows := func() ([]R, bool) {
		r, known := row()
		return []R{r}, known
	}
	return newTable(rows, nil, func(R) []string { return nil }, columns...)
}

func (t *table[R]) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range t.descs {
		ch <- d
	}
}

func (t *table[R]) Collect(ch chan<- prometheus.Metric) {
	rows, known := t.rows()
	if !known {
		return
	}
	for _, r := range rows {
		values := t.values(r)
		for i, c := range t.columns {
			v, known := c.value(r)
			if !known {
				continue
			}
			m, err := prometheus.NewConstMetric(t.descs[i], c.kind, v, values...)
			if err != nil {
				m = prometheus.NewInvalidMetric(t.descs[i], err)
			}
			ch <- m
		}
	}
}

// newRegistry holds everything told about one hub. ctx ends what collectors
// read.
func newRegistry(ctx context.Context, h *broker.Hub, cfg *broker.Config, d *denials, logger *slog.Logger, others []prometheus.Collector) (*prometheus.Registry, error) {
	o := &observer{ctx: ctx, log: logger, failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "selat_observation_failures_total", Help: "Readings of the hub's state that failed, and were left out of the metrics.",
	}, []string{"metrics"})}
	certificates, err := newCertificates(cfg)
	if err != nil {
		return nil, err
	}
	all := []prometheus.Collector{
		o.failures, d.CounterVec,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuild(), newReady(h), newLeads(h), newRecovery(h), newStreams(o, h), newConnected(o, h),
		newRecalls(o, h), newTokens(h), certificates,
	}
	all = append(all, newIndex(o, h)...)
	all = append(all, newCluster(o, h)...)
	all = append(all, newEngine(o, h)...)
	all = append(all, newLags(o, h)...)
	all = append(all, others...)
	r := prometheus.NewRegistry()
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	if err := h.Metrics.Register(r); err != nil {
		return nil, fmt.Errorf("registering the hub's metrics: %w", err)
	}
	return r, nil
}
