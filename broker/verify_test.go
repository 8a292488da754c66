package broker_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// agrees holds the catalogue against the streams.
func (h *testHub) agrees() {
	h.t.Helper()
	v := h.VerifyCatalogue(true)
	awaitTrue(h.t, 5*time.Minute, "the catalogue is verified", func() bool {
		v = h.VerifyCatalogue(false)
		return !v.Running
	})
	if v.Error != "" || v.Wrong > 0 {
		h.t.Errorf("the catalogue does not agree with the streams: %d differences, %s: %q", v.Wrong, v.Error, v.Differences)
	}
	h.t.Logf("verified: %d objects in %d messages, %d values, %d differences", v.Objects, v.Messages, v.Values, v.Wrong)
}

// A catalogue that is built anew is killed again and again on its way, and goes
// on from where it was each time.
func TestACatalogueOpensAndAgreesWhenTheHubIsKilledWhileItCatchesUp(t *testing.T) {
	cycles := crashCycles(t)
	h := newTestHub(t, func(c *broker.Config) { c.Listen = quietPort(t) })
	s := h.seat("sg/feed", policy.Both, stix.Red)
	for i := range 60 {
		objects := make([]string, 500)
		for j := range objects {
			objects[j] = indicator(i*1000+j, stix.Levels[j%4])
		}
		if r := s.submit(bundle(objects...), "asean"); r.Accepted != len(objects) {
			t.Fatalf("%+v", r.Error)
		}
	}
	must(t, h.Close())
	config := filepath.Join(t.TempDir(), "hub.json")
	b, err := json.Marshal(h.cfg)
	must(t, err)
	must(t, os.WriteFile(config, b, 0o600))
	catalogue := filepath.Join(h.cfg.Data, "catalogue")
	must(t, os.RemoveAll(catalogue))
	early := 0
	for i := range cycles {
		if i%4 == 3 {
			must(t, os.RemoveAll(catalogue)) // from the beginning again
		}
		hub := startProcess(t, config)
		select {
		case <-time.After(time.Duration(50+rand.IntN(600)) * time.Millisecond):
			early++
		case <-hub.ready:
		}
		hub.kill(t)
	}
	h.start()
	t.Logf("%d kills, %d of them before the hub was open; then it recovered %+v", cycles, early, h.Recovered())
	h.agrees()
	if got := h.read(s.account, "everything", 1000); len(got) != 30_000 {
		t.Errorf("of 30000 objects %d are read", len(got))
	}
}
