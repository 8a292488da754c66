package taxii

import (
	"net/http"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

// Beside is another service on the same listener, for the same callers: it has
// the server's bounds on connections and its own on everything else.
type Beside struct {
	// Label is its endpoint in the metrics.
	Label string
	// Prefix begins its paths, such as /api/.
	Prefix string
	// New makes its handler. authenticate says whose account a request is for,
	// empty for an anonymous caller where they may ask; its errors are *api.Error
	// (unauthorized, locked, rate-limited, busy), and are to be told.
	New func(authenticate func(*http.Request) (account string, err error)) http.Handler
}

type beside struct {
	prefix  string
	at      *endpoint
	handler http.Handler
}

func (s *Server) put(services []Beside) {
	for _, b := range services {
		s.besides = append(s.besides, beside{b.Prefix, &endpoint{label: b.Label}, b.New(s.account)})
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

// account says whose a request is, as this server's own requests are asked.
func (s *Server) account(r *http.Request) (string, error) {
	who, p := s.enter(r)
	if p != nil {
		return "", &api.Error{Code: p.ErrorCode, Message: p.Description, RetryAfter: p.retryAfter}
	}
	return who.account(), nil
}

// enter finds out who asks, and whether it has asked too much.
func (s *Server) enter(r *http.Request) (caller, *problem) {
	select {
	case s.entering <- struct{}{}:
	default:
		s.metrics.deny(reasonBusy)
		return caller{}, tooBusy()
	}
	who, p := s.authenticate(r)
	<-s.entering
	if p != nil {
		return caller{}, p
	}
	if wait := s.rates.take(who, time.Now()); wait > 0 {
		s.metrics.deny(reasonRate)
		return caller{}, newProblem(http.StatusTooManyRequests, "rate-limited", "too many requests; ask again after Retry-After seconds").after(wait)
	}
	return who, nil
}
