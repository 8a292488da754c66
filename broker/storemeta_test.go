package broker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// What a kill leaves between the writing of a stream's settings and that of
// their checksum must not cost the stream, nor the directory, which is one.
func TestAStreamWhoseSettingsWereBeingWrittenIsKept(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave func(t *testing.T, sum string)
	}{
		{"no checksum yet", func(t *testing.T, sum string) { must(t, os.Remove(sum)) }},
		{"the checksum of the settings before", func(t *testing.T, sum string) {
			must(t, os.WriteFile(sum, []byte("0123456789abcdef"), 0o640))
			before := time.Now().Add(-time.Hour)
			must(t, os.Chtimes(sum, before, before))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTestHub(t)
			sg := h.seat("sg/feed", policy.Publisher, stix.Clear)
			my := h.seat("my/desk", policy.Subscriber, stix.Clear)
			if r := sg.submit(bundle(indicator(1, stix.Clear)), "region"); r.Accepted != 1 {
				t.Fatalf("receipt: %+v", r)
			}
			must(t, h.Close())
			sums, err := filepath.Glob(filepath.Join(h.cfg.Data, "streams", "jetstream", "*", "streams", "*", "meta.sum"))
			must(t, err)
			if len(sums) < 30 {
				t.Fatalf("only %d streams on disk", len(sums))
			}
			for _, sum := range sums {
				c.leave(t, sum)
			}
			h.start()
			sg.nc.Close()
			my.nc.Close()
			sg.connect(h.URL())
			my.connect(h.URL())
			if r := sg.submit(bundle(indicator(1, stix.Clear)), "region"); r.Duplicate != 1 {
				t.Errorf("what was accepted before: %+v", r)
			}
			if got := my.drain()["CTI_REGION_CLEAR"]; len(got) != 1 {
				t.Errorf("%d objects delivered", len(got))
			}
			if got := ask[api.Whoami](my, api.SubjectWhoami, nil); len(got.Members) != 12 {
				t.Errorf("the directory has %d members", len(got.Members))
			}
		})
	}
}
