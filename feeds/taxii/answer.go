package taxii

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// answer notes what is written, for the metrics.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// writeJSON answers with a resource that is small.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, resource any) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(resource); err != nil {
		// Resources are plain data, and always have a form.
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString(`{"title":"Internal Server Error"}`)
	}
	writeBytes(w, r, status, []byte(b.String()))
}

// writeBytes answers with a resource that is written already. That the reader
// has gone is not worth a line.
func writeBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaTAXII)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, name := range []string{"ETag", "Content-Encoding", headerFirst, headerLast} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if p.status == http.StatusUnauthorized {
		h.Add("WWW-Authenticate", `Basic realm="selat", charset="UTF-8"`)
		h.Add("WWW-Authenticate", `Bearer realm="selat"`)
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	writeJSON(w, r, p.status, p)
}
