package ops_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func newRequest(t testing.TB, url, authorization string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	must(t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req
}

func do(c *http.Client, req *http.Request) (int, string, error) {
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// dawdle opens a connection and begins a request it never ends.
func dawdle(t testing.TB, w *watched) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.Server.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: ")
	must(t, err)
	return c
}

func TestSlowClientsDoNotKeepOthersOut(t *testing.T) {
	w := watch(t, prepare(t))
	const slow = 320 // more than may be open
	var dawdlers []net.Conn
	for i := range slow {
		c := dawdle(t, w)
		dawdlers = append(dawdlers, c)
		if i%40 == 39 {
			// Some send a byte now and then; who has given way notices.
			for _, d := range dawdlers {
				_, _ = io.WriteString(d, "x")
			}
			if status, _, err := do(httpClient(t, nil), newRequest(t, w.Server.URL()+"/livez", "")); err != nil || status != 200 {
				t.Fatalf("beside %d slow clients: %d, %v", i+1, status, err)
			}
		}
	}
	must(t, dawdlers[0].SetReadDeadline(time.Now().Add(30*time.Second)))
	if n, err := dawdlers[0].Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the oldest slow client was answered")
	}
	s, _ := w.scrape()
	if n := s[`selat_http_denials_total{path="none",reason="connections"}`]; n < slow-256 {
		t.Errorf("%v connections gave way, of %d", n, slow)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	w := watch(t, prepare(t))
	req := newRequest(t, w.Server.URL()+"/livez", "")
	req.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	status, _, err := do(w.client, req)
	if err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered with %d", status)
	}
}

func TestOneConnectionServesManyRequests(t *testing.T) {
	w := watch(t, prepare(t))
	c, err := net.Dial("tcp", w.Server.Addr().String())
	must(t, err)
	defer c.Close()
	r := bufio.NewReader(c)
	for range 3 {
		_, err := io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: example.org\r\n\r\n")
		must(t, err)
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		if resp.StatusCode != 200 {
			t.Errorf("answered with %d", resp.StatusCode)
		}
	}
}

func TestCloseDoesNotWaitForSlowClients(t *testing.T) {
	w := watch(t, prepare(t))
	slow := []net.Conn{dawdle(t, w), dawdle(t, w)}
	must(t, w.Server.Close())
	for _, c := range slow {
		must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("a slow client was answered")
		}
	}
	if _, _, err := do(w.client, newRequest(t, w.Server.URL()+"/livez", "")); err == nil {
		t.Error("it still answers")
	}
	must(t, w.Server.Close())
}

func TestManyScrapesAtATime(t *testing.T) {
	w := watch(t, prepare(t))
	var all sync.WaitGroup
	statuses := make([]int, 32)
	for i := range statuses {
		all.Add(1)
		go func() {
			defer all.Done()
			statuses[i], _, _ = do(w.client, newRequest(t, w.Server.URL()+"/metrics", ""))
		}()
	}
	all.Wait()
	busy := 0
	for _, s := range statuses {
		switch s {
		case 200:
		case 503:
			busy++
		default:
			t.Errorf("answered with %d", s)
		}
	}
	s, _ := w.scrape()
	if got := s[`selat_http_denials_total{path="/metrics",reason="busy"}`]; got != float64(busy) {
		t.Errorf("%d were turned away, %v are counted", busy, got)
	}
}
