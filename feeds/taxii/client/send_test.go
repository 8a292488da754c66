package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// send adds objects 0 to n-1 and returns what became of each.
func send(t *testing.T, c *asker, n int) ([]Outcome, error) {
	t.Helper()
	out := make([]Outcome, n)
	told := make([]bool, n)
	s := c.NewSender(find(t, c), func(number int, o Outcome) error {
		if told[number] {
			t.Fatalf("object %d was told twice", number)
		}
		out[number], told[number] = o, true
		return nil
	})
	for i := range n {
		o, err := Identify([]byte(object(i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(t.Context(), o); err != nil {
			return out, err
		}
	}
	err := s.Flush(t.Context())
	if slices.Contains(told, false) && err == nil {
		t.Fatalf("some objects were not told: %v", told)
	}
	return out, err
}

func counts(out []Outcome) map[Result]int {
	n := map[Result]int{}
	for _, o := range out {
		n[o.Result]++
	}
	return n
}

func TestObjectsAreAddedWithTheirBytesInRequestsThatFit(t *testing.T) {
	s := newServer(t)
	s.MaxContent = 2000
	s.Pending = 3
	c := ask(t, s.URL)
	out, err := send(t, c, 30)
	if err != nil || counts(out)[Accepted] != 30 {
		t.Fatalf("%v, %v", out, err)
	}
	var want []string
	for i := range 30 {
		want = append(want, object(i))
	}
	if diff := cmp.Diff(want, s.Raws()); diff != "" {
		t.Fatal(diff)
	}
	posts := 0
	for _, r := range s.Requests {
		if strings.HasPrefix(r, "POST") {
			posts++
		}
	}
	if posts < 3 || posts > 5 {
		t.Fatalf("there were %d requests", posts)
	}
	if len(c.waits) != 3 {
		t.Fatalf("waited %v", c.waits)
	}
}

func TestAnObjectThatIsRefusedDoesNotSinkItsNeighbours(t *testing.T) {
	bad := []byte("000000000007")
	t.Run("by the status", func(t *testing.T) {
		s := newServer(t)
		s.Refuse = func(raw []byte) string {
			if bytes.Contains(raw, bad) {
				return "not seven"
			}
			return ""
		}
		out, err := send(t, ask(t, s.URL), 20)
		if err != nil || counts(out)[Accepted] != 19 || out[7] != (Outcome{Refused, "not seven"}) {
			t.Fatalf("%v, %v", out, err)
		}
	})
	t.Run("by the whole request", func(t *testing.T) {
		s := newServer(t)
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			var body bytes.Buffer
			body.ReadFrom(r.Body) //nolint:errcheck // the server tells
			if bytes.Contains(body.Bytes(), bad) {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return true
			}
			w.Header().Set("Content-Type", mediaType)
			n := bytes.Count(body.Bytes(), []byte(`"id"`))
			fmt.Fprintf(w, `{"id":"1","status":"complete","total_count":%d,"success_count":%d,"failure_count":0,"pending_count":0}`, n, n)
			return true
		}
		out, err := send(t, ask(t, s.URL), 20)
		if err != nil || counts(out)[Accepted] != 19 || !strings.Contains(out[7].Message, "422") {
			t.Fatalf("%v, %v", out, err)
		}
	})
	t.Run("but a server that refuses everything is not asked for each", func(t *testing.T) {
		s := newServer(t)
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusUnprocessableEntity)
			}
			return r.Method == http.MethodPost
		}
		out, err := send(t, ask(t, s.URL), 3900)
		n := counts(out)
		if err != nil || n[Accepted] != 0 || n[Refused] == 0 || n[Refused] > halvingsVain || n[Refused]+n[Unanswered] != len(out) || len(s.Requests) > 100 {
			t.Fatalf("%v, %v after %d requests", n, err, len(s.Requests))
		}
		if last := out[len(out)-1]; last.Result != Unanswered || !strings.Contains(last.Message, "not sent by itself") || !strings.Contains(last.Message, "422") {
			t.Fatalf("%+v", last)
		}
	})
}

func TestObjectsAfterManyRefusalsAreStillTakenByHalves(t *testing.T) {
	s := newServer(t)
	// The first batch is bad in all, and the second in its first object.
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		var body bytes.Buffer
		body.ReadFrom(r.Body) //nolint:errcheck // the server tells
		if bytes.Contains(body.Bytes(), []byte("-000000000")) || bytes.Contains(body.Bytes(), []byte("-000000001000")) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return true
		}
		w.Header().Set("Content-Type", mediaType)
		n := bytes.Count(body.Bytes(), []byte(`"id"`))
		fmt.Fprintf(w, `{"id":"1","status":"complete","total_count":%d,"success_count":%d}`, n, n)
		return true
	}
	out, err := send(t, ask(t, s.URL), 2*requestObjects)
	if err != nil {
		t.Fatal(err)
	}
	second := counts(out[requestObjects:])
	if diff := cmp.Diff(map[Result]int{Accepted: requestObjects / 2, Unanswered: requestObjects / 2}, second); diff != "" {
		t.Fatal(diff)
	}
}

func TestAnObjectLargerThanTheServerTakesIsNotSent(t *testing.T) {
	s := newServer(t)
	s.MaxContent = 100
	out, err := send(t, ask(t, s.URL), 2)
	if err != nil || counts(out)[Refused] != 2 || !strings.Contains(out[0].Message, "takes 100") {
		t.Fatalf("%v, %v", out, err)
	}
}

func TestWhoMayNotAddIsToldOnce(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.Method == http.MethodPost
	}
	out, err := send(t, ask(t, s.URL), 3)
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 403 || counts(out)[Unanswered] != 3 {
		t.Fatalf("%v, %v", out, err)
	}
}

func TestAServerThatDoesNotSayIsNotTakenForASuccess(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want map[Result]int
	}{
		"nothing":                      {``, map[Result]int{Unanswered: 2}},
		"counts of both":               {`{"id":"1","status":"complete","total_count":2,"success_count":1,"failure_count":1}`, map[Result]int{Unanswered: 2}},
		"counts of all":                {`{"id":"1","status":"complete","total_count":2,"success_count":2}`, map[Result]int{Accepted: 2}},
		"counts of none":               {`{"id":"1","status":"complete","total_count":2,"failure_count":2}`, map[Result]int{Refused: 2}},
		"fewer successes than objects": {`{"id":"1","status":"complete","total_count":1,"success_count":1}`, map[Result]int{Unanswered: 2}},
		"fewer failures than objects":  {`{"id":"1","status":"complete","total_count":1,"failure_count":1}`, map[Result]int{Unanswered: 2}},
		"twice as many as there are":   {`{"id":"1","status":"complete","total_count":4,"success_count":2,"failure_count":2}`, map[Result]int{Unanswered: 2}},
		"one success, and nothing of the other": {`{"id":"1","status":"complete","total_count":2,"success_count":1,
			"successes":[{"id":"indicator--00000000-0000-4000-8000-000000000001","version":"2026-01-01T00:00:00.000Z"}]}`, map[Result]int{Accepted: 1, Unanswered: 1}},
		"one failure, and nothing of the other": {`{"id":"1","status":"complete","total_count":2,"failure_count":1,
			"failures":[{"id":"indicator--00000000-0000-4000-8000-000000000001","version":"2026-01-01T00:00:00.000Z"}]}`, map[Result]int{Refused: 1, Unanswered: 1}},
		"one success by name, and one more counted": {`{"id":"1","status":"complete","total_count":2,"success_count":2,
			"successes":[{"id":"indicator--00000000-0000-4000-8000-000000000001","version":"2026-01-01T00:00:00.000Z"}]}`, map[Result]int{Accepted: 2}},
		"pending for now": {`{"id":"","status":"pending","total_count":2,"pending_count":2}`, map[Result]int{Unanswered: 2}},
		"one failure, its version in other digits": {`{"id":"1","status":"complete","total_count":2,"success_count":1,"failure_count":1,
			"failures":[{"id":"indicator--00000000-0000-4000-8000-000000000001","version":"2026-01-01T00:00:00Z","message":"no"}]}`, map[Result]int{Accepted: 1, Refused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost {
					w.Header().Set("Content-Type", mediaType)
					w.WriteHeader(http.StatusAccepted)
					fmt.Fprint(w, tt.body)
				}
				return r.Method == http.MethodPost
			}
			out, err := send(t, ask(t, s.URL), 2)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, counts(out)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAServerThatNeverDecidesIsNotWaitedForWithoutEnd(t *testing.T) {
	s := newServer(t)
	s.Pending = 1 << 30
	c := ask(t, s.URL)
	out, err := send(t, c, 2)
	if err != nil || counts(out)[Unanswered] != 2 || len(c.waits) > 20 {
		t.Fatalf("%v, %v after %v", out, err, c.waits)
	}
}

func TestWhatIsAddedIsNotSentToWhereARedirectTurnsItIntoAQuestion(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			http.Redirect(w, r, "/api1/", http.StatusFound)
		}
		return r.Method == http.MethodPost
	}
	_, err := send(t, ask(t, s.URL), 1)
	mustSay(t, err, "redirects what was to be added")
}
