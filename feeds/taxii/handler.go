package taxii

import (
	"net/http"
	"time"

	"github.com/selat-hub/selat/broker/web"
)

// request is an HTTP request on its way through the server.
type request struct {
	*http.Request
	who  caller
	root *root
	at   *endpoint
	// collection and id are the names in the path.
	collection, id string
}

// handle answers every request, in this order: may there be one more at all,
// who asks, has it asked too much, is there such a path, such a method, such a
// representation, such a query. Only then is the hub asked.
func (s *Server) handle(w http.ResponseWriter, hr *http.Request) {
	began := time.Now()
	out := &answer{ResponseWriter: w}
	r := &request{Request: hr}
	defer func() { s.metrics.answered(r, out, time.Since(began)) }()
	defer s.survive(out, r)
	h := out.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept, Accept-Encoding, Authorization")
	if b := s.besideOf(hr.URL.Path); b != nil {
		r.at = b.at
		s.serveBeside(out, hr, b)
		return
	}
	leave, p := s.admit(r)
	defer leave()
	if p == nil {
		p = s.dispatch(out, r)
	} else {
		s.hurry(out)
	}
	if p == nil {
		return
	}
	if p.status >= http.StatusInternalServerError && p.cause != nil {
		s.log.Error("a TAXII request failed", "error_id", p.ErrorID, "method", r.Method, "endpoint", r.label(), "error", p.cause)
	}
	p.write(out, hr)
}

// survive answers a request whose handler panicked, and says where in the log: one
// request must not take the answers of others with it. Where an answer had begun
// the connection is broken off, so that nobody takes it for whole.
func (s *Server) survive(w *answer, r *request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // it is panicked as it is
		panic(v)
	}
	p := panicked(v)
	s.log.Error("a TAXII request panicked", "error_id", p.ErrorID, "method", r.Method, "endpoint", r.label(), "error", p.cause)
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	p.write(w, r.Request)
}

// admit lets a request in, until leave. Only the connections of those who are in
// are kept from giving way to others: a stranger's is not.
func (s *Server) admit(r *request) (leave func(), p *problem) {
	if r.who, p = s.enter(r.Request); p != nil {
		return func() {}, p
	}
	give, ok := s.inHand.take(r.who)
	if !ok {
		s.metrics.deny(reasonBusy)
		return func() {}, tooBusy()
	}
	done := web.Answering(r.Request)
	return func() { done(); give() }, nil
}

func tooBusy() *problem {
	return newProblem(http.StatusServiceUnavailable, "busy", "the hub has too many requests in hand; ask again shortly").waiting(0)
}

func (s *Server) dispatch(w http.ResponseWriter, r *request) *problem {
	if r.at = s.route(r.URL.Path, r); r.at == nil {
		return notFound()
	}
	answer := r.at.methods[r.Method]
	if answer == nil {
		return methodNotAllowed(r.at.allow)
	}
	if !accepts(r.Header) {
		return newProblem(http.StatusNotAcceptable, "not-acceptable", "this server writes %s: accept that", mediaTAXII)
	}
	return answer(s, w, r)
}

func (r *request) label() string {
	if r.at == nil {
		return "none"
	}
	return r.at.label
}
