package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

// problem is what went wrong (RFC 9457). Its type is about:blank, which is what
// it is without one: the code says what there is to say.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Code is stable, and one of the hub's.
	Code string `json:"code"`

	allow      string
	retryAfter time.Duration
	cause      error // for the log only
}

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...), Code: code}
}

func badRequest(format string, args ...any) *problem {
	return newProblem(http.StatusBadRequest, "invalid", format, args...)
}

func methodNotAllowed(allow string) *problem {
	p := newProblem(http.StatusMethodNotAllowed, "method", "what is here answers %s", allow)
	p.allow = allow
	return p
}

func notAcceptable() *problem {
	return newProblem(http.StatusNotAcceptable, "not-acceptable", "the answer is application/json: accept that")
}

// statuses are those of the codes of errors; all other codes are forbidden.
var statuses = map[string]int{
	"invalid":      http.StatusBadRequest,
	"unauthorized": http.StatusUnauthorized,
	"locked":       http.StatusTooManyRequests, "rate-limited": http.StatusTooManyRequests,
	"busy": http.StatusServiceUnavailable, "unavailable": http.StatusServiceUnavailable,
	"internal": http.StatusInternalServerError,
}

// fromError is what a caller may know of an error: the hub's own as they are, any
// other as internal.
func fromError(err error) *problem {
	var known *api.Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, "unavailable", "the hub did not answer in time; ask again later")
	default:
		p := newProblem(http.StatusInternalServerError, "internal", "the hub could not do this; its log tells its team why")
		p.cause = err
		return p
	}
	status, ok := statuses[known.Code]
	if !ok {
		status = http.StatusForbidden
	}
	p := newProblem(status, known.Code, "%s", known.Message)
	p.retryAfter = known.RetryAfter
	return p
}

// defaultRetry stands where nobody knows how long the trouble lasts.
const defaultRetry = 2 * time.Second

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="selat", Basic realm="selat", charset="UTF-8"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait := p.retryAfter
		if wait <= 0 {
			wait = defaultRetry
		}
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	w.WriteHeader(p.Status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // of plain data: what fails is the connection
}
