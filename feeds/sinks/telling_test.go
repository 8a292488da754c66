package sinks_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// slow is a receiver that takes its time with what it is told first: until it is let
// go, or told to stop.
type slow struct {
	teller
	begun, let chan struct{}
	busy       atomic.Bool
}

func (s *slow) Tell(ctx context.Context, events []sink.Event) error {
	if s.begun != nil {
		s.busy.Store(true)
		defer s.busy.Store(false)
		close(s.begun)
		s.begun = nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.let:
		}
	}
	return s.teller.Tell(ctx, events)
}

func TestARecallIsCarriedOutOnceNoReceiverIsBeingToldOfItsObject(t *testing.T) {
	for name, c := range map[string]struct {
		recalled int
		busy     bool
		want     []string
	}{
		"an object that is on its way":        {1, false, []string{"created o2v1.example", "recalled"}},
		"one that is not disturbs no other's": {3, true, []string{"created o1v1.example", "created o2v1.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sinks.OpenState("state", vfs.NewMem(), nil)
			must(t, err)
			defer func() { must(t, s.Close()) }()
			must(t, s.Follow("hook", &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, epoch))
			for i := range 2 {
				must(t, s.Put(thing{id: i + 1, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
			}
			r := &slow{begun: make(chan struct{}), let: make(chan struct{})}
			begun, told := r.begun, make(chan error)
			go func() {
				_, err := s.Tell(t.Context(), "hook", r)
				told <- err
			}()
			<-begun
			_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: c.recalled}.stix()}, epoch)
			must(t, err)
			if got := r.busy.Load(); got != c.busy {
				t.Errorf("the recall is carried out, and that the receiver is being told is %t", got)
			}
			close(r.let)
			must(t, <-told)
			if !slices.Equal(r.told, c.want) {
				t.Errorf("it was told %q, not %q", r.told, c.want)
			}
		})
	}
}

func TestAnEventThatWaitsIsNotToldToWhomItsObjectIsNotForNow(t *testing.T) {
	fs := vfs.NewMem()
	s, err := sinks.OpenState("state", fs, nil)
	must(t, err)
	must(t, s.Follow("hook", &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposeOrganization}}, epoch))
	must(t, s.Put(thing{id: 1, version: 1, audience: "asean", level: stix.Amber}.delivery(), epoch))
	must(t, s.Close())
	s, err = sinks.OpenState("state", fs, nil)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Follow("hook", &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, epoch))
	must(t, s.Put(thing{id: 1, version: 2, audience: "region", level: stix.Clear}.delivery(), epoch))
	r := &teller{}
	_, err = s.Tell(t.Context(), "hook", r)
	must(t, err)
	if want := []string{"recalled", "created o1v2.example"}; !slices.Equal(r.told, want) {
		t.Errorf("it was told %q, not %q", r.told, want)
	}
}
