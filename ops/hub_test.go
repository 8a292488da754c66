package ops_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/ops"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// prepare makes a data folder with the ASEAN region.
func prepare(t testing.TB, edit ...func(*broker.Config)) *broker.Config {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Store.ReserveBytes = 1 << 20
	for _, e := range edit {
		e(&cfg)
	}
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	return &cfg
}

// watched is a real hub and the server that tells about it.
type watched struct {
	*broker.Hub
	*ops.Server
	t      testing.TB
	client *http.Client
	header http.Header
}

func watch(t testing.TB, cfg *broker.Config) *watched {
	t.Helper()
	h, err := broker.Start(context.Background(), *cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	s, err := ops.Serve(t.Context(), h, cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return &watched{Hub: h, Server: s, t: t, client: httpClient(t, nil), header: http.Header{}}
}

func (w *watched) close() {
	w.t.Helper()
	must(w.t, w.Server.Close())
	must(w.t, w.Hub.Close())
}

func httpClient(t testing.TB, c *tls.Config) *http.Client {
	tr := &http.Transport{TLSClientConfig: c}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// get returns a page's status and body.
func (w *watched) get(path string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.Server.URL()+path, nil)
	must(w.t, err)
	req.Header = w.header
	resp, err := w.client.Do(req)
	must(w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp.StatusCode, string(b)
}

// series is what /metrics tells, by name{label="value",...} with the labels in
// order.
type series map[string]float64

func (w *watched) scrape() (series, string) {
	w.t.Helper()
	status, body := w.get("/metrics")
	if status != http.StatusOK {
		w.t.Fatalf("/metrics answers %d: %s", status, body)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(body))
	must(w.t, err)
	out := series{}
	for name, f := range families {
		for _, m := range f.Metric {
			out[seriesName(name, m)] = valueOf(m)
		}
	}
	return out, body
}

func seriesName(name string, m *dto.Metric) string {
	var labels []string
	for _, l := range m.Label {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	if len(labels) == 0 {
		return name
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

func valueOf(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	case m.Summary != nil:
		return float64(m.Summary.GetSampleCount())
	}
	return m.Untyped.GetValue()
}

// await scrapes until a series has a value: observations are kept for two
// seconds.
func (w *watched) await(name string, want float64) series {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ; ; <-again.C {
		s, _ := w.scrape()
		got, ok := s[name]
		if ok && got == want {
			return s
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s is %v (told: %v), want %v", name, got, ok, want)
		}
	}
}

// seat is a seat with its connection.
type seat struct {
	t       testing.TB
	nc      *nats.Conn
	js      jetstream.JetStream
	account string
}

func (w *watched) seat(name string, kind policy.Kind, ceiling stix.Level) *seat {
	w.t.Helper()
	creds, err := w.AddSeat(w.t.Context(), policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling})
	must(w.t, err)
	path := filepath.Join(w.t.TempDir(), "seat.creds")
	must(w.t, os.WriteFile(path, creds, 0o600))
	nc, err := nats.Connect(w.Hub.URL(), nats.UserCredentials(path))
	must(w.t, err)
	w.t.Cleanup(nc.Close)
	js, err := jetstream.NewWithAPIPrefix(nc, api.APIPrefix)
	must(w.t, err)
	return &seat{t: w.t, nc: nc, js: js, account: w.Region().Seats[name].Account}
}

// streams asks the hub for the seat's durables.
func (s *seat) streams() {
	s.t.Helper()
	_, err := s.nc.Request(api.SubjectStreams, []byte("{}"), 20*time.Second)
	must(s.t, err)
}

// receive fetches and acknowledges one message.
func (s *seat) receive(stream string) {
	s.t.Helper()
	c, err := s.js.Consumer(s.t.Context(), stream, s.account)
	must(s.t, err)
	m, err := c.Next(jetstream.FetchMaxWait(20 * time.Second))
	must(s.t, err)
	must(s.t, m.Ack())
	must(s.t, s.nc.Flush())
}

var marks = map[stix.Level]string{
	stix.Clear: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	stix.Amber: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	stix.Red:   "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// publish submits one indicator and insists that it is accepted.
func (s *seat) publish(n int, level stix.Level, to string) {
	s.t.Helper()
	s.submit(fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":[%q]}`, n, marks[level]), to, api.Accepted)
}

// submit submits one object and insists on its outcome.
func (s *seat) submit(object []byte, to string, outcome api.Outcome) {
	s.t.Helper()
	m := nats.NewMsg(api.SubjectSubmit)
	m.Data = object
	if to != "" {
		m.Header.Set(api.HeaderTo, to)
	}
	reply, err := s.nc.RequestMsg(m, 20*time.Second)
	must(s.t, err)
	var r api.Receipt
	must(s.t, json.Unmarshal(reply.Data, &r))
	for _, o := range r.Objects {
		if o.Outcome != outcome {
			s.t.Fatalf("not %s: %s", outcome, reply.Data)
		}
	}
	if len(r.Objects) == 0 {
		s.t.Fatalf("not %s: %s", outcome, reply.Data)
	}
}
