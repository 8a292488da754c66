package enrol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

const (
	// maxRequest and maxAnswer bound bodies in bytes; an answer holds a chain of
	// certificates at the most.
	maxRequest = 4 << 10
	maxAnswer  = 256 << 10
	// answerWithin bounds the hub's part of an answer.
	answerWithin = 30 * time.Second
)

// Hub is who enrols, which *broker.Hub is.
type Hub interface {
	Enrol(ctx context.Context, q api.Enrolment, address string) (*api.Enrolled, error)
}

type handler struct {
	hub          Hub
	authenticate func(*http.Request) (string, error)
	log          *slog.Logger
}

// NewHandler returns the handler of api.EnrolPath. Nobody who enrols has a seat
// yet: authenticate only says whether one more may ask now, and its error is an
// *api.Error that the caller is told. A nil logger is silent.
func NewHandler(hub Hub, authenticate func(*http.Request) (string, error), logger *slog.Logger) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &handler{hub, authenticate, logger}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := h.answer(w, r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		refuse(w, h.told(err))
		return
	}
	_ = json.NewEncoder(w).Encode(out) // of plain data: what fails is the connection
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request) (*api.Enrolled, error) {
	if _, err := h.authenticate(r); err != nil {
		return nil, err
	}
	switch {
	case r.URL.Path != api.EnrolPath:
		return nil, &api.Error{Code: "not-found", Message: "there is nothing here"}
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, &api.Error{Code: "method", Message: "enrolments are posted, by `selat enrol`"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return nil, errNotRead
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	var q api.Enrolment
	if d.Decode(&q) != nil || d.More() {
		return nil, errNotRead
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	return h.hub.Enrol(ctx, q, r.RemoteAddr)
}

// errNotRead repeats nothing of a body that holds a secret.
var errNotRead = &api.Error{Code: "invalid", Message: "this is no enrolment: one is JSON of a few hundred bytes, as `selat enrol` writes it"}

// told is what a stranger may know of an error: the hub's own as they are, any
// other as internal.
func (h *handler) told(err error) *api.Error {
	var known *api.Error
	if !errors.As(err, &known) {
		h.log.Error("an enrolment failed", "error", err)
		return &api.Error{Code: "internal", Message: "the hub could not do this; its log tells its team why"}
	}
	if known.Code == "unfinished" {
		h.log.Error("an enrolment is not in force everywhere yet", "error", err)
		return &api.Error{Code: known.Code, Message: "the hub could not finish; ask its team for another invitation"}
	}
	return known
}

var statuses = map[string]int{
	"invalid": http.StatusBadRequest, "method": http.StatusMethodNotAllowed, "not-found": http.StatusNotFound,
	"locked": http.StatusTooManyRequests, "rate-limited": http.StatusTooManyRequests,
	"busy": http.StatusServiceUnavailable, "unfinished": http.StatusServiceUnavailable,
	"internal": http.StatusInternalServerError,
}

func refuse(w http.ResponseWriter, e *api.Error) {
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusForbidden
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(max(e.RetryAfter, time.Second).Seconds()))))
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(failure{e}) // as above
}

// failure is the body of an answer that refuses.
type failure struct {
	Error *api.Error `json:"error"`
}
