package lookup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/feeds/lookup"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var marks = map[stix.Level]string{
	stix.Clear: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	stix.Amber: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
}

// indicator asks for an address.
func indicator(n int, level stix.Level, address string) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value = '%s']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","valid_until":"2126-01-01T00:00:00Z","object_marking_refs":[%q]}`, n, address, marks[level])
}

// newHub is a hub that holds a CLEAR and an AMBER indicator of one address, and
// the accounts of a seat that may read both and of one that may not.
func newHub(t testing.TB) (hub *broker.Hub, amber, clear string) {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes = 1 << 20
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	hub, err = broker.Start(context.Background(), cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, hub.Close()) })
	account := func(name string, ceiling stix.Level) string {
		_, err := hub.AddSeat(t.Context(), policy.Seat{Name: name, Kind: policy.Both, Standing: policy.Organization, Ceiling: ceiling})
		must(t, err)
		return hub.Region().Seats[name].Account
	}
	amber, clear = account("sg/feed", stix.Amber), account("my/feed", stix.Clear)
	bundle := stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000",
		[]byte(indicator(1, stix.Clear, "192.0.2.1")), []byte(indicator(2, stix.Amber, "192.0.2.1")))
	r, err := hub.Submit(t.Context(), broker.Submission{Account: amber, Payload: bundle, To: []string{"asean"}})
	must(t, err)
	if r.Accepted != 2 {
		t.Fatalf("%+v", r)
	}
	return hub, amber, clear
}

// byHeader takes the account from a header, where a server would look at tokens.
func byHeader(r *http.Request) (string, error) {
	switch who := r.Header.Get("Test-Account"); who {
	case "":
		return "", &api.Error{Code: "unauthorized", Message: "say who asks"}
	case "broken":
		return "", errors.New("the directory is on fire")
	case "hasty":
		return "", &api.Error{Code: "rate-limited", Message: "slower", RetryAfter: 1500 * time.Millisecond}
	case "suspended":
		return "", &api.Error{Code: "suspended", Message: "not now"}
	case "anonymous":
		return "", nil
	default:
		return who, nil
	}
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

// call asks a handler for what "GET /path" says. Headers are given as "Name: value".
func call(t testing.TB, h http.Handler, account, what, body string, headers ...string) reply {
	t.Helper()
	method, target, _ := strings.Cut(what, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if account != "" {
		r.Header.Set("Test-Account", account)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	got := w.Result()
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	must(t, err)
	out := reply{got.StatusCode, got.Header, string(b)}
	if out.header.Get("Cache-Control") != "no-store" || out.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s may be stored or sniffed: %v", what, out.header)
	}
	return out
}

// answer reads a reply of 200.
func (r reply) answer(t testing.TB) (l api.Lookup) {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	must(t, json.Unmarshal([]byte(r.body), &l))
	return l
}

var _ lookup.Hub = (*broker.Hub)(nil)
