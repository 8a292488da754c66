package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// teller is a receiver of events that can be away.
type teller struct {
	away bool
	told []string // kind, and the domain where there is an object
}

func (r *teller) Tell(_ context.Context, events []sink.Event) error {
	if r.away {
		return errors.New("nobody listens")
	}
	for _, e := range events {
		what := string(e.Kind)
		if _, after, ok := strings.Cut(string(e.Entry.Object), "domain-name:value = '"); ok {
			domain, _, _ := strings.Cut(after, "'")
			what += " " + domain
		}
		r.told = append(r.told, what)
	}
	return nil
}

func (*teller) Close() error { return nil }

// step is something that happens to a state; it is told to the stream after each
// unless that is away.
type step func(t *testing.T, s *sinks.State, r *teller, now *time.Time)

func receive(x thing) step {
	return func(t *testing.T, s *sinks.State, _ *teller, now *time.Time) { must(t, s.Put(x.delivery(), *now)) }
}

func order(o api.RecallOrder) step {
	return func(t *testing.T, s *sinks.State, _ *teller, now *time.Time) {
		o.Origin = "sg"
		_, err := s.Recall(&o, *now)
		must(t, err)
	}
}

func narrowed(o api.RecallOrder) step {
	return func(t *testing.T, s *sinks.State, _ *teller, now *time.Time) {
		o.Origin = "sg"
		must(t, s.Narrow(&o, *now))
	}
}

func away(_ *testing.T, _ *sinks.State, r *teller, _ *time.Time)  { r.away = true }
func again(_ *testing.T, _ *sinks.State, r *teller, _ *time.Time) { r.away = false }

func strip(t *testing.T, s *sinks.State, _ *teller, now *time.Time) {
	_, err := s.Strip(*now)
	must(t, err)
}

func later(d time.Duration) step {
	return func(t *testing.T, s *sinks.State, _ *teller, now *time.Time) {
		*now = epoch.Add(d)
		_, err := s.Due(*now)
		must(t, err)
	}
}

func TestAStreamIsToldThatAnObjectLeftAndNothingItMayNotSee(t *testing.T) {
	public := func(version int) thing {
		return thing{id: 1, version: version, audience: "region", level: stix.Clear, until: time.Hour}
	}
	revoked := func(version int) thing { x := public(version); x.revoked = true; return x }
	amber := thing{id: 1, version: 2, audience: "asean", level: stix.Amber}
	toAmber := api.RecallOrder{ID: amber.stix(), Before: amber.modified(), Level: stix.Clear, Unless: stix.Amber}
	drill := thing{id: 1, version: 9, audience: policy.Drill, level: stix.Clear}
	for name, c := range map[string]struct {
		steps []step
		want  []string
	}{
		"an object of its own exercise is not told with a revocation": {
			[]step{receive(public(1)), receive(drill), receive(revoked(2))},
			[]string{"created o1v1.example", "revoked o1v2.example"}},
		"nor with an expiry": {
			[]step{receive(public(1)), receive(drill), later(2 * time.Hour)},
			[]string{"created o1v1.example", "expired o1v1.example"}},
		"one that expired and was recalled while the receiver was away": {
			[]step{receive(public(1)), away, later(2 * time.Hour), order(api.RecallOrder{ID: public(1).stix()}), again},
			[]string{"created o1v1.example", "recalled"}},
		"one that was revoked and recalled while the receiver was away": {
			[]step{receive(public(1)), away, receive(revoked(2)), order(api.RecallOrder{ID: public(1).stix()}), again},
			[]string{"created o1v1.example", "recalled"}},
		"one that was narrowed before it was told is never told": {
			[]step{away, receive(public(1)), receive(amber), again},
			[]string{"recalled"}},
		"one that expired and was narrowed while the receiver was away": {
			[]step{receive(public(1)), away, later(2 * time.Hour), receive(amber), again},
			[]string{"created o1v1.example", "recalled"}},
		"one that ended long ago is told with its object if it waited": {
			[]step{receive(public(1)), away, receive(revoked(2)), later(48 * time.Hour), strip, again},
			[]string{"created o1v1.example", "revoked o1v2.example"}},
		"one that ended so long ago that it is not kept is told without, when a later one is recalled": {
			[]step{receive(public(1)), later(48 * time.Hour), strip, receive(thing{id: 1, version: 2, audience: "region", level: stix.Clear}),
				order(api.RecallOrder{ID: public(1).stix(), Version: public(2).modified()})},
			[]string{"created o1v1.example", "expired o1v1.example", "created o1v2.example", "recalled"}},
		"one that is narrowed leaves before its stricter version comes, and not twice": {
			[]step{receive(public(1)), narrowed(toAmber), order(api.RecallOrder{ID: amber.stix(), Version: amber.modified()})},
			[]string{"created o1v1.example", "recalled"}},
		"and does not come back when the stricter version is recalled": {
			[]step{receive(public(1)), narrowed(toAmber), receive(amber), order(api.RecallOrder{ID: amber.stix(), Version: amber.modified()})},
			[]string{"created o1v1.example", "recalled"}},
		"one that was recalled before it was told is never told": {
			[]step{away, receive(public(1)), order(api.RecallOrder{ID: public(1).stix()}), again},
			[]string{"recalled"}},
	} {
		t.Run(name, func(t *testing.T) {
			now := epoch
			s, err := sinks.OpenState("state", vfs.NewMem(), nil)
			must(t, err)
			defer func() { must(t, s.Close()) }()
			must(t, s.Follow("hook", &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, now))
			r := &teller{}
			for _, do := range c.steps {
				do(t, s, r, &now)
				if _, err := s.Tell(t.Context(), "hook", r); err != nil && !r.away {
					t.Fatal(err)
				}
			}
			if !slices.Equal(r.told, c.want) {
				t.Errorf("it was told %q, not %q", r.told, c.want)
			}
		})
	}
}

// listOf is a state with a file of so many domains of region in it.
func listOf(t *testing.T, things int, check, reload []string) (*sinks.State, *sinks.Output) {
	t.Helper()
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	for i := range things {
		must(t, s.Put(thing{id: i, version: 1, audience: "region", level: stix.Clear, until: time.Hour}.delivery(), epoch))
	}
	o := domains(t, filepath.Join(t.TempDir(), "list.txt"), nil)
	o.Check, o.Reload = check, reload
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	return s, o
}

// domains is a sink as a daemon makes it when it starts.
func domains(t *testing.T, path string, allow *sink.Allow) *sinks.Output {
	t.Helper()
	f, err := sink.FormatNamed("list")
	must(t, err)
	list, err := f.File(sink.Settings{Allow: allow})
	must(t, err)
	return &sinks.Output{Name: "list", Path: path, View: sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, File: list, Mode: 0o640, Shrink: 50}
}

func shows(t *testing.T, o *sinks.Output) int {
	t.Helper()
	b, err := os.ReadFile(o.Path)
	must(t, err)
	return strings.Count(string(b), ".example\n")
}

func TestTheShrinkGuardHoldsBackWhatLeftByItself(t *testing.T) {
	recallMost := func(t *testing.T, s *sinks.State) {
		for i := range 30 {
			_, err := s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: i}.stix()}, epoch)
			must(t, err)
		}
	}
	narrowMost := func(t *testing.T, s *sinks.State) {
		for i := range 30 {
			must(t, s.Put(thing{id: i, version: 2, audience: "asean", level: stix.Amber}.delivery(), epoch))
		}
	}
	exercises := func(t *testing.T, s *sinks.State) {
		for i := range 40 {
			must(t, s.Put(thing{id: i, version: 2, audience: policy.Drill, level: stix.Clear}.delivery(), epoch))
		}
	}
	for name, c := range map[string]struct {
		happen  []func(*testing.T, *sinks.State)
		at      time.Duration
		lines   int
		guarded bool
	}{
		"what expired all at once is held back":                       {nil, 2 * time.Hour, 40, true},
		"what was recalled leaves, and alone is no reason":            {[]func(*testing.T, *sinks.State){recallMost}, 0, 10, false},
		"what was narrowed leaves, and alone is no reason":            {[]func(*testing.T, *sinks.State){narrowMost}, 0, 10, false},
		"what is left of few may expire":                              {[]func(*testing.T, *sinks.State){recallMost}, 2 * time.Hour, 0, false},
		"what expired is held back though exercises have later forms": {[]func(*testing.T, *sinks.State){exercises}, 2 * time.Hour, 40, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := listOf(t, 40, nil, nil)
			for _, f := range c.happen {
				f(t, s)
			}
			w, err := s.Write(t.Context(), o, epoch.Add(c.at), false)
			if got := errors.Is(err, sinks.ErrShrink); got != c.guarded || w.Guarded != c.guarded || err != nil && !got {
				t.Errorf("guarded is %t (%v), not %t", w.Guarded, err, c.guarded)
			}
			if got := shows(t, o); got != c.lines {
				t.Errorf("%d lines, not %d", got, c.lines)
			}
			if !c.guarded {
				return
			}
			if _, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: 7}.stix()}, epoch); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(t.Context(), o, epoch.Add(c.at), false); !errors.Is(err, sinks.ErrShrink) || shows(t, o) != c.lines-1 {
				t.Errorf("after a recall under the guard: %v, %d lines", err, shows(t, o))
			}
			if _, err := s.Write(t.Context(), o, epoch.Add(c.at), true); err != nil || shows(t, o) != 0 {
				t.Errorf("accepted: %v, %d lines", err, shows(t, o))
			}
		})
	}
}

func TestANarrowedVersionCountsForWhoMayKeepItUntilTheStricterOneGoes(t *testing.T) {
	s, o := listOf(t, 3, nil, nil)
	o.View.Outlet.Exposure = policy.ExposeClients
	amber := thing{id: 1, version: 2, audience: "asean", level: stix.Amber}
	must(t, s.Narrow(&api.RecallOrder{Origin: "sg", ID: amber.stix(), Before: amber.modified(), Level: stix.Clear, Unless: stix.Amber}, epoch))
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if got := shows(t, o); got != 3 {
		t.Errorf("narrowed: %d lines, not 3", got)
	}
	_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: amber.stix(), Version: amber.modified(), Level: stix.Amber}, epoch)
	must(t, err)
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if got := shows(t, o); got != 2 {
		t.Errorf("recalled before it came: %d lines, not 2", got)
	}
}

func TestAnAllowListThatGrewIsInTheFileAfterARestart(t *testing.T) {
	s, o := listOf(t, 3, nil, nil)
	allow, err := sink.ReadAllow(strings.NewReader("o1v1.example\n"))
	must(t, err)
	o = domains(t, o.Path, allow)
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if got := shows(t, o); got != 2 {
		t.Errorf("%d lines, not 2", got)
	}
}

func TestAFileIsReplacedOnlyByWhatPassesItsCheck(t *testing.T) {
	s, o := listOf(t, 3, nil, nil)
	must(t, s.Put(thing{id: 4, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
	o.Check = []string{"false"}
	if _, err := s.Write(t.Context(), o, epoch, false); err == nil || shows(t, o) != 3 {
		t.Errorf("with a check that fails: %v, %d lines", err, shows(t, o))
	}
	o.Check = []string{"test", "-s", "{}"}
	if _, err := s.Write(t.Context(), o, epoch, false); err != nil || shows(t, o) != 4 {
		t.Errorf("with one that passes: %v, %d lines", err, shows(t, o))
	}
	if st, err := os.Stat(o.Path); err != nil || st.Mode() != fs.FileMode(0o640) {
		t.Errorf("it has mode %v (%v)", st.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(o.Path))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("beside it lies what did not become it: %v", left)
	}
}

func TestAConsumerIsToldOnceOfEachChangeAndAgainIfItFailed(t *testing.T) {
	dir := t.TempDir()
	note, broken := filepath.Join(dir, "reloads"), filepath.Join(dir, "broken")
	script := filepath.Join(dir, "reload")
	must(t, os.WriteFile(script, []byte(fmt.Sprintf("#!/bin/sh\necho >>%s\ntest ! -e %s\n", note, broken)), 0o700))
	reloads := func() int {
		b, err := os.ReadFile(note)
		must(t, err)
		return len(b)
	}
	s, o := listOf(t, 3, nil, []string{script})
	write := func(o *sinks.Output) error {
		_, err := s.Write(t.Context(), o, epoch, false)
		return err
	}
	must(t, write(o))
	must(t, write(o))
	if got := reloads(); got != 1 {
		t.Errorf("%d reloads of what did not change, not 1", got)
	}
	restarted := domains(t, o.Path, nil)
	restarted.Reload = o.Reload
	must(t, write(restarted))
	if got := reloads(); got != 1 {
		t.Errorf("%d reloads after a restart without a change, not 1", got)
	}
	must(t, os.WriteFile(broken, nil, 0o600))
	must(t, s.Put(thing{id: 4, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
	if err := write(restarted); err == nil || reloads() != 2 {
		t.Errorf("a reload that fails: %v, %d reloads", err, reloads())
	}
	must(t, os.Remove(broken))
	must(t, write(restarted))
	must(t, write(restarted))
	if got := reloads(); got != 3 {
		t.Errorf("%d reloads, not 3", got)
	}
}

func TestAReloadWaitsForItsTimeAndTheFileDoesNot(t *testing.T) {
	note := filepath.Join(t.TempDir(), "reloads")
	s, o := listOf(t, 3, nil, []string{"sh", "-c", "echo >>" + note})
	o.ReloadEvery = time.Minute
	for _, c := range []struct {
		after          time.Duration
		recall         int // of so many; -1 is none
		lines, reloads int
		pending        bool
	}{
		{10 * time.Second, 1, 2, 1, true},
		{20 * time.Second, 2, 1, 1, true},
		{59 * time.Second, -1, 1, 1, true},
		{60 * time.Second, -1, 1, 2, false},
		{90 * time.Second, -1, 1, 2, false},
		{120 * time.Second, 0, 0, 3, false},
	} {
		if c.recall >= 0 {
			_, err := s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: c.recall}.stix()}, epoch)
			must(t, err)
		}
		w, err := s.Write(t.Context(), o, epoch.Add(c.after), false)
		must(t, err)
		b, err := os.ReadFile(note)
		must(t, err)
		if shows(t, o) != c.lines || len(b) != c.reloads || w.Reload != c.pending {
			t.Errorf("after %s: %d lines, %d reloads, waiting is %t; not %+v", c.after, shows(t, o), len(b), w.Reload, c)
		}
	}
}

func TestWhatMayNotBeSeenAnyMoreLeavesAFileLongBeforeItsInterval(t *testing.T) {
	s := newSite(t, "sinks: {domains: {format: list, path: domains.txt, exposure: community, interval: 24h, shrink_percent: 100, reload: 'true'}}\n")
	s.publish("asean", indicator(1, 1, stix.Green), indicator(2, 1, stix.Green), indicator(3, 1, stix.Green))
	s.once()
	d := s.daemon()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, s.again("my/sensor")) }()
	file := filepath.Join(s.dir, "domains.txt")
	has := func(domain string) bool {
		b, err := os.ReadFile(file)
		must(t, err)
		return strings.Contains(string(b), domain)
	}
	s.recall(api.RecallRequest{ID: id(1)})
	await(t, "what was recalled has left", func() bool { return !has("o1v1.example") })
	s.publish("asean", indicator(2, 2, stix.Amber))
	await(t, "what became stricter has left", func() bool { return !has("o2v") })
	if !has("o3v1.example") {
		t.Error("what nobody touched has left too")
	}
	all, err := d.Status()
	must(t, err)
	if !all[0].Written.Reload {
		t.Error("no reload waits for the end of the interval")
	}
	cancel()
	must(t, <-ended)
	must(t, d.Close())
}
