package taxii

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a request was turned away before it reached an endpoint.
const (
	reasonNoCredentials  = "no-credentials"
	reasonBadCredentials = "bad-credentials"
	reasonLocked         = "locked"
	reasonRate           = "rate"
	reasonBusy           = "busy"
	reasonConnections    = "connections"
)

// metrics are the server's own counters. Every value of a label is of a closed
// set: no collection and no caller is told.
type metrics struct {
	requests *prometheus.CounterVec // endpoint, method, status
	denials  *prometheus.CounterVec // reason
	seconds  *prometheus.HistogramVec
	sent     prometheus.Counter
	received prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "selat_taxii_requests_total", Help: "TAXII requests answered, by endpoint, method and HTTP status.",
		}, []string{"endpoint", "method", "status"}),
		denials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "selat_taxii_denials_total", Help: "TAXII requests and connections turned away, by reason.",
		}, []string{"reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "selat_taxii_request_seconds", Help: "Time from a TAXII request's headers to the end of its answer, by endpoint.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15), NativeHistogramBucketFactor: 1.1,
		}, []string{"endpoint"}),
		sent:     prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_taxii_sent_bytes_total", Help: "Bytes of TAXII answers as they were sent, without headers."}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "selat_taxii_received_bytes_total", Help: "Bytes of envelopes received over TAXII, unpacked."}),
	}
	for _, reason := range []string{reasonNoCredentials, reasonBadCredentials, reasonLocked, reasonRate, reasonBusy, reasonConnections} {
		m.denials.WithLabelValues(reason) // told from the start, as zero
	}
	return m
}

func (m *metrics) deny(reason string) { m.denials.WithLabelValues(reason).Inc() }

func (m *metrics) answered(r *request, a *answer, took time.Duration) {
	status := "gone" // the client, before there was an answer
	if a.status != 0 {
		status = strconv.Itoa(a.status)
	}
	m.requests.WithLabelValues(r.label(), methodLabel(r.Method), status).Inc()
	m.seconds.WithLabelValues(r.label()).Observe(took.Seconds())
	m.sent.Add(float64(a.bytes))
}

// methodLabel bounds the label: a client may write anything for a method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete:
		return method
	}
	return "other"
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.denials, m.seconds, m.sent, m.received}
}

// Describe and Collect make the server a collector, for whoever serves metrics.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.metrics.all() {
		c.Describe(ch)
	}
}

// Collect tells the server's counters.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.metrics.all() {
		c.Collect(ch)
	}
}
