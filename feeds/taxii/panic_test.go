package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
)

// lines is a log that several may write to.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAPanicIsTheEndOfOneRequestAlone(t *testing.T) {
	h, _ := served(t)
	var log lines
	s := h.serve(func(s *Server) { s.log = slog.New(slog.NewTextHandler(&log, nil)) })
	c := h.client(s, "sg/desk")
	told := func(r *reply) {
		t.Helper()
		var p problem
		must(t, json.Unmarshal(r.want(http.StatusInternalServerError).Body, &p))
		if strings.Contains(string(r.Body), "secret") || !strings.Contains(log.String(), "level=ERROR") ||
			!strings.Contains(log.String(), p.ErrorID) || !strings.Contains(log.String(), "a secret") {
			t.Errorf("%s, and in the log %.300s", r.Body, log.String())
		}
	}
	h.read = func(catalog.Query) (broker.Reading, error) { panic("a secret") }
	h.submit = func(context.Context, broker.Submission) (*api.Receipt, error) { panic("a secret") }
	for range 2 * maxInHand {
		told(c.get(path("asean-clear", "objects/")))
		told(c.do(http.MethodPost, path("asean-clear", "objects/"), envelopeOf(indicator(5, january))))
	}
	h.read, h.submit = nil, nil
	c.get(path("asean-clear", "objects/")).want(http.StatusOK)
	c.publish("asean-clear", indicator(6, january))
	must(t, s.Close())
	if s.inHand.seats.taken != 0 || s.posts.taken != 0 || len(s.entering) != 0 {
		t.Errorf("places are lost: %d, %d and %d", s.inHand.seats.taken, s.posts.taken, len(s.entering))
	}
}

func TestAPanicAfterAnAnswerBeganBreaksTheConnection(t *testing.T) {
	h, _ := served(t)
	s := h.serve(func(s *Server) {
		s.put(besides(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic("a secret")
		}))
	})
	c := h.client(s, "sg/desk")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+"/api/x", nil)
	must(t, err)
	req.Header.Set("Authorization", c.auth)
	if res, err := c.http.Do(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("half an answer is given as whole: %d", res.StatusCode)
	}
	c.get("/taxii2/").want(http.StatusOK)
}

func TestAPanicWhilePendingIsTheStatusOfTheSubmission(t *testing.T) {
	h, _ := served(t)
	s := h.serve(func(s *Server) { s.answerWithin = time.Millisecond })
	c := h.client(s, "sg/desk")
	release := make(chan struct{})
	h.submit = func(context.Context, broker.Submission) (*api.Receipt, error) {
		<-release
		panic("a secret")
	}
	st := c.do(http.MethodPost, path("asean-clear", "objects/"), envelopeOf(indicator(5, january))).want(http.StatusAccepted).status()
	close(release)
	for id := st.ID; st.Status == statusPending; {
		if t.Context().Err() != nil {
			t.Fatal("it stays pending")
		}
		st = c.get("/selat/status/" + id + "/").want(http.StatusOK).status()
	}
	if st.Failure != 1 || !strings.HasPrefix(st.Reason, "internal: ") {
		t.Errorf("%+v", st)
	}
}
