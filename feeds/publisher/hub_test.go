package publisher

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/feeds/taxii"
	"github.com/selat-hub/selat/stix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// taxiiHub is a hub with our own TAXII server, and a front before it that notes
// what is asked and can fail.
type taxiiHub struct {
	*broker.Hub
	t     testing.TB
	seat  *client.Client
	token string // the file of it
	front *httptest.Server

	mu    sync.Mutex
	asked []string
	fail  func(path string) bool
}

func newTAXIIHub(t *testing.T) *taxiiHub {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen, cfg.TAXII.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "", "127.0.0.1:0"
	cfg.Store.ReserveBytes, cfg.TAXII.MaxPage = 1<<20, 10
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	hub, err := broker.Start(context.Background(), cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, hub.Close()) })
	server, err := taxii.Serve(t.Context(), hub, &cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	h := &taxiiHub{Hub: hub, t: t, token: filepath.Join(t.TempDir(), "token")}

	creds, err := hub.AddSeat(t.Context(), policy.Seat{Name: "sg/feed", Kind: policy.Publisher, Standing: policy.Organization, Ceiling: stix.Green})
	must(t, err)
	file := filepath.Join(t.TempDir(), "seat.creds")
	must(t, os.WriteFile(file, creds, 0o600))
	h.seat, err = client.Connect(t.Context(), client.Options{CredsFile: file})
	must(t, err)
	t.Cleanup(h.seat.Close)
	_, err = hub.AddSeat(t.Context(), policy.Seat{Name: "my/reader", Kind: policy.Subscriber, Standing: policy.Organization, Ceiling: stix.Green})
	must(t, err)
	made, err := hub.AddToken(t.Context(), "my/reader", "", time.Time{})
	must(t, err)
	must(t, os.WriteFile(h.token, []byte(made.Token), 0o600))

	to, err := url.Parse(strings.TrimSuffix(server.URL(), "/taxii2/"))
	must(t, err)
	pipe := &http.Transport{}
	t.Cleanup(pipe.CloseIdleConnections)
	forward := &httputil.ReverseProxy{Transport: pipe, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	h.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.URL.RequestURI())
		fails := h.fail != nil && h.fail(r.URL.RequestURI())
		h.mu.Unlock()
		if fails {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(h.front.Close)
	return h
}

// failing has requests fail from now on, nil none; and returns what was asked.
func (h *taxiiHub) failing(fail func(path string) bool) (asked []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked, h.asked, h.fail = h.asked, nil, fail
	return asked
}

func (h *taxiiHub) publish(objects ...string) {
	h.t.Helper()
	raws := make([][]byte, len(objects))
	for i, o := range objects {
		raws[i] = []byte(o)
	}
	r, err := h.seat.Submit(h.t.Context(), stix.AppendBundle(nil, "bundle--"+uuid.NewString(), raws...), client.SubmitOptions{To: []string{"asean"}})
	must(h.t, err)
	if r.Error != nil || len(r.Objects) != len(objects) {
		h.t.Fatalf("%+v", r)
	}
	for _, l := range r.Objects {
		if l.Outcome != api.Accepted {
			h.t.Fatalf("%+v", l)
		}
	}
}

// published is an object under GREEN of the test's own.
func published(typ string, n, version int) string {
	rest := `"name":"x","is_family":false`
	if typ == "indicator" {
		rest = `"pattern":"[domain-name:value = 'a.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"`
	}
	return fmt.Sprintf(`{"type":%q,"spec_version":"2.1","id":"%s--00000000-0000-4000-8000-%012d","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:%02d.000Z",`+
		`"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],%s}`, typ, typ, n, version, rest)
}

// poller reads the hub over TAXII with a state of its own. more is appended to the
// feed's configuration.
func (h *taxiiHub) poller(state string, hub Submitter, waits *[]time.Duration, more string) *Publisher {
	h.t.Helper()
	c := load(h.t, "namespace: my.example\nstate: "+state+"\nfeeds:\n  hub:\n    taxii:\n      url: "+h.front.URL+"/taxii2/\n      collection: asean-green\n      token_file: "+h.token+"\n"+more)
	p, err := Open(c, hub, Options{Wait: func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}})
	must(h.t, err)
	return p
}

func TestACollectionOfAHubIsPolledOnwardAndEachObjectOnce(t *testing.T) {
	h := newTAXIIHub(t)
	var first []string
	for n := range 24 {
		first = append(first, published("indicator", n, 0))
	}
	h.publish(append(first, published("malware", 99, 0))...)
	state, got := t.TempDir(), newAcceptor()
	var waits []time.Duration
	once := func(more string) Result {
		t.Helper()
		p := h.poller(state, got, &waits, more)
		results, err := p.Once(t.Context())
		if err != nil {
			t.Errorf("%v", err)
		}
		must(t, p.Close())
		return results[0]
	}
	objects := func(asked []string) (pages []string) {
		for _, a := range asked {
			if strings.Contains(a, "/objects/") {
				pages = append(pages, a)
			}
		}
		return pages
	}

	h.failing(nil)
	if r := once(""); r.Rows != 25 || r.New != 25 || r.Sent.Accepted != 25 || len(got.seen) != 25 {
		t.Errorf("the first reading: %+v", r)
	}
	if pages := objects(h.failing(nil)); len(pages) != 3 || strings.Contains(pages[0], "added_after") || !strings.Contains(pages[2], "next=") {
		t.Errorf("25 objects at 10 a page were asked for as %q", pages)
	}
	if r := once(""); r.Rows != 0 || r.New != 0 {
		t.Errorf("nothing came, and it reads %+v", r)
	}
	if pages := objects(h.failing(nil)); len(pages) != 1 || !strings.Contains(pages[0], "added_after=") {
		t.Errorf("onward it asks %q", pages)
	}

	h.publish(published("indicator", 3, 1), published("indicator", 50, 0))
	if r := once(""); r.Rows != 2 || r.Sent.Accepted != 2 {
		t.Errorf("a new version and a new object: %+v", r)
	}

	// Another question begins anew, and publishes nothing twice.
	h.failing(nil)
	if r := once("      types: [malware]\n"); r.Rows != 1 || r.New != 0 || r.Unchanged != 1 {
		t.Errorf("of malware alone it reads %+v", r)
	}
	if pages := objects(h.failing(nil)); len(pages) != 1 || !strings.Contains(pages[0], "match[type]=malware") {
		t.Errorf("it asks %q", pages)
	}
	id := "indicator--00000000-0000-4000-8000-000000000003"
	if r := once("      ids: [" + id + "]\n      limit: 1\n"); r.Rows != 2 || r.New != 0 {
		t.Errorf("the two versions of one object: %+v", r)
	}
	if pages := objects(h.failing(nil)); len(pages) != 2 || !strings.Contains(pages[0], "match[id]="+id) || !strings.Contains(pages[0], "limit=1") {
		t.Errorf("it asks %q", pages)
	}
	if len(waits) != 0 {
		t.Errorf("nothing failed, and it waited %v", waits)
	}
}

func TestAPollThatFailsIsTriedAgainAndGoesOnWhereItStopped(t *testing.T) {
	h := newTAXIIHub(t)
	var all []string
	for n := range 25 {
		all = append(all, published("indicator", n, 0))
	}
	h.publish(all...)
	state, got := t.TempDir(), newAcceptor()
	var waits []time.Duration
	p := h.poller(state, got, &waits, "")

	// Every first try of a request fails.
	tried := map[string]bool{}
	flaky := func(path string) bool { again := tried[path]; tried[path] = true; return !again }
	// The third page never comes.
	pages := 0
	h.failing(func(path string) bool {
		if flaky(path) {
			return true
		}
		if strings.Contains(path, "/objects/") {
			pages++
		}
		return pages > 2
	})
	results, err := p.Once(t.Context())
	if err == nil || results[0].Rows != 20 || results[0].Sent.Accepted != 20 {
		t.Fatalf("%+v, %v", results, err)
	}
	if len(waits) < 5 {
		t.Errorf("it waited only %v", waits)
	}
	status, err := p.Status()
	must(t, err)
	if status[0].State.Reason == "" || status[0].State.Failure.IsZero() || !status[0].State.Success.IsZero() {
		t.Errorf("%+v", status[0])
	}
	must(t, p.Close())

	h.failing(nil)
	p = h.poller(state, got, &waits, "")
	results, err = p.Once(t.Context())
	if err != nil || results[0].Rows != 5 || results[0].Sent.Accepted != 5 || len(got.seen) != 25 {
		t.Errorf("%+v, %v; %d objects in all", results, err, len(got.seen))
	}
	must(t, p.Close())
}

func TestAPollGoesThroughTheProxyThatIsNamed(t *testing.T) {
	h := newTAXIIHub(t)
	h.publish(published("indicator", 1, 0))
	through := 0
	pipe := &http.Transport{}
	t.Cleanup(pipe.CloseIdleConnections)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Transport: pipe, Rewrite: func(r *httputil.ProxyRequest) { through++ }})
	t.Cleanup(proxy.Close)
	var waits []time.Duration
	p := h.poller(t.TempDir(), newAcceptor(), &waits, "    proxy: "+proxy.URL+"\n")
	results, err := p.Once(t.Context())
	if err = errors.Join(err, p.Close()); err != nil || results[0].Rows != 1 || through == 0 {
		t.Errorf("%+v, %v, %d requests through the proxy", results, err, through)
	}
}
