package publisher

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// moody is a hub that refuses everything while it is asked to.
type moody struct {
	*acceptor
	refuses atomic.Bool
	refused atomic.Int64
}

func (m *moody) Submit(ctx context.Context, payload []byte, o client.SubmitOptions) (*api.Receipt, error) {
	if !m.refuses.Load() {
		return m.acceptor.Submit(ctx, payload, o)
	}
	objects, err := stix.SplitValidated(payload, stix.DefaultLimits)
	if err != nil {
		return nil, err
	}
	r := &api.Receipt{}
	for i := range objects {
		r.Objects = append(r.Objects, api.ObjectReceipt{Object: i, ID: objects[i].ID, Outcome: api.Refused, Findings: []stix.Finding{{Code: "audience-unknown"}}})
	}
	m.refused.Add(int64(len(objects)))
	return r, nil
}

func TestARunningDaemonIsToldToTryAgainWhatWasRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("bad.example\n203.0.113.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, "namespace: cert.example\nfeeds:\n  in:\n    format: list\n    file: "+filepath.Join(dir, "a.txt")+"\n")
	hub := &moody{acceptor: newAcceptor()}
	hub.refuses.Store(true)
	p, err := Open(c, hub, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	told := func() float64 {
		var m dto.Metric
		if err := p.metrics.dead.WithLabelValues("in").Write(&m); err != nil {
			t.Fatal(err)
		}
		return m.GetGauge().GetValue()
	}
	await := func(what string, so func() bool) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for end := time.After(time.Minute); !so(); {
			select {
			case <-tick.C:
			case <-end:
				t.Fatalf("it did not come to be that %s; %v dead letters are told", what, told())
			}
		}
	}
	await("both are set aside", func() bool { return told() == 2 })
	before := hub.refused.Load()
	if n, err := p.Retry(""); n != 2 || err != nil {
		t.Errorf("%d retried, %v", n, err)
	}
	await("both are refused again", func() bool { return hub.refused.Load() == before+2 })
	hub.refuses.Store(false)
	await("what was refused again is not lost", func() bool {
		if _, err := p.Retry(""); err != nil { // it may be set aside only now
			t.Error(err)
		}
		hub.mu.Lock()
		defer hub.mu.Unlock()
		return len(hub.seen) == 2 && told() == 0
	})
	if all, err := p.Status(); err != nil || all[0].Waiting != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestALetterWithoutItsObjectKeepsNoOtherFromBeingSentAgain(t *testing.T) {
	hub := &moody{acceptor: newAcceptor()}
	hub.refuses.Store(true)
	p := sender(t, hub, item(1), item(2))
	var sent Sent
	must(t, p.drain(t.Context(), p.config.Feeds["f"], &sent))
	dead, err := p.DeadLetters()
	if err != nil || len(dead) != 2 {
		t.Fatalf("%d are set aside, %v", len(dead), err)
	}
	must(t, os.Remove(dead[0].File))
	n, err := p.Retry("")
	waits, _, depth := p.store.Depth("f")
	if err != nil || depth != nil || n != 1 || waits != 1 {
		t.Errorf("%d are sent again, %d wait: %v, %v", n, waits, err, depth)
	}
}
