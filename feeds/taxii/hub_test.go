package taxii

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// realHub is a hub with the ASEAN profile. Its seats have tokens that are cheap
// to check, and a test may stand in the way of single answers.
type realHub struct {
	*broker.Hub
	t   testing.TB
	cfg broker.Config
	// users are the names that stand for seats, with their passwords.
	users map[string][2]string
	// read and submit, where set, answer in the hub's place.
	read   func(q catalog.Query) (broker.Reading, error)
	submit func(context.Context, broker.Submission) (*api.Receipt, error)
}

func newHub(t testing.TB, edit ...func(*broker.Config)) *realHub {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen, cfg.TAXII.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "", "127.0.0.1:0"
	cfg.Store.ReserveBytes = 1 << 20
	for _, e := range edit {
		e(&cfg)
	}
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	h := &realHub{t: t, cfg: cfg, users: map[string][2]string{}}
	h.start()
	return h
}

func (h *realHub) start() {
	h.t.Helper()
	hub, err := broker.Start(context.Background(), h.cfg, testLogger())
	must(h.t, err)
	h.Hub = hub
	h.t.Cleanup(func() { must(h.t, hub.Close()) })
}

func testLogger() *slog.Logger {
	if os.Getenv("SELAT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (h *realHub) seat(name string, kind policy.Kind, ceiling stix.Level, edit ...func(*policy.Seat)) {
	h.t.Helper()
	s := policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling}
	for _, e := range edit {
		e(&s)
	}
	_, err := h.AddSeat(h.t.Context(), s)
	must(h.t, err)
	h.users[name] = [2]string{name, "token-of-" + name}
}

var errUnauthorized = &api.Error{Code: "unauthorized", Message: "no"}

// Authenticate stands in for the hub's own, which hashes for tens of
// milliseconds.
func (h *realHub) Authenticate(_ context.Context, user, token, _ string) (*policy.Seat, error) {
	switch token {
	case "locked":
		return nil, &api.Error{Code: "locked", Message: "later", RetryAfter: 90 * time.Second}
	case "busy":
		return nil, &api.Error{Code: "busy", Message: "shortly", RetryAfter: time.Second}
	}
	for name, u := range h.users {
		seat := h.Region().Seats[u[0]]
		if u[1] == token && (user == "" || user == name) && seat != nil && h.Region().MayConnect(seat) {
			return seat, nil
		}
	}
	return nil, errUnauthorized
}

func (h *realHub) AuthenticateCertificate(name string) (*policy.Seat, error) {
	if seat := h.Region().Seats[name]; seat != nil {
		return seat, nil
	}
	return nil, errUnauthorized
}

func (h *realHub) Read(ctx context.Context, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, bytes bool) (broker.Reading, error) {
	if h.read != nil {
		pick(h.Collections(account))
		return h.read(q)
	}
	return h.Hub.Read(ctx, account, pick, q, bytes)
}

func (h *realHub) Submit(ctx context.Context, s broker.Submission) (*api.Receipt, error) {
	if h.submit != nil {
		return h.submit(ctx, s)
	}
	return h.Hub.Submit(ctx, s)
}

// serve opens a server on the hub.
func (h *realHub) serve(edit ...func(*Server)) *Server {
	h.t.Helper()
	s := newServer(h, &h.cfg, testLogger())
	s.rates.seat, s.rates.anonymous = 1e6, 1e6
	for _, e := range edit {
		e(s)
	}
	must(h.t, s.open(h.t.Context(), &h.cfg))
	h.t.Cleanup(func() { must(h.t, s.Close()) })
	return s
}

// client asks a server as one seat, or without a name as anybody.
type client struct {
	t    testing.TB
	http *http.Client
	base string
	auth string
}

func (h *realHub) client(s *Server, user string) *client {
	tr := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test made the certificate
	h.t.Cleanup(tr.CloseIdleConnections)
	c := &client{t: h.t, http: &http.Client{Transport: tr, Timeout: time.Minute}, base: strings.TrimSuffix(s.URL(), "/taxii2/")}
	if user != "" {
		c.auth = "Bearer " + h.users[user][1]
	}
	return c
}

// reply is an answer, read to its end.
type reply struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
	Proto  int
}

// do asks; headers are pairs, and an empty value takes one away.
func (c *client) do(method, path string, body []byte, headers ...string) *reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader(body))
	must(c.t, err)
	req.Header.Set("Accept", mediaTAXII)
	if body != nil {
		req.Header.Set("Content-Type", mediaTAXII)
	}
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := c.http.Do(req)
	must(c.t, err)
	defer func() { must(c.t, res.Body.Close()) }()
	got, err := io.ReadAll(res.Body)
	must(c.t, err)
	r := &reply{c.t, res.StatusCode, res.Header, got, res.ProtoMajor}
	r.check(method)
	return r
}

func (c *client) get(path string, headers ...string) *reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

var errorID = regexp.MustCompile(`"error_id":"[0-9a-f-]{36}"`)

// check holds every answer there is to what all answers promise.
func (r *reply) check(method string) {
	r.t.Helper()
	if r.Status != http.StatusNotModified && r.Header.Get("Content-Type") != mediaTAXII {
		r.t.Errorf("%d has Content-Type %q", r.Status, r.Header.Get("Content-Type"))
	}
	if r.Header.Get("Cache-Control") == "" {
		r.t.Errorf("%d says nothing of caches", r.Status)
	}
	if r.Status < 400 || method == http.MethodHead {
		return
	}
	var p problem
	must(r.t, json.Unmarshal(r.Body, &p))
	if p.Title == "" || p.Description == "" || p.ErrorCode == "" || p.HTTPStatus != fmt.Sprint(r.Status) || !errorID.Match(r.Body) {
		r.t.Errorf("%d is told as %s", r.Status, r.Body)
	}
}

// same is the answer without what differs in each.
func (r *reply) same() string {
	return fmt.Sprint(r.Status, r.Header.Get("Retry-After"), r.Header.Get("Allow"), errorID.ReplaceAllString(string(r.Body), ""))
}

func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%d, want %d: %s", r.Status, status, r.Body)
	}
	return r
}

// envelope is any list that a reply may hold.
type envelope struct {
	More        bool                 `json:"more"`
	Next        string               `json:"next"`
	Objects     []json.RawMessage    `json:"objects"`
	Versions    []string             `json:"versions"`
	Collections []collectionResource `json:"collections"`
}

func (r *reply) envelope() (e envelope) {
	r.t.Helper()
	must(r.t, json.Unmarshal(r.Body, &e))
	return e
}

// indicator is an object written for these tests, without a marking.
func indicator(n int, modified string) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":%q,"name":"test %d","pattern":"[ipv4-addr:value = '192.0.2.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}`, n, modified, n, n%250)
}

func idOf(n int) string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n) }

const january = "2026-01-01T00:00:00.000Z"

func envelopeOf(objects ...string) []byte {
	return []byte(`{"objects":[` + strings.Join(objects, ",") + `]}`)
}

// path is that of a collection by its alias.
func path(alias, rest string) string { return "/selat/collections/" + alias + "/" + rest }

// publish posts objects, which must all be accepted.
func (c *client) publish(alias string, objects ...string) {
	c.t.Helper()
	r := c.do(http.MethodPost, path(alias, "objects/"), envelopeOf(objects...)).want(http.StatusAccepted)
	var s statusResource
	must(c.t, json.Unmarshal(r.Body, &s))
	if s.Status != statusComplete || s.Success != len(objects) {
		c.t.Fatalf("posting: %s", r.Body)
	}
}
