package taxii

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func (r *reply) status() (s statusResource) {
	r.t.Helper()
	must(r.t, json.Unmarshal(r.Body, &s))
	return s
}

const (
	marksAmber = `,"object_marking_refs":["marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"]}`
	marksGreen = `,"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}`
)

func withMarks(object, marks string) string { return strings.TrimSuffix(object, "}") + marks }

func TestAPostIsAnsweredObjectByObject(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	c := h.client(s, "sg/desk")
	objects := []string{
		indicator(1, january),
		withMarks(indicator(2, january), marksAmber),
		withMarks(indicator(3, january), marksGreen),
		`{"type":"indicator"}`,
		`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"}`,
		`7`,
	}
	r := c.do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(objects...)).want(http.StatusAccepted)
	st := r.status()
	if st.Status != statusComplete || st.Total != 6 || st.Success != 3 || st.Failure != 3 || st.Pending != 0 || len(st.Successes) != 3 || len(st.Failures) != 3 {
		t.Fatalf("%s", r.Body)
	}
	if _, err := time.Parse(timestampLayout, st.Requested); err != nil {
		t.Errorf("request_timestamp is %q", st.Requested)
	}
	if st.Successes[0].ID != idOf(1) || st.Successes[0].Version != january || st.Successes[2].Version == "" {
		t.Errorf("%+v", st.Successes)
	}
	for _, f := range st.Failures {
		if f.ID == "" || f.Version == "" || !strings.Contains(f.Message, ": ") {
			t.Errorf("%+v", f)
		}
	}
	if st.Failures[0].ID != idOf(3) {
		t.Errorf("GREEN in a collection of AMBER: %+v", st.Failures[0])
	}
	if st.Failures[1].ID != "/objects/3" || st.Failures[2].ID != "/objects/5" {
		t.Errorf("what has no id is told as %q and %q", st.Failures[1].ID, st.Failures[2].ID)
	}
	if got := c.get("/selat/status/" + st.ID + "/").want(http.StatusOK); !bytes.Equal(bytes.TrimSpace(got.Body), bytes.TrimSpace(r.Body)) {
		t.Errorf("the status is %s, and was %s", got.Body, r.Body)
	}
	again := c.do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(objects[:2]...)).want(http.StatusAccepted).status()
	if again.Success != 2 || again.Failure != 0 || again.Successes[0].Message == "" {
		t.Errorf("posted again: %+v", again)
	}
	if got := c.get(path("asean-amber", "objects/")).envelope(); len(got.Objects) != 3 || string(got.Objects[0]) != objects[0] {
		t.Errorf("%s", got.Objects)
	}
}

func TestAStatusIsForWhoSubmittedAndOutlivesARestart(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("sg/other", policy.Both, stix.Red)
	h.seat("my/desk", policy.Both, stix.Red)
	s := h.serve()
	id := h.client(s, "sg/desk").do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(indicator(1, january))).want(http.StatusAccepted).status().ID
	check := func(s *Server) {
		t.Helper()
		h.client(s, "sg/desk").get("/selat/status/" + id + "/").want(http.StatusOK)
		for _, user := range []string{"sg/other", "my/desk"} {
			c := h.client(s, user)
			absent := c.get("/selat/status/00000000-0000-4000-8000-000000000000/").want(http.StatusNotFound).same()
			for _, p := range []string{id, strings.ToUpper(id), "nothing", "*", ">", "%00", "a.b"} {
				if got := c.get("/selat/status/" + p + "/"); got.same() != absent {
					t.Errorf("%s: %s is told of %s", user, got.same(), p)
				}
			}
		}
	}
	check(s)
	must(t, s.Close())
	must(t, h.Close())
	h.start()
	check(h.serve())
}

func TestWhatIsNoEnvelopeOrTooMuchIsRefusedAsTheStandardSays(t *testing.T) {
	if testing.Short() {
		t.Skip("one request after another")
	}
	h := newHub(t, func(c *broker.Config) { c.Limits.PayloadBytes, c.Limits.ObjectBytes = 8192, 8192 })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	c := h.client(s, "sg/desk")
	p := path("asean-amber", "objects/")
	padded := func(n int) []byte {
		b := envelopeOf(indicator(1, january))
		return append(b, bytes.Repeat([]byte(" "), n-len(b))...)
	}
	packed := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, err := w.Write(b)
		must(t, err)
		must(t, w.Close())
		return out.Bytes()
	}
	good := envelopeOf(indicator(1, january))
	for name, x := range map[string]struct {
		body    []byte
		headers []string
		want    int
	}{
		"just as large as it may be":          {padded(s.maxContent), nil, http.StatusAccepted},
		"a byte more":                         {padded(s.maxContent + 1), nil, http.StatusRequestEntityTooLarge},
		"packed":                              {packed(good), []string{"Content-Encoding", "gzip"}, http.StatusAccepted},
		"packed as large as it may be":        {packed(padded(s.maxContent)), []string{"Content-Encoding", "gzip"}, http.StatusAccepted},
		"packed, and too large when unpacked": {packed(bytes.Repeat([]byte(" "), 100<<20)), []string{"Content-Encoding", "gzip"}, http.StatusRequestEntityTooLarge},
		"said to be packed":                   {good, []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"packed and cut short":                {packed(good)[:40], []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"packed in another way":               {good, []string{"Content-Encoding", "br"}, http.StatusUnsupportedMediaType},
		"packed twice":                        {packed(packed(good)), []string{"Content-Encoding", "gzip, gzip"}, http.StatusUnsupportedMediaType},
		"plain JSON":                          {good, []string{"Content-Type", "application/json"}, http.StatusUnsupportedMediaType},
		"no type at all":                      {good, []string{"Content-Type", ""}, http.StatusUnsupportedMediaType},
		"TAXII of another version":            {good, []string{"Content-Type", mediaName + ";version=2.0"}, http.StatusUnsupportedMediaType},
		"no JSON":                             {[]byte("{"), nil, http.StatusBadRequest},
		"nothing":                             {[]byte{}, nil, http.StatusBadRequest},
		"no objects":                          {[]byte(`{"more":false}`), nil, http.StatusUnprocessableEntity},
		"an answer that it does not take":     {good, []string{"Accept", "text/html"}, http.StatusNotAcceptable},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.do(http.MethodPost, p, x.body, x.headers...)
			if r.Status != x.want {
				t.Errorf("%d, want %d: %s", r.Status, x.want, r.Body)
			}
		})
	}
	c.do(http.MethodPost, p+"?limit=1", good).want(http.StatusBadRequest)
	many := strings.Repeat(`{},`, 2000) + `{}`
	c.do(http.MethodPost, p, []byte(`{"objects":[`+many+`]}`)).want(http.StatusAccepted)
}

func TestARefusalOfTheWholeIsToldByItsStatus(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	c := h.client(s, "sg/desk")
	for code, want := range map[string]int{
		"rate-limited": 429, "busy": 503, "unavailable": 503, "disk-full": 503, "malformed-json": 400, "too-many-objects": 422, "payload-too-large": 422,
		"seat-kind": 403, "suspended": 403, "receive-only": 403, "no-seat": 403, "audience-unknown": 422,
	} {
		h.submit = func(context.Context, broker.Submission) (*api.Receipt, error) {
			return &api.Receipt{Error: &stix.Finding{Code: code, Message: "what to do", Path: "/objects"}}, nil
		}
		r := c.do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(indicator(1, january))).want(want)
		var p problem
		must(t, json.Unmarshal(r.Body, &p))
		if p.ErrorCode != code || !strings.Contains(p.Description, "what to do") || (r.Header.Get("Retry-After") != "") != (want == 429 || want == 503) {
			t.Errorf("%s: %s %v", code, r.Body, r.Header)
		}
	}
	h.submit = func(context.Context, broker.Submission) (*api.Receipt, error) { return nil, errors.New("a secret") }
	if r := c.do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(indicator(1, january))).want(500); strings.Contains(string(r.Body), "secret") {
		t.Errorf("%s", r.Body)
	}
}

func TestASubmissionThatTakesItsTimeIsPendingAndThenComplete(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve(func(s *Server) { s.answerWithin = 10 * time.Millisecond })
	c := h.client(s, "sg/desk")
	post := func(result *api.Receipt, err error) (pending, final statusResource) {
		t.Helper()
		release := make(chan struct{})
		h.submit = func(ctx context.Context, _ broker.Submission) (*api.Receipt, error) {
			<-release
			return result, err
		}
		pending = c.do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(indicator(1, january), indicator(2, january))).want(http.StatusAccepted).status()
		if got := c.get("/selat/status/" + pending.ID + "/").want(http.StatusOK).status(); got.Status != statusPending {
			t.Errorf("%+v", got)
		}
		close(release)
		for final = pending; final.Status == statusPending; {
			if t.Context().Err() != nil {
				t.Fatal("it stays pending")
			}
			final = c.get("/selat/status/" + pending.ID + "/").want(http.StatusOK).status()
		}
		return pending, final
	}
	pending, final := post(&api.Receipt{Accepted: 2, Objects: []api.ObjectReceipt{{ID: idOf(1), Version: january, Outcome: api.Accepted}, {ID: idOf(2), Version: january, Outcome: api.Accepted}}}, nil)
	if pending.Pending != 2 || pending.Total != 2 || final.Success != 2 || final.Pending != 0 || final.Requested != pending.Requested {
		t.Errorf("%+v, then %+v", pending, final)
	}
	_, final = post(&api.Receipt{Error: &stix.Finding{Code: "disk-full", Message: "later"}}, nil)
	if final.Failure != 2 || final.Total != 2 || final.Failures != nil || final.Reason != "disk-full: later" {
		t.Errorf("%+v", final)
	}
	_, final = post(nil, errors.New("a secret"))
	if final.Failure != 2 || strings.Contains(final.Reason, "secret") || !strings.HasPrefix(final.Reason, "internal: ") {
		t.Errorf("%+v", final)
	}
}

func TestClosingWaitsForNoSubmissionForever(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve(func(s *Server) { s.answerWithin = time.Millisecond })
	h.submit = func(ctx context.Context, _ broker.Submission) (*api.Receipt, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	id := h.client(s, "sg/desk").do(http.MethodPost, path("asean-amber", "objects/"), envelopeOf(indicator(1, january))).want(http.StatusAccepted).status().ID
	must(t, s.Close())
	h.submit = nil
	if got := h.client(h.serve(), "sg/desk").get("/selat/status/" + id + "/").want(http.StatusOK).status(); got.Status != statusPending {
		t.Errorf("%+v", got)
	}
}

func TestPostsInHandAreBoundedForEachCaller(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("my/desk", policy.Both, stix.Amber)
	s := h.serve(func(s *Server) { s.answerWithin, s.posts = time.Millisecond, newPlaces(4) })
	release := make(chan struct{})
	h.submit = func(context.Context, broker.Submission) (*api.Receipt, error) {
		<-release
		return &api.Receipt{}, nil
	}
	p := path("asean-amber", "objects/")
	sg := h.client(s, "sg/desk")
	sg.do(http.MethodPost, p, envelopeOf(indicator(1, january))).want(http.StatusAccepted)
	if r := sg.do(http.MethodPost, p, envelopeOf(indicator(2, january))).want(http.StatusServiceUnavailable); r.Header.Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	h.client(s, "my/desk").do(http.MethodPost, p, envelopeOf(indicator(3, january))).want(http.StatusAccepted)
	close(release)
}

func TestAStatusTooLargeForAMessageTellsLess(t *testing.T) {
	if testing.Short() {
		t.Skip("one request after another")
	}
	many := func(n int, message string) (out []detail) {
		for i := range n {
			out = append(out, detail{idOf(i), january, message})
		}
		return out
	}
	long := "code at /x: " + strings.Repeat("m", 900)
	for name, c := range map[string]struct {
		s    statusResource
		want func(*statusResource) bool
	}{
		"what fits is told in full":    {statusResource{Successes: many(100, ""), Failures: many(100, long)}, func(s *statusResource) bool { return len(s.Successes) == 100 && s.Failures[0].Message == long }},
		"first without what passed":    {statusResource{Successes: many(3000, ""), Failures: many(10, long)}, func(s *statusResource) bool { return s.Successes == nil && s.Failures[9].Message == long }},
		"then by codes":                {statusResource{Failures: many(1000, long)}, func(s *statusResource) bool { return s.Failures[999].Message == "code at /x" }},
		"and at last the counts alone": {statusResource{Failure: 60_000, Failures: many(60_000, long)}, func(s *statusResource) bool { return s.Failures == nil && s.Failure == 60_000 }},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.s.encode()
			var got statusResource
			must(t, json.Unmarshal(b, &got))
			if len(b) > maxStatus || !c.want(&got) {
				t.Errorf("%d bytes, %d and %d", len(b), len(got.Successes), len(got.Failures))
			}
		})
	}
}
