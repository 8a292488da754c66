package taxii

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/web"
)

// Beside is another service on the same listener, for the same callers. It has
// the server's bounds on connections, on the requests of one caller and on those
// in hand, of which it has places of its own; and less time than TAXII has.
type Beside struct {
	// Label is its endpoint in the metrics.
	Label string
	// Prefix begins its paths, such as /api/.
	Prefix string
	// Open is true of a service for callers who have no seat yet: nobody is asked
	// who they are, all are counted by their address, and authenticate says
	// only whether one more may ask.
	Open bool
	// New makes its handler. authenticate says whose account a request is for,
	// empty for an anonymous caller where they may ask; its errors are *api.Error
	// (unauthorized, locked, rate-limited, busy), and are to be told. The handler
	// must ask it first, and tell nothing else if there is an error.
	New func(authenticate func(*http.Request) (account string, err error)) http.Handler
}

type beside struct {
	prefix  string
	open    bool
	at      *endpoint
	handler http.Handler
}

func (s *Server) put(services []Beside) {
	for _, b := range services {
		s.besides = append(s.besides, beside{b.Prefix, b.Open, &endpoint{label: b.Label}, b.New(s.account)})
	}
}

// besideOf is the service that a path belongs to, nil if it is this one's.
func (s *Server) besideOf(path string) *beside {
	for i := range s.besides {
		if strings.HasPrefix(path, s.besides[i].prefix) {
			return &s.besides[i]
		}
	}
	return nil
}

// What a service beside may take: its questions and its answers are small.
const (
	besideReadTimeout  = 15 * time.Second
	besideWriteTimeout = 45 * time.Second
	maxBeside          = 64
	maxBesideGuests    = 16
)

// entry is how a request for a service beside was let in, or was not.
type entry struct {
	who caller
	p   *problem
}

type entryKey struct{}

// serveBeside lets a request in before its handler runs. Whoever is not let in
// takes no place: the handler only words the refusal.
func (s *Server) serveBeside(w http.ResponseWriter, r *http.Request, b *beside) {
	var e entry
	enter := s.enter
	if b.open {
		enter = s.enterOpen
	}
	if e.who, e.p = enter(r); e.p == nil {
		if give, ok := s.beside.take(e.who); ok {
			defer give()
			defer web.Answering(r)()
		} else {
			s.metrics.deny(reasonBusy)
			e.p = tooBusy()
		}
	}
	if e.p != nil {
		s.hurry(w)
	} else {
		within(w, besideReadTimeout, besideWriteTimeout)
	}
	b.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), entryKey{}, e)))
}

// account says whose a request for a service beside is.
func (s *Server) account(r *http.Request) (string, error) {
	e, ok := r.Context().Value(entryKey{}).(entry)
	if !ok {
		e.p = unauthorized() // it did not come through serveBeside
	}
	if p := e.p; p != nil {
		return "", &api.Error{Code: p.ErrorCode, Message: p.Description, RetryAfter: p.retryAfter}
	}
	return e.who.account(), nil
}

// within bounds how long the rest of a request may take to arrive, and its answer
// to be read.
func within(w http.ResponseWriter, read, write time.Duration) {
	c, now := http.NewResponseController(w), time.Now()
	// Only a test's recorder has no deadlines.
	_ = c.SetReadDeadline(now.Add(read))
	_ = c.SetWriteDeadline(now.Add(write))
}

// hurry bounds a refusal of someone who was not let in. Over HTTP/2 a client may
// leave no room even for that, and the handler would wait for it.
func (s *Server) hurry(w http.ResponseWriter) { within(w, s.refuseWithin, s.refuseWithin) }

// enter finds out who asks, and whether it has asked too much.
func (s *Server) enter(r *http.Request) (caller, *problem) {
	who, p := s.identify(r)
	if p != nil {
		return caller{}, p
	}
	return s.pace(who)
}

// enterOpen lets in whoever has not asked too much.
func (s *Server) enterOpen(r *http.Request) (caller, *problem) {
	return s.pace(caller{key: addressKey(r.RemoteAddr)})
}

// pace turns away who asks faster than one caller may.
func (s *Server) pace(who caller) (caller, *problem) {
	if wait := s.rates.take(who, time.Now()); wait > 0 {
		s.metrics.deny(reasonRate)
		return caller{}, newProblem(http.StatusTooManyRequests, "rate-limited", "too many requests; ask again after Retry-After seconds").after(wait)
	}
	return who, nil
}

// identify finds out who asks, of a bounded number of requests at a time.
func (s *Server) identify(r *http.Request) (caller, *problem) {
	select {
	case s.entering <- struct{}{}:
		defer func() { <-s.entering }()
		return s.authenticate(r)
	default:
		s.metrics.deny(reasonBusy)
		return caller{}, tooBusy()
	}
}
