package sinks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// site is a hub, a seat of sg that publishes to it, and my's folder, in which a
// daemon has its configuration and its state.
type site struct {
	*broker.Hub
	t    *testing.T
	feed *client.Client
	seat *client.Client
	dir  string
	// creds are the seats' credentials files.
	creds map[string]string
}

// newSite makes a site, whose daemon has the sinks and settings of a configuration.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes = 1 << 20
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	hub, err := broker.Start(context.Background(), cfg, nil)
	must(t, err)
	t.Cleanup(func() { must(t, hub.Close()) })
	s := &site{Hub: hub, t: t, dir: t.TempDir(), creds: map[string]string{}}
	s.feed = s.connect("sg/feed", policy.Both, stix.Amber)
	s.seat = s.connect("my/sensor", policy.Subscriber, stix.Amber)
	s.configure(config)
	return s
}

func (s *site) connect(name string, kind policy.Kind, ceiling stix.Level) *client.Client {
	s.t.Helper()
	b, err := s.AddSeat(s.t.Context(), policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling})
	must(s.t, err)
	file := filepath.Join(s.t.TempDir(), "seat.creds")
	must(s.t, os.WriteFile(file, b, 0o600))
	s.creds[name] = file
	c, err := s.again(name)(s.t.Context())
	must(s.t, err)
	s.t.Cleanup(c.Close)
	return c
}

// again connects as a seat once more.
func (s *site) again(name string) sinks.Connect {
	return func(ctx context.Context) (*client.Client, error) {
		return client.Connect(ctx, client.Options{CredsFile: s.creds[name]})
	}
}

func (s *site) configure(config string) {
	must(s.t, os.WriteFile(filepath.Join(s.dir, "sinks.yaml"), []byte(config), 0o600))
}

// daemon opens the daemon, as a start of its program does.
func (s *site) daemon() *sinks.Daemon {
	s.t.Helper()
	c, err := sinks.Load(filepath.Join(s.dir, "sinks.yaml"))
	must(s.t, err)
	d, err := sinks.Open(c, sinks.Options{})
	must(s.t, err)
	return d
}

// with runs something with the daemon open.
func (s *site) with(do func(*sinks.Daemon)) {
	s.t.Helper()
	d := s.daemon()
	do(d)
	must(s.t, d.Close())
}

// idle is how long nothing must come for all to have come.
const idle = 300 * time.Millisecond

func (s *site) once() {
	s.t.Helper()
	s.with(func(d *sinks.Daemon) { must(s.t, d.Once(s.t.Context(), s.seat, idle, false)) })
}

var marks = map[stix.Level]string{
	stix.Clear: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	stix.Green: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	stix.Amber: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
}

// id is that of the object of a number.
func id(n int) string { return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n) }

// indicator is a version of the object of a number, of a domain that has both.
func indicator(n, version int, level stix.Level) []byte {
	return fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.%03dZ","pattern":"[domain-name:value = 'o%dv%d.example']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":[%q]}`,
		id(n), version, n, version, marks[level])
}

func (s *site) publish(to string, objects ...[]byte) {
	s.t.Helper()
	r, err := s.feed.Submit(s.t.Context(), stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", objects...), client.SubmitOptions{To: []string{to}, Unmarked: stix.Green})
	must(s.t, err)
	if r.Accepted+r.Duplicate != len(objects) { // an answer that comes late is asked for again
		s.t.Fatalf("%d are accepted, %d duplicates, %d refused, of %d: %v", r.Accepted, r.Duplicate, r.Refused, len(objects), r.Error)
	}
}

func (s *site) recall(r api.RecallRequest) {
	s.t.Helper()
	r.Reason = "wrong"
	_, err := s.feed.Recall(s.t.Context(), r)
	must(s.t, err)
}
