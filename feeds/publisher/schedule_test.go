package publisher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// clock stands still until a test lets one who waits for it go on.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits chan waiting
}

type waiting struct {
	d  time.Duration
	on chan struct{}
}

func newClock(now time.Time) *clock { return &clock{now: now, waits: make(chan waiting)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	w := waiting{d, make(chan struct{})}
	select {
	case c.waits <- w:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.on:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next is who waits next.
func (c *clock) next(t testing.TB) waiting {
	t.Helper()
	select {
	case w := <-c.waits:
		return w
	case <-time.After(time.Minute):
		t.Fatal("nobody waits for the clock")
		return waiting{}
	}
}

// pass lets the time pass that somebody waits for.
func (c *clock) pass(w waiting) {
	c.mu.Lock()
	c.now = c.now.Add(w.d)
	c.mu.Unlock()
	close(w.on)
}

// running runs a publisher until stop is called.
func running(t *testing.T, c *Config, hub Submitter, o Options) (p *Publisher, stop func()) {
	t.Helper()
	p, err := Open(c, hub, o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); must(t, <-done); must(t, p.Close()) }) }
	t.Cleanup(stop)
	return p, stop
}

func put(t testing.TB, name, content string) {
	t.Helper()
	must(t, os.WriteFile(name, []byte(content), 0o600))
}

func TestADaemonReadsAtItsHourEachDay(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "list"), "bad.example\n")
	c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    file: "+filepath.Join(dir, "list")+"\n    at: \"03:30\"\n")
	k := newClock(time.Date(2026, 8, 20, 1, 0, 0, 0, time.UTC))
	hub := newAcceptor()
	_, _ = running(t, c, hub, Options{Now: k.Now, Wait: k.Wait})
	for day := range 3 {
		w := k.next(t)
		at := k.Now().Add(w.d)
		from := time.Date(2026, 8, 20+day, 3, 30, 0, 0, time.UTC)
		if at.Before(from) || !at.Before(from.Add(time.Minute)) {
			t.Errorf("at %s it waits until %s, not %s", k.Now(), at, from)
		}
		put(t, filepath.Join(dir, "list"), fmt.Sprintf("bad.example\nday%d.example\n", day))
		k.pass(w)
		// It is read before the next time is waited for.
	}
	w := k.next(t)
	if at := k.Now().Add(w.d); at.Day() != 23 {
		t.Errorf("then it waits until %s", at)
	}
	<-hub.got
}

func TestHowLongADaemonWaitsIsAsTheConfigurationSays(t *testing.T) {
	for _, s := range []struct {
		more        string
		least, most time.Duration
	}{
		{"    file: x\n", time.Hour, 66 * time.Minute},
		{"    folder: x\n", time.Minute, 66 * time.Second},
		{"    file: x\n    every: 20m\n", 20 * time.Minute, 22 * time.Minute},
		{"    file: x\n    at: \"00:00\"\n", 22 * time.Hour, 22*time.Hour + time.Minute},
		{"    file: x\n    at: \"02:00\"\n", 24 * time.Hour, 24*time.Hour + time.Minute}, // it is two o'clock now
	} {
		c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n"+s.more)
		p, err := Open(c, nil, Options{Now: newClock(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)).Now})
		must(t, err)
		for range 20 {
			if d := p.pause(c.Feeds["a"]); d < s.least || d > s.most {
				t.Errorf("%q waits %s", s.more, d)
			}
		}
		must(t, p.Close())
	}
}

func TestAFeedThatFailsIsTriedAgainSoonerAndThenLessOften(t *testing.T) {
	c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    file: absent\n    every: 24h\n")
	k := newClock(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC))
	registry := prometheus.NewPedanticRegistry()
	_, stop := running(t, c, newAcceptor(), Options{Now: k.Now, Wait: k.Wait, Registry: registry})
	for _, minutes := range []int{2, 4, 8, 16, 32, 64, 64} {
		w := k.next(t)
		if w.d != time.Duration(minutes)*time.Minute {
			t.Errorf("it waits %s, not %d minutes", w.d, minutes)
		}
		k.pass(w)
	}
	w := k.next(t)
	put(t, c.Feeds["a"].File, "bad.example\n")
	k.pass(w)
	if w := k.next(t); w.d < 24*time.Hour {
		t.Errorf("after a success it waits %s", w.d)
	}
	stop()
	if n := gathered(t, registry)["selat_feed_failures_total a"]; n != 8 {
		t.Errorf("it counts %v failures", n)
	}
}

func TestAFileThatComesIntoAWatchedFolderIsReadBeforeItsTime(t *testing.T) {
	c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    folder: in\n    every: 24h\n")
	must(t, os.Mkdir(c.Feeds["a"].Folder, 0o700))
	hub := newAcceptor()
	// Files lie still, and the next day never comes: only a file ends that.
	running(t, c, hub, Options{Wait: func(ctx context.Context, d time.Duration) error {
		if d == settleWait {
			return ctx.Err()
		}
		<-ctx.Done()
		return ctx.Err()
	}})
	for n := range 3 {
		put(t, filepath.Join(c.Feeds["a"].Folder, fmt.Sprint(n)), fmt.Sprintf("bad%d.example\n", n))
		select {
		case <-hub.got:
		case <-time.After(time.Minute):
			t.Fatal("it was not read")
		}
	}
	hub.mu.Lock()
	defer hub.mu.Unlock()
	if len(hub.seen) != 3 {
		t.Errorf("%d objects came", len(hub.seen))
	}
}

func TestMetricsSayWhatWasReadAndSent(t *testing.T) {
	c := load(t, "namespace: cert.example\nfeeds:\n  a:\n    format: list\n    file: list\n")
	put(t, c.Feeds["a"].File, "bad.example\nworse.example\n10.0.0.1\n192.168.0.1\nno value\n")
	k := newClock(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC))
	registry := prometheus.NewPedanticRegistry()
	hub := newAcceptor()
	_, stop := running(t, c, hub, Options{Now: k.Now, Wait: k.Wait, Registry: registry})
	k.next(t)
	<-hub.got
	want := map[string]float64{
		"selat_feed_objects_total  a accepted":             2,
		"selat_feed_rows_total a":                          5,
		"selat_feed_rows_refused_total invalid-value a":    1,
		"selat_feed_rows_refused_total reserved-address a": 2,
		"selat_feed_outbox_objects a":                      0,
		"selat_feed_outbox_oldest_timestamp_seconds a":     0,
		"selat_feed_last_success_timestamp_seconds a":      float64(k.Now().Unix()),
		"selat_feed_dead_letters a":                        0,
		"selat_feed_failures_total a":                      0,
		"selat_feed_interval_seconds a":                    3600,
		"selat_feed_read_seconds a":                        1,
		"selat_feed_submit_seconds a":                      1,
	}
	// The sender tells once it has settled what was sent.
	for deadline := time.Now().Add(time.Minute); !cmp.Equal(want, gathered(t, registry)) && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	stop()
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Error(diff)
	}
}

// gathered is each value by its name and what its labels say, in their order; of a
// histogram, how much it counts.
func gathered(t testing.TB, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}
