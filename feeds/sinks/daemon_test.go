package sinks_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// hand is a clock that is set by hand. Whoever waits by it is woken by each setting.
type hand struct {
	mu   sync.Mutex
	now  time.Time
	ring chan struct{}
}

func (h *hand) set(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = now
	close(h.ring)
	h.ring = make(chan struct{})
}

func (h *hand) at() (time.Time, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now, h.ring
}

func (h *hand) wait(ctx context.Context, d time.Duration) error {
	now, ring := h.at()
	for until := now.Add(d); now.Before(until); now, ring = h.at() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ring:
		}
	}
	return nil
}

func TestWhatIsOverLeavesThoughThereIsNoHub(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "sinks.yaml")
	must(t, os.WriteFile(file, []byte("sinks:\n  list: {format: list, exposure: public, path: list.txt}\n"), 0o600))
	config, err := sinks.Load(file)
	must(t, err)
	must(t, os.Mkdir(config.State, 0o700))
	s, err := sinks.OpenState(filepath.Join(config.State, "objects"), nil, nil)
	must(t, err)
	must(t, s.Put(thing{id: 1, version: 1, audience: "region", level: stix.Clear, until: time.Hour}.delivery(), epoch))
	must(t, s.Put(thing{id: 2, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
	must(t, s.Close())

	clock := &hand{now: epoch, ring: make(chan struct{})}
	now := func() time.Time { at, _ := clock.at(); return at }
	d, err := sinks.Open(config, sinks.Options{Now: now, Wait: clock.wait})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- d.Run(ctx, func(ctx context.Context) (*client.Client, error) { <-ctx.Done(); return nil, client.ErrUnreachable })
	}()
	for hours, want := range []string{"o1v1.example\no2v1.example\n", "o2v1.example\n"} {
		clock.set(epoch.Add(time.Duration(hours) * time.Hour))
		for end := time.After(time.Minute); ; {
			b, err := os.ReadFile(filepath.Join(dir, "list.txt"))
			if err == nil && string(b) == want {
				break
			}
			select {
			case <-end:
				t.Fatalf("after %d hours the file has %q (%v)", hours, b, err)
			case <-time.After(10 * time.Millisecond):
				clock.set(now().Add(time.Second)) // whoever began to wait just after the hour
			}
		}
	}
	stop()
	must(t, <-ended)
	must(t, d.Close())
}
