package ops_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/publisher"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/feeds/taxii"
	"github.com/selat-hub/selat/ops"
	"github.com/selat-hub/selat/stix"
)

var update = flag.Bool("update", false, "write ops/metrics.md and the dashboards anew")

// TestStation holds everything that watches a hub against one that works: the
// reference of metrics, the alarms, the dashboards. The hub and what is beside it
// cost seconds, so that they share them.
func TestStation(t *testing.T) {
	t.Parallel() // it waits for the disk, mostly
	if testing.Short() {
		t.Skip("it takes long, and races no more than its parts")
	}
	s := newStation(t)
	exported := s.exported()
	t.Run("the reference of metrics is up to date", func(t *testing.T) { checkReference(t, exported) })
	t.Run("all that is told follows the conventions", func(t *testing.T) { s.lint(t) })
	t.Run("alarms ask for what is told", func(t *testing.T) { checkAlarms(t, exported) })
	t.Run("dashboards are what their description says", checkDashboardFiles)
	t.Run("dashboards ask for what is told", func(t *testing.T) { checkDashboards(t, exported) })
	t.Run("every query of a dashboard has an answer", func(t *testing.T) { s.answers(t) })
}

// station is a hub with TLS, its TAXII server, a daemon of feeds and one of sinks,
// all under load, and each told on a listener of its own.
type station struct {
	*watched
	t        *testing.T
	cfg      *broker.Config
	ca       string // file of the authority
	taxii    *taxii.Server
	registry *prometheus.Registry
	daemons  map[string]daemonMetrics // by job
	creds    map[string]string        // files, by seat
	desk     *client.Client           // sg/desk
	next     int
}

type daemonMetrics struct {
	registry *prometheus.Registry
	address  string
}

func newStation(t *testing.T) *station {
	t.Helper()
	ca := newAuthority(t)
	s := &station{t: t, ca: writePEM(t, "CERTIFICATE", ca.cert.Raw), daemons: map[string]daemonMetrics{}, creds: map[string]string{}}
	s.cfg = prepare(t, func(c *broker.Config) {
		c.TLS.Cert, c.TLS.Key = ca.leaf(2)
		c.TLS.CA, c.HTTP.ClientCA, c.TAXII.ClientCA = s.ca, s.ca, s.ca
		c.HTTP.TokenFile = writeFile(t, 0o600, token+"\n")
		c.TAXII.Listen = "127.0.0.1:0"
	})
	h, err := broker.Start(context.Background(), *s.cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	s.taxii, err = taxii.Serve(t.Context(), h, s.cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.taxii.Close()) })
	web, err := ops.Serve(t.Context(), h, s.cfg, nil, s.taxii)
	must(t, err)
	t.Cleanup(func() { must(t, web.Close()) })
	s.watched = &watched{Hub: h, Server: web, t: t, client: httpClient(t, ca.clientTLS()), header: http.Header{"Authorization": {"Bearer " + token}}}
	s.registry, err = ops.Registry(t.Context(), h, s.cfg, s.taxii)
	must(t, err)
	s.load()
	return s
}

// member makes a seat and connects as it.
func (s *station) member(name string, kind policy.Kind, ceiling stix.Level) *client.Client {
	s.t.Helper()
	b, err := s.AddSeat(s.t.Context(), policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling})
	must(s.t, err)
	s.creds[name] = writeFile(s.t, 0o600, string(b))
	c, err := client.Connect(s.t.Context(), client.Options{CredsFile: s.creds[name]})
	must(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

// publish submits one new indicator, with what else it says.
func (s *station) publish(level stix.Level, more string, to ...string) {
	s.t.Helper()
	s.next++
	marking := ""
	if level != stix.NoLevel {
		marking = fmt.Sprintf(`,"object_marking_refs":[%q]`, marks[level])
	}
	object := fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s%s}`, indicator(s.next), more, marking)
	_, err := s.desk.Submit(s.t.Context(), object, client.SubmitOptions{To: to})
	must(s.t, err)
}

func indicator(n int) string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n) }

// load has every part of the hub do what it tells of.
func (s *station) load() {
	t := s.t
	s.desk = s.member("sg/desk", policy.Both, stix.Red)
	my := s.member("my/desk", policy.Both, stix.Red)
	s.member("my/sensor", policy.Subscriber, stix.Amber)
	s.member("sg/feed", policy.Publisher, stix.Green)
	_, err := my.Streams(t.Context())
	must(t, err)

	s.publish(stix.Clear, "")
	s.publish(stix.Amber, "", "asean")
	s.publish(stix.Red, "", "my", "th")
	s.publish(stix.NoLevel, "")                                      // a denial
	s.publish(stix.Clear, `,"indicator_types":["of-no-vocabulary"]`) // a warning
	_, err = my.Submit(t.Context(), fmt.Appendf(nil, `{"type":"sighting","spec_version":"2.1","id":"sighting--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","sighting_of_ref":%q,"object_marking_refs":[%q]}`, indicator(1), marks[stix.Clear]), client.SubmitOptions{})
	must(t, err)
	must(t, my.Subscribe(t.Context(), func(context.Context, client.Delivery) error { return nil }, client.SubscribeOptions{StateDir: t.TempDir(), Idle: 200 * time.Millisecond}))
	// What was received is recalled, and nobody is there to forget it.
	_, err = s.desk.Recall(t.Context(), api.RecallRequest{ID: indicator(1), Reason: "wrong"})
	must(t, err)
	s.strangers()
	s.feed()
	s.sink()
}

// strangers ask for what they may not have, and an administrator for what he may.
func (s *station) strangers() {
	t := s.t
	made, err := s.AddToken(t.Context(), "my/desk", "search", time.Now().Add(90*24*time.Hour))
	must(t, err)
	for bearer, want := range map[string]int{made.Token: http.StatusOK, "none of the hub's": http.StatusUnauthorized} {
		if status, _, err := do(s.client, newRequest(t, s.taxii.URL(), "Bearer "+bearer)); err != nil || status != want {
			t.Fatalf("TAXII answers %d, %v, want %d", status, err, want)
		}
	}
	if status, _ := s.get("/nothing"); status != http.StatusNotFound {
		t.Fatalf("/nothing answers %d", status)
	}
	nc, err := nats.Connect(s.Hub.URL(), nats.UserCredentials(s.creds["my/desk"]), nats.RootCAs(s.ca), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(t, err)
	defer nc.Close()
	_, err = nc.SubscribeSync("cti.>")
	must(t, err)
	must(t, nc.Flush())
	admin, err := nats.Connect(s.Hub.URL(), nats.UserCredentials(filepath.Join(s.cfg.Data, "keys", "admin.creds")), nats.RootCAs(s.ca), nats.CustomInboxPrefix(api.AdminInbox))
	must(t, err)
	defer admin.Close()
	_, err = admin.Request(api.AdminPrefix+"member.list", []byte("{}"), 20*time.Second)
	must(t, err)
}

// serve tells a daemon's metrics, as its program does.
func (s *station) serve(job string) *prometheus.Registry {
	t := s.t
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	r, stop, err := daemon.ServeMetrics(address, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(func() { must(t, stop()) })
	registry := r.(*prometheus.Registry)
	s.daemons[job] = daemonMetrics{registry, address}
	return registry
}

// running runs a daemon until the test ends.
func (s *station) running(run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	var task sync.WaitGroup
	task.Go(func() {
		if err := run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(func() { stop(); task.Wait() })
}

// feed reads one list that is well but for a row, and one that the hub refuses.
func (s *station) feed() {
	t, dir := s.t, s.t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "bad.txt"), []byte("bad.example\n10.0.0.1\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "feeds.yaml"), []byte("credentials: "+s.creds["sg/feed"]+`
namespace: cert.example
feeds:
  list: {format: list, file: bad.txt, to: [asean]}
  stray: {format: list, file: bad.txt, to: [nowhere]}
`), 0o600))
	c, err := publisher.Load(filepath.Join(dir, "feeds.yaml"))
	must(t, err)
	hub := publisher.NewLink(c, slog.New(slog.DiscardHandler))
	t.Cleanup(hub.Close)
	p, err := publisher.Open(c, hub, publisher.Options{Registry: s.serve("selat-feed")})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	s.running(p.Run)
}

// sink writes a file, and tells a receiver that refuses everything for good.
func (s *station) sink() {
	t, dir := s.t, s.t.TempDir()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}))
	t.Cleanup(receiver.Close)
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("sixteen characters or more"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "sinks.yaml"), []byte("credentials: "+s.creds["my/sensor"]+`
sinks:
  list: {format: list, exposure: organization, path: list.txt, interval: 1s}
  hook: {format: webhook, exposure: organization, set_aside_after: 1, options: {url: "`+receiver.URL+`", secret-file: `+filepath.Join(dir, "secret")+`, tries: "1"}}
`), 0o600))
	c, err := sinks.Load(filepath.Join(dir, "sinks.yaml"))
	must(t, err)
	d, err := sinks.Open(c, sinks.Options{Logger: slog.New(slog.DiscardHandler), Metrics: s.serve("selat-sink")})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	s.running(func(ctx context.Context) error {
		return d.Run(ctx, func(ctx context.Context) (*client.Client, error) {
			return client.Connect(ctx, client.Options{CredsFile: s.creds["my/sensor"]})
		})
	})
}
