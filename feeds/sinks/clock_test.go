package sinks_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func TestWhatEndedWhileTheClockWasAheadEndsAgainOnceItIsRight(t *testing.T) {
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Follow("hook", &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, epoch))
	r := &teller{}
	at := func(after time.Duration, next time.Duration, want ...string) {
		t.Helper()
		r.told = nil
		due, err := s.Due(epoch.Add(after))
		must(t, err)
		_, err = s.Tell(t.Context(), "hook", r)
		must(t, err)
		if !slices.Equal(r.told, want) {
			t.Errorf("after %v it was told %q, not %q", after, r.told, want)
		}
		if due.IsZero() != (next == 0) || next != 0 && !due.Equal(epoch.Add(next)) {
			t.Errorf("after %v the next is at %v", after, due)
		}
	}
	put := func(id int, until, now time.Duration) {
		must(t, s.Put(thing{id: id, version: 1, until: until, audience: "region", level: stix.Clear}.delivery(), epoch.Add(now)))
	}
	put(1, time.Hour, 0)
	at(0, time.Hour, "created o1v1.example")
	at(48*time.Hour, 0, "expired o1v1.example")
	put(2, 2*time.Hour, 48*time.Hour)
	at(time.Minute, time.Hour, "created o1v1.example", "created o2v1.example")
	at(61*time.Minute, 2*time.Hour, "expired o1v1.example")
	_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: 2}.stix()}, epoch.Add(61*time.Minute))
	must(t, err)
	at(62*time.Minute, 0, "recalled")
}
