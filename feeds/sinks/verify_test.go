package sinks_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

const listConfig = "sinks: {domains: {format: list, path: domains.txt, exposure: organization}}\n"

// verified compares, and returns the stream of one place.
func (s *site) verified(audience string, level stix.Level) (v *sinks.Verified, one sinks.VerifiedStream) {
	s.t.Helper()
	s.with(func(d *sinks.Daemon) {
		var err error
		v, err = d.Verify(s.t.Context(), s.seat)
		must(s.t, err)
	})
	for _, x := range v.Streams {
		if x.Audience == audience && x.Level == level {
			one = x
		}
	}
	return v, one
}

// stands holds a stream against what is said of it.
func (s *site) stands(what, audience string, level stix.Level, equal bool, want sinks.VerifiedStream) {
	s.t.Helper()
	v, got := s.verified(audience, level)
	got.Stream, got.Audience, got.Level = "", "", stix.NoLevel
	if diff := cmp.Diff(want, got); diff != "" || v.Equal() != equal {
		s.t.Errorf("%s: equal is %t; %s", what, v.Equal(), diff)
	}
}

func TestAStateIsComparedWithWhatTheHubListsForItsSeat(t *testing.T) {
	s := newSite(t, listConfig)
	address := []byte(`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--00000000-0000-4000-8000-000000000001","value":"192.0.2.1"}`)
	s.publish("asean", indicator(1, 1, stix.Green), indicator(2, 1, stix.Green), indicator(3, 1, stix.Green), address)
	s.publish("asean", indicator(1, 2, stix.Green))
	s.once()
	s.stands("all came", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 5, Held: 5})

	s.publish("asean", indicator(4, 1, stix.Green))
	s.stands("one is on its way", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 6, Held: 5, Waiting: 1})

	s.recall(api.RecallRequest{ID: id(2)})
	s.stands("an order waits", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 5, Held: 5, Waiting: 1, ToForget: 1})
	s.once()
	s.stands("it was followed", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 5, Held: 5})

	s.publish("asean", indicator(3, 2, stix.Amber))
	s.once()
	s.stands("narrowed, and followed by its stricter version", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 4, Held: 4})

	state, err := sinks.OpenState(filepath.Join(s.dir, "sinks-state", "objects"), nil, nil)
	must(t, err)
	stray := indicator(9, 1, stix.Green)
	must(t, state.Put(&client.Delivery{Object: stray, ID: id(9), Type: "indicator", Version: "2026-01-01T00:00:00.001Z", Origin: "sg", Audience: "asean", Level: stix.Green, SHA256: sha256.Sum256(stray)}, time.Now()))
	must(t, state.Close())
	s.stands("held, and not the hub's", "asean", stix.Green, false, sinks.VerifiedStream{Hub: 4, Held: 5, Extra: 1, Examples: []string{id(9)}})

	must(t, s.Leave(t.Context(), "asean", "my"))
	if v, one := s.verified("asean", stix.Green); !v.Equal() || v.NotOpen != 6 || one.Hub != 0 {
		t.Errorf("after leaving: %+v", v)
	}
}

func TestWhatWasNarrowedAndIsKeptIsCountedSo(t *testing.T) {
	s := newSite(t, listConfig)
	s.seat = s.connect("us/desk", policy.Subscriber, stix.Amber) // us is not of asean
	s.publish("region", indicator(1, 1, stix.Green))
	s.once()
	s.publish("asean", indicator(1, 2, stix.Amber))
	s.once()
	s.stands("its stricter version never comes", "region", stix.Green, true, sinks.VerifiedStream{Held: 1, Kept: 1})
}

func TestWhatTheStateLostIsMissingUntilItIsRepaired(t *testing.T) {
	s := newSite(t, listConfig)
	s.publish("asean", indicator(1, 1, stix.Green), indicator(2, 1, stix.Green))
	s.publish("asean", indicator(3, 1, stix.Amber))
	s.publish("region", indicator(4, 1, stix.Green))
	s.once()
	lose := func() { must(t, os.RemoveAll(filepath.Join(s.dir, "sinks-state", "objects"))) }
	lose()
	s.stands("nothing is left", "asean", stix.Green, false, sinks.VerifiedStream{Hub: 2, Missing: 2, FirstMissing: 1, Examples: []string{id(1), id(2)}})
	s.with(func(d *sinks.Daemon) {
		v, err := d.Verify(t.Context(), s.seat)
		must(t, err)
		if gaps := v.Gaps(); len(gaps) != 3 {
			t.Errorf("%+v", gaps)
		}
		must(t, d.Repair(t.Context(), s.seat, v, idle))
		if v, err = d.Verify(t.Context(), s.seat); err != nil || !v.Equal() {
			t.Errorf("after the repair: %+v, %v", v, err)
		}
	})
	if got := count(t, filepath.Join(s.dir, "domains.txt")); got != 4 {
		t.Errorf("%d lines after the repair, not 4", got)
	}

	// A daemon that runs does it beside its work.
	lose()
	d := s.daemon()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, s.again("my/sensor")) }()
	v, err := d.Verify(t.Context(), s.seat)
	must(t, err)
	if len(v.Gaps()) != 3 {
		t.Errorf("lost once more: %+v", v)
	}
	must(t, d.Replay(t.Context(), v))
	await(t, "the daemon has received it again", func() bool {
		v, err := d.Verify(t.Context(), s.seat)
		return err == nil && v.Equal() && v.Streams[0].Waiting == 0 && held(v) == 4
	})
	cancel()
	must(t, <-ended)
	must(t, d.Close())
}

func TestARepairOfWhatTheSeatMayNotReadAnyMoreEndsNoDaemon(t *testing.T) {
	s := newSite(t, listConfig)
	s.publish("asean", indicator(1, 1, stix.Amber))
	s.once()
	must(t, os.RemoveAll(filepath.Join(s.dir, "sinks-state", "objects")))
	s.with(func(d *sinks.Daemon) {
		v, err := d.Verify(t.Context(), s.seat)
		must(t, err)
		if len(v.Gaps()) != 1 {
			t.Errorf("%+v", v)
		}
		must(t, s.Leave(t.Context(), "asean", "my"))
		must(t, d.Repair(t.Context(), s.seat, v, idle))
	})
}

func TestARepairWritesEveryFileThoughAConsumerCannotForget(t *testing.T) {
	s := newSite(t, `sinks:
  deaf: {format: list, path: deaf.txt, exposure: community, reload: ['false']}
  good: {format: list, path: domains.txt, exposure: community}
`)
	s.publish("asean", indicator(1, 1, stix.Green), indicator(2, 1, stix.Green))
	s.with(func(d *sinks.Daemon) {
		if err := d.Once(t.Context(), s.seat, idle, false); err == nil {
			t.Error("a consumer that cannot load is not told of")
		}
	})
	s.recall(api.RecallRequest{ID: id(1)})
	good := filepath.Join(s.dir, "domains.txt")
	s.with(func(d *sinks.Daemon) {
		must(t, os.Remove(good))
		err := d.Repair(t.Context(), s.seat, &sinks.Verified{}, idle)
		if err == nil || errors.Is(err, client.ErrNotForgotten) || !strings.Contains(err.Error(), "deaf") {
			t.Errorf("%v", err)
		}
	})
	if got := linesIn(t, good); len(got) != 1 || got[0] != "o2v1.example" {
		t.Errorf("the other file has %v", got)
	}
}

func held(v *sinks.Verified) (n int) {
	for _, s := range v.Streams {
		n += s.Held
	}
	return n
}

// await returns once something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it did not come to be that %s", what)
		}
	}
}

func TestWhatCameBeforeTheStartIsNotMissed(t *testing.T) {
	s := newSite(t, "since: 1h\n"+listConfig)
	s.publish("asean", indicator(1, 1, stix.Green))
	// The daemon's first start is two hours later, by its clock.
	c, err := sinks.Load(filepath.Join(s.dir, "sinks.yaml"))
	must(t, err)
	d, err := sinks.Open(c, sinks.Options{Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	must(t, err)
	must(t, d.Once(t.Context(), s.seat, idle, false))
	must(t, d.Close())
	s.stands("before its start", "asean", stix.Green, true, sinks.VerifiedStream{Hub: 1, BeforeStart: 1})
}

func TestWhatIsOlderThanARosterPlaceIsNotExtra(t *testing.T) {
	s := newSite(t, listConfig)
	s.publish("asean", indicator(1, 1, stix.Amber))
	s.once()
	must(t, s.Leave(t.Context(), "asean", "my"))
	must(t, s.Join(t.Context(), "asean", "my", false))
	s.stands("before it joined again", "asean", stix.Amber, true, sinks.VerifiedStream{Held: 1, BeforeOpen: 1})
	s.publish("asean", indicator(2, 1, stix.Amber))
	s.stands("with something new", "asean", stix.Amber, true, sinks.VerifiedStream{Hub: 1, Held: 1, BeforeOpen: 1, Waiting: 1})
}

func TestARecallIsAcknowledgedOnceNoFileShowsTheObject(t *testing.T) {
	s := newSite(t, listConfig)
	s.publish("asean", indicator(1, 1, stix.Green), indicator(2, 1, stix.Green))
	s.once()
	file := filepath.Join(s.dir, "domains.txt")
	broken := filepath.Join(s.dir, "broken")
	must(t, os.WriteFile(broken, nil, 0o600))
	s.configure(fmt.Sprintf("sinks: {domains: {format: list, path: domains.txt, exposure: organization, interval: 1s, check: [test, '!', -e, %q]}}\n", broken))
	outstanding := func() int {
		st, err := s.feed.RecallStatus(t.Context(), id(1))
		must(t, err)
		for _, m := range st.Recalls[0].Members {
			if m.Member == "my" {
				return m.Seats - m.Acknowledged
			}
		}
		return 0
	}
	d := s.daemon()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, s.again("my/sensor")) }()
	s.recall(api.RecallRequest{ID: id(1)})
	awaitTrue(t, "the state has forgotten it", func() bool {
		v, err := d.Verify(t.Context(), s.seat)
		must(t, err)
		for _, x := range v.Streams {
			if x.Audience == "asean" && x.Level == stix.Green {
				return x.Held == 1
			}
		}
		return false
	})
	if n := outstanding(); n != 1 {
		t.Errorf("%d seats have not acknowledged, not 1", n)
	}
	if got := linesIn(t, file); len(got) != 2 {
		t.Errorf("a file that nothing passes the check for has %v", got)
	}
	must(t, os.Remove(broken))
	awaitTrue(t, "the order is acknowledged", func() bool { return outstanding() == 0 })
	if got := linesIn(t, file); len(got) != 1 || got[0] != "o2v1.example" {
		t.Errorf("the file has %v", got)
	}
	cancel()
	must(t, <-ended)
	must(t, d.Close())
}

func awaitTrue(t *testing.T, what string, true_ func() bool) {
	t.Helper()
	for end := time.After(time.Minute); !true_(); {
		select {
		case <-end:
			t.Fatal("it never came to this: " + what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestASinkThatCannotForgetKeepsNoOtherFromIt(t *testing.T) {
	s := newSite(t, `sinks:
  good: {format: list, path: domains.txt, exposure: community}
  deaf: {format: list, path: deaf.txt, exposure: community, reload: ['false']}
`)
	const n = 1100 // more than the hub sends of a stream without an acknowledgement
	var objects [][]byte
	for i := range n + 1 {
		objects = append(objects, indicator(i, 1, stix.Green))
	}
	s.publish("asean", objects...)
	s.with(func(d *sinks.Daemon) {
		if err := d.Once(t.Context(), s.seat, idle, false); err == nil {
			t.Error("a consumer that cannot load is not told of")
		}
	})
	for i := range n {
		objects[i] = indicator(i, 2, stix.Amber)
	}
	s.publish("asean", objects[:n]...)
	s.with(func(d *sinks.Daemon) {
		if err := d.Once(t.Context(), s.seat, idle, false); err == nil || !strings.Contains(err.Error(), "deaf") || strings.Contains(err.Error(), "good") {
			t.Errorf("%v", err)
		}
	})
	for _, file := range []string{"domains.txt", "deaf.txt"} {
		if got := linesIn(t, filepath.Join(s.dir, file)); len(got) != 1 {
			t.Errorf("%s has %d lines, not 1", file, len(got))
		}
	}
}
