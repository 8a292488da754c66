package broker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(hubProcess); config != "" {
		runHubProcess(config) // a hub for the test to kill
	}
	goleak.VerifyTestMain(m)
}

const (
	markClear       = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	markGreen       = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
	markAmber       = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
	markAmberStrict = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
	markRed         = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
)

var marks = map[stix.Level]string{stix.Clear: markClear, stix.Green: markGreen, stix.Amber: markAmber, stix.AmberStrict: markAmberStrict, stix.Red: markRed}

// indicator is an object written for these tests; n makes its id and pattern.
func indicator(n int, level stix.Level) string {
	refs := ""
	if level != stix.NoLevel {
		refs = fmt.Sprintf(`,"object_marking_refs":[%q]`, marks[level])
	}
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"test %d","pattern":"[ipv4-addr:value = '192.0.2.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s}`, n, n, n%250, refs)
}

func bundle(objects ...string) []byte {
	raws := make([][]byte, len(objects))
	for i, o := range objects {
		raws[i] = []byte(o)
	}
	return stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", raws...)
}

// testHub is a hub on a folder of its own, with the ASEAN profile.
type testHub struct {
	*broker.Hub
	t   testing.TB
	cfg broker.Config
}

func testLogger(t testing.TB) *slog.Logger {
	if os.Getenv("SELAT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func newTestHub(t testing.TB, edit ...func(*broker.Config)) *testHub {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes = 1 << 20
	for _, e := range edit {
		e(&cfg)
	}
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), testLogger(t)))
	h := &testHub{t: t, cfg: cfg}
	h.start()
	return h
}

func (h *testHub) start() {
	h.t.Helper()
	hub, err := broker.Start(context.Background(), h.cfg, testLogger(h.t))
	must(h.t, err)
	h.Hub = hub
	h.t.Cleanup(func() { must(h.t, hub.Close()) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seat is a seat with its connection.
type seat struct {
	t       testing.TB
	nc      *nats.Conn
	js      jetstream.JetStream
	creds   string
	account string
}

func (h *testHub) seat(name string, kind policy.Kind, ceiling stix.Level, edit ...func(*policy.Seat)) *seat {
	h.t.Helper()
	s := policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling}
	for _, e := range edit {
		e(&s)
	}
	creds, err := h.AddSeat(h.t.Context(), s)
	must(h.t, err)
	path := filepath.Join(h.t.TempDir(), "seat.creds")
	must(h.t, os.WriteFile(path, creds, 0o600))
	out := &seat{t: h.t, creds: path, account: h.Region().Seats[name].Account}
	out.connect(h.URL())
	return out
}

func (s *seat) connect(url string) {
	s.t.Helper()
	nc, err := nats.Connect(url, nats.UserCredentials(s.creds), nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	s.nc = nc
	s.js, err = jetstream.NewWithAPIPrefix(nc, api.APIPrefix, jetstream.WithDefaultTimeout(patience))
	must(s.t, err)
}

func (s *seat) submit(payload []byte, to string, headers ...string) *api.Receipt {
	s.t.Helper()
	m := nats.NewMsg(api.SubjectSubmit)
	m.Data = payload
	if to != "" {
		m.Header.Set(api.HeaderTo, to)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	reply, err := s.nc.RequestMsg(m, patience)
	must(s.t, err)
	var r api.Receipt
	must(s.t, json.Unmarshal(reply.Data, &r))
	return &r
}

func ask[T any](s *seat, subject string, q any) T {
	s.t.Helper()
	body, err := json.Marshal(q)
	must(s.t, err)
	m, err := s.nc.Request(subject, body, patience)
	must(s.t, err)
	var out struct {
		Error *api.Error `json:"error"`
	}
	must(s.t, json.Unmarshal(m.Data, &out))
	if out.Error != nil {
		s.t.Fatalf("%s: %v", subject, out.Error)
	}
	var v T
	must(s.t, json.Unmarshal(m.Data, &v))
	return v
}

// drain pulls and acknowledges everything the seat's durables have now, and
// returns the objects' bytes by stream.
func (s *seat) drain() map[string][]string {
	s.t.Helper()
	out := map[string][]string{}
	streams := ask[api.Streams](s, api.SubjectStreams, nil)
	for _, st := range streams.Streams {
		c, err := s.js.Consumer(s.t.Context(), st.Name, streams.Consumer)
		must(s.t, err)
		for {
			info, err := c.Info(s.t.Context())
			must(s.t, err)
			if info.NumPending == 0 {
				break
			}
			batch, err := c.Fetch(int(info.NumPending), jetstream.FetchMaxWait(5*time.Second))
			must(s.t, err)
			for m := range batch.Messages() {
				objects, err := stix.Split(m.Data(), stix.DefaultLimits)
				must(s.t, err)
				for _, o := range objects {
					out[st.Name] = append(out[st.Name], string(o.Raw))
				}
				must(s.t, m.DoubleAck(s.t.Context()))
			}
			must(s.t, batch.Error())
		}
	}
	return out
}

func TestAnObjectReachesTheSeatsOfItsCommunityByteForByte(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Publisher, stix.Green)
	my := h.seat("my/firewall", policy.Subscriber, stix.Amber)
	us := h.seat("us/analyst", policy.Subscriber, stix.Amber)
	object := indicator(1, stix.Amber)
	r := sg.submit(bundle(object), "asean")
	if r.Accepted != 1 || r.Refused != 0 {
		t.Fatalf("receipt: %+v", r)
	}
	if got := my.drain()["CTI_ASEAN_AMBER"]; len(got) != 1 || got[0] != object {
		t.Errorf("my received %q", got)
	}
	if got := us.drain(); len(got) != 0 {
		t.Errorf("us is not in asean but received %v", got)
	}
	if r := sg.submit(bundle(object), "asean"); r.Duplicate != 1 {
		t.Errorf("the same again: %+v", r)
	}
	changed := indicator(1, stix.Amber)
	changed = changed[:len(changed)-1] + `,"x_more":1}`
	if r := sg.submit(bundle(changed), "asean"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "conflict" {
		t.Errorf("other bytes under the same version: %+v", r)
	}
}

// loseIndex deletes the index of a hub that is closed.
func (h *testHub) loseIndex() {
	h.t.Helper()
	must(h.t, os.RemoveAll(filepath.Join(h.cfg.Data, "catalogue")))
}
