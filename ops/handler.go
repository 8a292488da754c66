package ops

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/selat-hub/selat/broker"
)

// The values of the labels of selat_http_denials_total: these and the paths
// served.
const (
	pathNone  = "none"  // there was no request yet
	pathOther = "other" // a path that is not served

	reasonNoCredentials  = "no-credentials"
	reasonBadCredentials = "bad-credentials"
	reasonMethod         = "method"
	reasonPath           = "path"
	reasonBusy           = "busy"
	reasonConnections    = "connections"
	reasonHandshake      = "handshake"
)

// maxScrapes is how many readers of /metrics are answered at a time.
const maxScrapes = 4

// denials counts what the listener refused.
type denials struct{ *prometheus.CounterVec }

func newDenials() *denials {
	return &denials{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "selat_http_denials_total", Help: "Requests and connections the HTTP listener refused, by path and reason.",
	}, []string{"path", "reason"})}
}

func (d *denials) count(path, reason string) { d.WithLabelValues(path, reason).Inc() }

const index = `selat

/livez    whether the process answers
/readyz   whether the hub takes submissions; ?verbose lists the checks
/metrics  Prometheus metrics
`

// newHandler answers the four paths, to GET and HEAD only.
func newHandler(h *broker.Hub, registry *prometheus.Registry, a *access, d *denials, logger *slog.Logger) http.Handler {
	paths := map[string]http.Handler{
		"/":        text(index),
		"/livez":   text("ok\n"),
		"/readyz":  readiness(h.Checks, a),
		"/metrics": guarded(metricsHandler(registry, logger), a, d),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		path := r.URL.Path
		next, ok := paths[path]
		switch {
		case !ok:
			d.count(pathOther, reasonPath)
			http.Error(w, "there is nothing here; / lists what there is", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			d.count(path, reasonMethod)
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD are answered", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func metricsHandler(registry *prometheus.Registry, logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry:          registry,
		EnableOpenMetrics: true,
		// One metric that cannot be written does not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      scrapeErrors{logger},
	})
}

type scrapeErrors struct{ log *slog.Logger }

func (e scrapeErrors) Println(v ...any) {
	e.log.Warn("metrics could not be told in full", "error", fmt.Sprint(v...))
}

// guarded lets in who may read, a few at a time.
func guarded(next http.Handler, a *access, d *denials) http.Handler {
	places := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason := a.denies(r); reason != "" {
			d.count(r.URL.Path, reason)
			w.Header().Set("WWW-Authenticate", `Bearer realm="selat"`)
			http.Error(w, "this needs the hub's bearer token or a client certificate", http.StatusUnauthorized)
			return
		}
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			next.ServeHTTP(w, r)
		default:
			d.count(r.URL.Path, reasonBusy)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many are reading; come back shortly", http.StatusServiceUnavailable)
		}
	})
}

func text(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, body) })
}

// plain writes a short answer. That the reader has gone is not worth a line.
func plain(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
