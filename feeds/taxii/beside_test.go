package taxii

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// besides is a service that answers whose account asks, after what is to be done
// first.
func besides(first func(http.ResponseWriter, *http.Request)) []Beside {
	return []Beside{{Label: "test", Prefix: "/api/", New: func(authenticate func(*http.Request) (string, error)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			account, err := authenticate(r)
			w.Header().Set("Content-Type", mediaTAXII)
			w.Header().Set("Cache-Control", "no-store")
			if err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
				return
			}
			first(w, r)
			fmt.Fprintf(w, "%q", account)
		})
	}}}
}

func (c *client) plain(t *testing.T, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, nil)
	must(t, err)
	req.Header.Set("Authorization", c.auth)
	if c.auth == "" {
		req.Header.Del("Authorization")
	}
	res, err := c.http.Do(req)
	must(t, err)
	defer func() { must(t, res.Body.Close()) }()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(b)
}

func TestAServiceBesideHasPlacesOfItsOwn(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("my/desk", policy.Both, stix.Amber)
	began, end := make(chan struct{}), make(chan struct{})
	s := h.serve(func(s *Server) {
		s.beside = newRoom(4, 4)
		s.put(besides(func(_ http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "slow") {
				close(began)
				<-end
			}
		}))
	})
	sg := h.client(s, "sg/desk")
	done := make(chan string)
	go func() {
		_, body := sg.plain(t, "/api/slow")
		done <- body
	}()
	<-began
	if status, body := sg.plain(t, "/api/x"); status != http.StatusTeapot || !strings.Contains(body, "busy") {
		t.Errorf("a second of four: %d %s", status, body)
	}
	sg.get("/taxii2/").want(http.StatusOK)
	if status, body := h.client(s, "my/desk").plain(t, "/api/x"); status != http.StatusOK || !strings.Contains(body, h.Region().Seats["my/desk"].Account) {
		t.Errorf("another caller: %d %s", status, body)
	}
	if status, body := h.client(s, "").plain(t, "/api/x"); status != http.StatusTeapot || !strings.Contains(body, "unauthorized") {
		t.Errorf("a stranger: %d %s", status, body)
	}
	close(end)
	if body := <-done; !strings.Contains(body, h.Region().Seats["sg/desk"].Account) {
		t.Errorf("the first: %s", body)
	}
	if status, _ := sg.plain(t, "/api/x"); status != http.StatusOK {
		t.Errorf("its place was not given back: %d", status)
	}
}

// What a stranger is told has to be read soon, and a connection on which it is
// not read gives way to others.
func TestAStrangerThatReadsNothingHoldsNoHandlerForLong(t *testing.T) {
	h := newHub(t)
	ended := make(chan time.Duration, 1)
	s := h.serve(func(s *Server) {
		s.refuseWithin = 100 * time.Millisecond
		s.besides = []beside{{"/api/", false, &endpoint{label: "test"}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			began := time.Now()
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					ended <- time.Since(began)
					return
				}
			}
		})}}
	})
	conn, err := net.Dial("tcp", s.Addr().String())
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /api/x HTTP/1.1\r\nHost: hub\r\n\r\n")
	must(t, err)
	_, err = bufio.NewReader(conn).ReadString('\n')
	must(t, err)
	if s.listener.Busy() > 0 {
		t.Error("a stranger's connection is kept from giving way")
	}
	if took := <-ended; took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
