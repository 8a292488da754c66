package taxii

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// problem is the error resource (TAXII 2.1 §3.6.1).
type problem struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	ErrorID     string `json:"error_id"`
	ErrorCode   string `json:"error_code"`
	HTTPStatus  string `json:"http_status"`

	status     int
	retryAfter time.Duration // 0 is not said
	allow      string        // the methods there are
	cause      error         // for the log only
}

func newProblem(status int, code, format string, args ...any) *problem {
	return &problem{
		Title: http.StatusText(status), Description: fmt.Sprintf(format, args...), ErrorID: uuid.NewString(),
		ErrorCode: code, HTTPStatus: strconv.Itoa(status), status: status,
	}
}

func badRequest(format string, args ...any) *problem {
	return newProblem(http.StatusBadRequest, "invalid", format, args...)
}

func unprocessable(format string, args ...any) *problem {
	return newProblem(http.StatusUnprocessableEntity, "invalid", format, args...)
}

// notFound is the one answer to whatever is not there for the caller: a path, a
// collection, an object, a status. It never repeats what was asked for.
func notFound() *problem {
	return newProblem(http.StatusNotFound, "not-found", "there is nothing here for you; paths end in a slash, and collections/ lists what you have")
}

func forbidden(format string, args ...any) *problem {
	return newProblem(http.StatusForbidden, "forbidden", format, args...)
}

func methodNotAllowed(allow string) *problem {
	p := newProblem(http.StatusMethodNotAllowed, "method", "this endpoint answers %s", allow)
	p.allow = allow
	return p
}

// after says when to come back.
func (p *problem) after(d time.Duration) *problem {
	p.retryAfter = d
	return p
}

func (p *problem) because(err error) *problem {
	p.cause = err
	return p
}

// defaultRetry stands where the hub does not know how long its trouble lasts.
const defaultRetry = 2 * time.Second

// statusOf is the status that each code of the hub has. What is not here is
// about the submission itself.
var statusOf = map[string]int{
	"invalid": http.StatusBadRequest, "malformed-json": http.StatusBadRequest,
	"unauthorized": http.StatusUnauthorized,
	"forbidden":    http.StatusForbidden, "no-seat": http.StatusForbidden, "no-member": http.StatusForbidden, "suspended": http.StatusForbidden,
	"revoked": http.StatusForbidden, "receive-only": http.StatusForbidden, "seat-kind": http.StatusForbidden,
	"not-found": http.StatusNotFound,
	"locked":    http.StatusTooManyRequests, "rate-limited": http.StatusTooManyRequests,
	"busy": http.StatusServiceUnavailable, "unfinished": http.StatusServiceUnavailable, "unavailable": http.StatusServiceUnavailable, "disk-full": http.StatusServiceUnavailable,
	"internal": http.StatusInternalServerError,
}

func statusFor(code string) int {
	if s, ok := statusOf[code]; ok {
		return s
	}
	return http.StatusUnprocessableEntity
}

// fromError is what a caller may know of an error of the hub: the hub's own
// codes as they are, anything else as internal, with the cause in the log.
func fromError(err error) *problem {
	var known *api.Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return newProblem(http.StatusServiceUnavailable, "unavailable", "the hub did not answer in time; ask again later").waiting(0)
	default:
		return newProblem(http.StatusInternalServerError, "internal", "the hub could not do this; its team finds the reason in its log under error_id").because(err)
	}
	if known.Code == "not-found" {
		return notFound()
	}
	p := newProblem(statusFor(known.Code), known.Code, "%s", known.Message)
	return p.waiting(known.RetryAfter)
}

// panicked is what is told of a defect of the hub itself. It is called while the
// panic is recovered from, and so notes where that was.
func panicked(v any) *problem {
	return fromError(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
}

// fromFinding is the refusal of a submission as a whole.
func fromFinding(f *stix.Finding) *problem {
	text := f.Message
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	return newProblem(statusFor(f.Code), f.Code, "%s", text).waiting(0)
}

// waiting says when to come back, where that helps.
func (p *problem) waiting(d time.Duration) *problem {
	switch {
	case d > 0:
		p.retryAfter = d
	case p.status == http.StatusTooManyRequests, p.status == http.StatusServiceUnavailable:
		p.retryAfter = defaultRetry
	}
	return p
}
