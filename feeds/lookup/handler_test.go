package lookup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/feeds/lookup"
)

func TestALookupIsAnsweredAsTheSeatMayRead(t *testing.T) {
	hub, amber, clear := newHub(t)
	h := lookup.NewHandler(hub, byHeader, nil)
	for _, c := range []struct {
		account, what, body string
		want                string // mentions of each value, or its error
	}{
		{amber, "GET /api/v1/lookup?value=192.0.2.1", "", "2"},
		{clear, "GET /api/v1/lookup?value=192.0.2.1", "", "1"},
		{"anonymous", "GET /api/v1/lookup?value=192.0.2.1", "", "1"},
		{"ANOBODY", "GET /api/v1/lookup?value=192.0.2.1", "", "0"},
		{amber, "GET /api/v1/lookup?value=192.0.2.1&drill=true", "", "0"},
		{amber, "GET /api/v1/lookup?value=192.0.2.1&limit=1&subdomains=false", "", "1+"},
		{amber, "GET /api/v1/lookup?value=192.0.2.0%2F24&value=203.0.113.1&value=nonsense&value=%FF.example", "", "2 0 lookup-invalid lookup-invalid"},
		{amber, "POST /api/v1/lookup", `{"values":["192[.]0[.]2[.]1","nonsense","2001:db8::/32"],"subdomains":true,"limit":9}`, "2 lookup-invalid 0"},
		{clear, "POST /api/v1/lookup", `{"values":["192.0.2.1"],"drill":true}`, "0"},
	} {
		var got []string
		for _, v := range call(t, h, c.account, c.what, c.body, "Content-Type: application/json; charset=UTF-8").answer(t).Values {
			text := fmt.Sprint(len(v.Mentions))
			if v.More {
				text += "+"
			}
			if v.Error != nil {
				text = v.Error.Code
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s %s: %s", c.what, c.body, diff)
		}
	}
	q := api.LookupRequest{Values: []string{"192.0.2.1"}}
	same, err := hub.Lookup(t.Context(), amber, q)
	must(t, err)
	if diff := cmp.Diff(same, call(t, h, amber, "GET /api/v1/lookup?value=192.0.2.1", "").answer(t)); diff != "" {
		t.Error("HTTP and NATS do not tell the same: ", diff)
	}
}

func TestWhatIsWrongIsToldAsAProblem(t *testing.T) {
	hub, amber, _ := newHub(t)
	h := lookup.NewHandler(hub, byHeader, nil)
	post := "POST /api/v1/lookup"
	const plain = "Content-Type: application/json"
	for _, c := range []struct {
		account, what, body string
		headers             []string
		status              int
		code                string
	}{
		{amber, "GET /", "", nil, 404, "not-found"},
		{amber, "GET /api/v1/lookup/", "", nil, 404, "not-found"},
		{amber, "GET /api/v1/lookup", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b&limit=x", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b&limit=1001", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b&limit=1&limit=2", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b&subdomain=true", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b&subdomains=yes", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=a.b;c", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?value=%zz", "", nil, 400, "invalid"},
		{amber, "GET /api/v1/lookup?" + strings.Repeat("value=a.b&", 1001), "", nil, 400, "invalid"},
		{amber, "PUT /api/v1/lookup?value=a.b", "", nil, 405, "method"},
		{amber, "HEAD /api/v1/lookup?value=a.b", "", nil, 405, "method"},
		{amber, "GET /api/v1/lookup?value=a.b", "", []string{"Accept: text/html"}, 406, "not-acceptable"},
		{amber, "GET /api/v1/lookup?value=a.b", "", []string{"Accept: application/json;q=0, text/*"}, 406, "not-acceptable"},
		{amber, post, `{"values":["a.b"]}`, []string{plain, "Accept: text/html"}, 406, "not-acceptable"},
		{amber, post, `{"values":["a.b"]}`, nil, 415, "media-type"},
		{amber, post, `{"values":["a.b"]}`, []string{"Content-Type: application/json; charset=latin1"}, 415, "media-type"},
		{amber, post, `{"values":["a.b"]}`, []string{plain, "Content-Encoding: gzip"}, 415, "content-encoding"},
		{amber, post, `{"values":["` + strings.Repeat("a", 600<<10) + `"]}`, []string{plain}, 413, "payload-too-large"},
		{amber, post, `{"values":["a.b"],"limits":1}`, []string{plain}, 400, "invalid"},
		{amber, post, `{"values":["a.b"],"values":["c.d"]}`, []string{plain}, 400, "invalid"},
		{amber, post, `{"values":"a.b"}`, []string{plain}, 400, "invalid"},
		{amber, post, `{"values":["a.b"]} x`, []string{plain}, 400, "invalid"},
		{amber, post, "{\"values\":[\"\xff\"]}", []string{plain}, 400, "invalid"},
		{amber, post, ``, []string{plain}, 400, "invalid"},
		{amber, post, `{}`, []string{plain}, 400, "invalid"},
		{amber, post + "?limit=1", `{"values":["a.b"]}`, []string{plain}, 400, "invalid"},
		{"", "GET /api/v1/lookup?value=a.b", "", nil, 401, "unauthorized"},
		{"", "PUT /api/v1/lookup", "", nil, 401, "unauthorized"},
		{"suspended", "GET /api/v1/lookup?value=a.b", "", nil, 403, "suspended"},
		{"hasty", "GET /api/v1/lookup?value=a.b", "", nil, 429, "rate-limited"},
		{"broken", "GET /api/v1/lookup?value=a.b", "", nil, 500, "internal"},
		{"", "GET /api/v1/openapi.json", "", nil, 401, "unauthorized"},
		{"", "POST /api/v1/openapi.json", "", nil, 401, "unauthorized"},
		{"", "GET /api/v1/nothing", "", []string{"Accept: text/html"}, 401, "unauthorized"},
		{"hasty", "GET /api/v1/openapi.json", "", nil, 429, "rate-limited"},
		{"anonymous", "POST /api/v1/openapi.json", "", nil, 405, "method"},
		{"anonymous", "GET /api/v1/openapi.json", "", []string{"Accept: text/html"}, 406, "not-acceptable"},
	} {
		got := call(t, h, c.account, c.what, c.body, c.headers...)
		var p struct {
			Title, Detail, Code string
			Status              int
		}
		must(t, json.Unmarshal([]byte(got.body), &p))
		if got.status != c.status || p.Status != c.status || p.Code != c.code || p.Title != http.StatusText(c.status) || p.Detail == "" || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s %.40s %q: %d %s", c.what, c.body, c.headers, got.status, got.body)
		}
		if strings.Contains(got.body, "fire") || strings.Contains(got.body, "c.d") {
			t.Errorf("it tells too much: %s", got.body)
		}
		for name, of := range map[string][]int{"Allow": {405}, "WWW-Authenticate": {401}, "Retry-After": {429, 503}} {
			want := false
			for _, status := range of {
				want = want || status == c.status
			}
			if (got.header.Get(name) != "") != want {
				t.Errorf("%s: %d with %s %q", c.what, c.status, name, got.header.Get(name))
			}
		}
		if c.code == "rate-limited" && got.header.Get("Retry-After") != "2" {
			t.Errorf("1.5 seconds are told as %s", got.header.Get("Retry-After"))
		}
	}
}

// hubFunc is a hub that answers as a test wants.
type hubFunc func(context.Context, string, api.LookupRequest) (api.Lookup, error)

func (f hubFunc) Lookup(ctx context.Context, account string, q api.LookupRequest) (api.Lookup, error) {
	return f(ctx, account, q)
}

func TestAHubThatFailsIsToldOfWithoutItsReasons(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		log    bool
	}{
		{&api.Error{Code: "unavailable", Message: "ask again"}, 503, false},
		{&api.Error{Code: "internal", Message: "see the log"}, 500, false},
		{&api.Error{Code: "something-new", Message: "no"}, 403, false},
		{fmt.Errorf("looking up: %w", context.DeadlineExceeded), 503, false},
		{errors.New("disk /dev/sdb is on fire"), 500, true},
	} {
		var log bytes.Buffer
		h := lookup.NewHandler(hubFunc(func(context.Context, string, api.LookupRequest) (api.Lookup, error) { return api.Lookup{}, c.err }),
			byHeader, slog.New(slog.NewTextHandler(&log, nil)))
		got := call(t, h, "anonymous", "GET /api/v1/lookup?value=secret.example", "")
		if got.status != c.status || strings.Contains(got.body, "fire") || (log.Len() > 0) != c.log {
			t.Errorf("%v: %d %s, log %q", c.err, got.status, got.body, log.String())
		}
		if strings.Contains(log.String()+got.body, "secret") {
			t.Errorf("what was asked for is repeated: %s %s", log.String(), got.body)
		}
	}
}

// A few lookups are in hand at a time. Who waits is answered in turn or told soon to
// come back, and who goes away frees nobody's place.
func TestLookupsWaitForThoseInHand(t *testing.T) {
	began, end := make(chan struct{}, 100), make(chan struct{})
	h := lookup.NewHandler(hubFunc(func(context.Context, string, api.LookupRequest) (api.Lookup, error) {
		began <- struct{}{}
		<-end
		return api.Lookup{Values: []api.LookedUp{}}, nil
	}), byHeader, nil)
	const many = 10
	answers := make(chan int, many)
	for range many {
		go func() { answers <- call(t, h, "anonymous", "GET /api/v1/lookup?value=a.b", "").status }()
	}
	for range 4 {
		<-began
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/lookup?value=a.b", nil)
	must(t, err)
	r.Header.Set("Test-Account", "anonymous")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("who has gone while waiting: %d", w.Code)
	}
	select {
	case <-began:
		t.Error("a fifth lookup is in hand")
	default:
	}
	for range many - 4 {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("who waited too long is answered %d", status)
		}
	}
	go func() { answers <- call(t, h, "anonymous", "GET /api/v1/lookup?value=a.b", "").status }()
	close(end)
	for range 5 {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
	}
}
