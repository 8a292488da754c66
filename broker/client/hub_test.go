package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/broker/profile"
	"github.com/selat-hub/selat/stix"
)

func TestMain(m *testing.M) {
	if args := os.Getenv(childVar); args != "" {
		if err := subscribeAndDie(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var marks = map[stix.Level]string{
	stix.Clear:       "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	stix.Green:       "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
	stix.Amber:       "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	stix.AmberStrict: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
	stix.Red:         "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

// indicator is an object written for these tests; n makes its id and pattern.
func indicator(n int, level stix.Level) string {
	refs := ""
	if level != stix.NoLevel {
		refs = fmt.Sprintf(`,"object_marking_refs":[%q]`, marks[level])
	}
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","name":"test %d","pattern":"[ipv4-addr:value = '192.0.2.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"%s}`, indicatorID(n), n, n%250, refs)
}

func indicatorID(n int) string {
	return fmt.Sprintf("indicator--00000000-0000-4000-8000-%012x", n)
}

func bundle(objects ...string) []byte {
	raws := make([][]byte, len(objects))
	for i, o := range objects {
		raws[i] = []byte(o)
	}
	return stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", raws...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func logger(t testing.TB) *slog.Logger {
	if os.Getenv("SELAT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// testHub is a hub on a folder of its own, with the ASEAN profile. It keeps
// its port over a restart, as a real one does.
type testHub struct {
	*broker.Hub
	t   testing.TB
	cfg broker.Config
}

func newHub(t testing.TB, edit ...func(*broker.Config)) *testHub {
	t.Helper()
	cfg := broker.DefaultConfig()
	cfg.Data, cfg.Listen, cfg.HTTP.Listen = filepath.Join(t.TempDir(), "data"), "127.0.0.1:0", ""
	cfg.Store.ReserveBytes = 1 << 20
	for _, e := range edit {
		e(&cfg)
	}
	p, err := profile.Load("asean")
	must(t, err)
	must(t, broker.Init(t.Context(), cfg, p.Region(time.Now().UTC()), nil))
	h := &testHub{t: t, cfg: cfg}
	h.start()
	h.cfg.Listen = h.URL()[len("nats://"):]
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

func (h *testHub) start() {
	h.t.Helper()
	hub, err := broker.Start(context.Background(), h.cfg, nil)
	must(h.t, err)
	h.Hub = hub
}

// creds enrols a seat and returns its credentials file.
func (h *testHub) creds(name string, kind policy.Kind, ceiling stix.Level) string {
	h.t.Helper()
	b, err := h.AddSeat(h.t.Context(), policy.Seat{Name: name, Kind: kind, Standing: policy.Organization, Ceiling: ceiling})
	must(h.t, err)
	path := filepath.Join(h.t.TempDir(), "seat.creds")
	must(h.t, os.WriteFile(path, b, 0o600))
	return path
}

func connect(t testing.TB, creds string) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), client.Options{CredsFile: creds, Logger: logger(t)})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// inbox gathers deliveries.
type inbox struct {
	mu  sync.Mutex
	got []client.Delivery
	add chan struct{}
}

func newInbox() *inbox { return &inbox{add: make(chan struct{}, 1)} }

func (b *inbox) handle(_ context.Context, d client.Delivery) error {
	b.mu.Lock()
	b.got = append(b.got, d)
	b.mu.Unlock()
	select {
	case b.add <- struct{}{}:
	default:
	}
	return nil
}

func (b *inbox) all() []client.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]client.Delivery(nil), b.got...)
}

func (b *inbox) ids() []string {
	var out []string
	for _, d := range b.all() {
		out = append(out, d.ID)
	}
	return out
}

// wait returns once there are n deliveries.
func (b *inbox) wait(t testing.TB, n int) {
	t.Helper()
	for {
		if len(b.all()) >= n {
			return
		}
		select {
		case <-b.add:
		case <-t.Context().Done():
			t.Fatalf("%d of %d deliveries came", len(b.all()), n)
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d deliveries came within 30 s", len(b.all()), n)
		}
	}
}

// background runs Subscribe until stop is called, which returns its error.
func background(t testing.TB, c *client.Client, h client.Handler, o client.SubscribeOptions) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Subscribe(ctx, h, o) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { must(t, stop()) })
	return stop
}
