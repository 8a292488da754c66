package lookup

import (
	"context"
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

const (
	pathLookup  = "/api/v1/lookup"
	pathOpenAPI = "/api/v1/openapi.json"
)

const (
	// inHand is how many lookups are under way at a time: they are work for a
	// processor, and more of them would only slow each other down.
	inHand = 4
	// placeWithin is how long a question waits for those in hand: who asks is told
	// soon to come back, and holds nothing meanwhile.
	placeWithin = 1500 * time.Millisecond
	// answerWithin bounds the hub's part of an answer.
	answerWithin = 25 * time.Second
)

// Hub is what is asked, which *broker.Hub is. Tests put another in its place to
// let it fail.
type Hub interface {
	// Lookup answers for the seat of an account, or for anyone if it is empty.
	Lookup(ctx context.Context, account string, q api.LookupRequest) (api.Lookup, error)
}

type handler struct {
	hub          Hub
	authenticate func(*http.Request) (account string, err error)
	log          *slog.Logger
	places       chan struct{}
}

// NewHandler returns a handler that asks hub. authenticate says whose account a
// request is made for: "" is that of anonymous callers, where they may ask. Its
// error is an *api.Error that the caller is told, such as unauthorized; any other
// is logged and told as internal. A nil logger is silent.
func NewHandler(hub Hub, authenticate func(*http.Request) (account string, err error), logger *slog.Logger) http.Handler {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &handler{hub, authenticate, logger, make(chan struct{}, inHand)}
}

//go:embed openapi.json
var openAPI []byte

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Vary", "Accept, Authorization")
	p := h.answer(w, r)
	if p == nil {
		return
	}
	if p.cause != nil {
		h.log.Error("a lookup over HTTP failed", "method", r.Method, "code", p.Code, "error", p.cause)
	}
	p.write(w)
}

// answer says first who asks, so that whoever may not is told nothing else: not
// even which paths there are.
func (h *handler) answer(w http.ResponseWriter, r *http.Request) *problem {
	account, err := h.authenticate(r)
	if err != nil {
		return fromError(err)
	}
	switch r.URL.Path {
	case pathLookup:
		return h.lookup(w, r, account)
	case pathOpenAPI:
		return h.describe(w, r)
	}
	return newProblem(http.StatusNotFound, "not-found", "there is nothing here; %s tells what there is", pathOpenAPI)
}

func (h *handler) describe(w http.ResponseWriter, r *http.Request) *problem {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed("GET, HEAD")
	}
	if !acceptsJSON(r.Header) {
		return notAcceptable()
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // whoever has gone misses nothing
	return nil
}

func (h *handler) lookup(w http.ResponseWriter, r *http.Request, account string) *problem {
	read := readQuery
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		read = readBody
	default:
		return methodNotAllowed("GET, POST")
	}
	if !acceptsJSON(r.Header) {
		return notAcceptable()
	}
	q, p := read(w, r)
	if p != nil {
		return p
	}
	// Over HTTP/1 the time that the body had to arrive would end the lookup too. Who
	// serves this need not know of such times.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(placeWithin + answerWithin))
	if !h.enter(r.Context()) {
		return newProblem(http.StatusServiceUnavailable, "busy", "the hub has too many lookups in hand; ask again shortly")
	}
	defer func() { <-h.places }()
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	found, err := h.hub.Lookup(ctx, account, q)
	if err != nil {
		return fromError(err)
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(found) // of plain data: what fails is the connection
	return nil
}

// enter waits a little for a place among the lookups in hand, and reports whether
// there was one.
func (h *handler) enter(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, placeWithin)
	defer cancel()
	select {
	case h.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// acceptsJSON reports whether a request takes JSON (RFC 9110 §12.5.1). Without an
// Accept it takes anything.
func acceptsJSON(h http.Header) bool {
	values := h.Values("Accept")
	if len(values) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		kind, params, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json", "application/*", "*/*":
			if !refusedBy(params) {
				return true
			}
		}
	}
	return false
}

// refusedBy reports whether the parameters of a media range have a weight of 0.
func refusedBy(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, weight, _ := strings.Cut(strings.ToLower(strings.TrimSpace(param)), "=")
		if name == "q" && strings.Trim(weight, "0.") == "" {
			return true
		}
	}
	return false
}
