package ops_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker"
)

func TestHealthOfAReadyHub(t *testing.T) {
	w := watch(t, prepare(t))
	for _, c := range []struct {
		path   string
		status int
		body   string
	}{
		{"/livez", 200, "ok\n"},
		{"/readyz", 200, "ok\n"},
		{"/readyz?verbose", 200, "ok open\nok store\nok engine\nok cluster\nok index\nok entitlements\nok recalls\nok disk\nok\n"},
		{"/favicon.ico", 404, "there is nothing here; / lists what there is\n"},
		{"/metrics/", 404, "there is nothing here; / lists what there is\n"},
	} {
		if status, body := w.get(c.path); status != c.status || body != c.body {
			t.Errorf("%s answers %d %q, want %d %q", c.path, status, body, c.status, c.body)
		}
	}
	if _, body := w.get("/"); !strings.Contains(body, "/metrics") {
		t.Errorf("/ is no index: %q", body)
	}
	resp, err := w.client.Post(w.Server.URL()+"/livez", "text/plain", strings.NewReader("x"))
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", resp.StatusCode)
	}
	s, _ := w.scrape()
	for name, want := range map[string]float64{
		`selat_http_denials_total{path="other",reason="path"}`:    2,
		`selat_http_denials_total{path="/livez",reason="method"}`: 1,
	} {
		if s[name] != want {
			t.Errorf("%s is %v, want %v", name, s[name], want)
		}
	}
}

func TestReadinessOfAHubWithoutRoom(t *testing.T) {
	w := watch(t, prepare(t, func(c *broker.Config) { c.Store.ReserveBytes = 1 << 60 }))
	if status, _ := w.get("/livez"); status != 200 {
		t.Errorf("/livez answers %d", status)
	}
	status, body := w.get("/readyz")
	if status != 503 || !strings.HasPrefix(body, "not ready: disk: ") || strings.Count(body, "\n") != 1 {
		t.Errorf("/readyz answers %d %q", status, body)
	}
	status, body = w.get("/readyz?verbose")
	if status != 503 || !strings.HasPrefix(body, "ok open\nok store\nok engine\nok cluster\nok index\nok entitlements\nok recalls\nfailed disk: ") {
		t.Errorf("/readyz?verbose answers %d %q", status, body)
	}
}

func TestReadinessOfAClosedHub(t *testing.T) {
	w := watch(t, prepare(t))
	must(t, w.Hub.Close())
	if status, _ := w.get("/livez"); status != 200 {
		t.Errorf("/livez answers %d", status)
	}
	if status, body := w.get("/readyz"); status != 503 || !strings.HasPrefix(body, "not ready: open: starting or stopping") {
		t.Errorf("/readyz answers %d %q", status, body)
	}
}

func TestReadyAndChecksAgree(t *testing.T) {
	w := watch(t, prepare(t))
	agree := func() {
		t.Helper()
		failed := false
		for _, c := range w.Checks() {
			failed = failed || c.Err != nil
		}
		if failed != (w.Ready() != nil) {
			t.Errorf("Checks says %v, Ready %v", w.Checks(), w.Ready())
		}
	}
	agree()
	must(t, w.Hub.Close())
	agree()
}
