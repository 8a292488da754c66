package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// plainly makes n indicators of a state of its own, and a list of them.
func plainly(t *testing.T, n int) (*sinks.State, *sinks.Output, []thing) {
	t.Helper()
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	f, err := sink.FormatNamed("list")
	must(t, err)
	list, err := f.File(sink.Settings{})
	must(t, err)
	o := &sinks.Output{Name: "list", Path: filepath.Join(t.TempDir(), "list.txt"), File: list, Mode: 0o600, Shrink: 50,
		View: sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}}
	var all []thing
	for i := range n {
		x := thing{id: i, version: 1, audience: "region", level: stix.Clear}
		must(t, s.Put(x.delivery(), epoch))
		all = append(all, x)
	}
	return s, o, all
}

func count(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.Count(string(b), ".example")
}

func TestAShrinkGuardHoldsBackWhatEndsAndNotWhatIsRecalled(t *testing.T) {
	s, o, all := plainly(t, 100)
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	for _, x := range all[:80] {
		x.version, x.revoked = 2, true
		must(t, s.Put(x.delivery(), epoch))
	}
	for _, x := range []thing{all[0], all[99]} {
		_, err := s.Recall(&api.RecallOrder{Origin: "sg", ID: x.stix(), Level: stix.Clear}, epoch)
		must(t, err)
	}
	w, err := s.Write(t.Context(), o, epoch, false)
	if !errors.Is(err, sinks.ErrShrink) || !w.Guarded {
		t.Fatalf("80 of 100 left at once: %v, %+v", err, w)
	}
	if n := count(t, o.Path); n != 98 {
		t.Errorf("%d lines are kept, 100 were there and 2 recalled", n)
	}
	if w, err = s.Write(t.Context(), o, epoch, true); err != nil || w.Guarded {
		t.Fatalf("%v, %+v", err, w)
	}
	if n := count(t, o.Path); n != 19 {
		t.Errorf("%d lines once it was accepted", n)
	}
}

func TestAStricterVersionLeavesAFileWhateverItsGuardSays(t *testing.T) {
	s, o, all := plainly(t, 100)
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	for _, x := range all[:80] {
		x.version, x.level = 2, stix.Amber
		must(t, s.Put(x.delivery(), epoch))
	}
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if n := count(t, o.Path); n != 20 {
		t.Errorf("%d lines, of which 80 became stricter than the file may show", n-20)
	}
}

func TestAFileThatDoesNotPassItsCheckIsNotReplaced(t *testing.T) {
	s, o, all := plainly(t, 3)
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	before, err := os.ReadFile(o.Path)
	must(t, err)
	x := all[0]
	x.version = 2
	must(t, s.Put(x.delivery(), epoch))
	o.Check = []string{"false"}
	if _, err := s.Write(t.Context(), o, epoch, false); err == nil || !strings.Contains(err.Error(), "stays as it is") {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(o.Path); err != nil || string(now) != string(before) {
		t.Errorf("the file was replaced: %v", err)
	}
	o.Check = []string{"grep", "-q", "o0v2", "{}"}
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if b, err := os.ReadFile(o.Path); err != nil || !strings.Contains(string(b), "o0v2") {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(o.Path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left beside it", left)
	}
}

func TestWhatEndedLeavesAFileThoughWhatIsNewDoesNotPassItsCheck(t *testing.T) {
	s, o, all := plainly(t, 4)
	_, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	newer, over := all[0], all[1]
	newer.version, over.version, over.revoked = 2, 2, true
	must(t, s.Put(newer.delivery(), epoch))
	must(t, s.Put(over.delivery(), epoch))
	_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: all[2].stix()}, epoch)
	must(t, err)
	o.Check = []string{"sh", "-c", "! grep -q o0v2 {}"}
	want := []string{"o0v1.example", "o3v1.example"}
	unfinished := filepath.Join(filepath.Dir(o.Path), "."+filepath.Base(o.Path)+".kept")
	must(t, os.WriteFile(unfinished, []byte("o2v1.example\n"), 0o600))
	for range 2 {
		w, err := s.Write(t.Context(), o, epoch, false)
		if err == nil || !strings.Contains(err.Error(), "does not pass its check") || w.Count.Lines != 2 {
			t.Errorf("%+v, %v", w.Count, err)
		}
		if got := linesIn(t, o.Path); !slices.Equal(got, want) {
			t.Errorf("the file has %v, not %v", got, want)
		}
	}
	if _, err := os.Stat(unfinished); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what an end left unfinished is there: %v", err)
	}
	o.Check = nil
	_, err = s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if got, want := linesIn(t, o.Path), []string{"o0v2.example", "o3v1.example"}; !slices.Equal(got, want) {
		t.Errorf("then the file has %v, not %v", got, want)
	}
}

func TestAConsumerIsToldOfEachChangeOnceAndAgainUntilItHeard(t *testing.T) {
	s, o, all := plainly(t, 3)
	heard := filepath.Join(t.TempDir(), "heard")
	o.Reload = []string{"sh", "-c", "test -e " + heard + ".ok && echo x >> " + heard}
	write := func() error { _, err := s.Write(t.Context(), o, epoch, false); return err }
	if err := write(); err == nil || !strings.Contains(err.Error(), "could not be told") {
		t.Fatalf("%v", err)
	}
	must(t, os.WriteFile(heard+".ok", nil, 0o600))
	for range 3 {
		must(t, write())
	}
	x := all[0]
	x.version = 2
	must(t, s.Put(x.delivery(), epoch))
	must(t, write())
	must(t, write())
	if b, err := os.ReadFile(heard); err != nil || string(b) != "x\nx\n" {
		t.Errorf("it was told %q, %v", b, err)
	}
}

// recorder is a stream that keeps what it is told, and fails when it is to.
type recorder struct {
	told []string
	keys map[string]bool
	fail bool
}

func (r *recorder) Tell(_ context.Context, events []sink.Event) error {
	if r.fail {
		return errors.New("not now")
	}
	for _, e := range events {
		if r.keys[e.Key] {
			continue
		}
		r.keys[e.Key] = true
		object := ""
		if len(e.Entry.Object) > 0 {
			object = " with its object"
		}
		r.told = append(r.told, fmt.Sprintf("%s %s%s", e.Kind, e.Entry.ID[len(e.Entry.ID)-1:], object))
	}
	return nil
}

func (r *recorder) Close() error { return nil }

func TestAStreamIsToldInOrderAndOfNothingRecalledMeanwhile(t *testing.T) {
	s, _, all := plainly(t, 4)
	v := sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposeOrganization}}
	must(t, s.Follow("siem", &v, epoch))
	r := &recorder{keys: map[string]bool{}, fail: true}
	if _, err := s.Tell(t.Context(), "siem", r); err == nil {
		t.Fatal("it failed and was told")
	}
	put := func(x thing, now time.Duration) { must(t, s.Put(x.delivery(), epoch.Add(now))) }
	changed, revoked, ends := all[0], all[1], all[2]
	changed.version, revoked.version, revoked.revoked = 2, 2, true
	ends.version, ends.until = 2, time.Hour
	_, err := s.Recall(&api.RecallOrder{Origin: "sg", ID: all[3].stix(), Level: stix.Clear}, epoch)
	must(t, err)
	put(changed, 0)
	put(revoked, 0)
	put(ends, 0)
	r.fail = false
	_, err = s.Tell(t.Context(), "siem", r)
	must(t, err)
	_, err = s.Due(epoch.Add(2 * time.Hour))
	must(t, err)
	_, err = s.Tell(t.Context(), "siem", r)
	must(t, err)
	want := []string{
		"created 0 with its object", "created 1 with its object", "created 2 with its object", "recalled 3",
		"updated 0 with its object", "revoked 1 with its object", "updated 2 with its object", "expired 2 with its object",
	}
	if !slices.Equal(r.told, want) {
		t.Errorf("it was told\n%s\nand not\n%s", strings.Join(r.told, "\n"), strings.Join(want, "\n"))
	}
	if n, err := s.Pending("siem"); n != 0 || err != nil {
		t.Errorf("%d events wait, %v", n, err)
	}
}

func TestAConfigurationIsRefusedWithWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing in it":             {"", "there is no sink"},
		"an unknown key":            {"sinks: {a: {format: list, exposure: public, colour: red}}", "colour"},
		"no exposure":               {"sinks: {a: {format: list}}", "exposure: say who sees"},
		"an unknown format":         {"sinks: {a: {format: lost, exposure: public}}", "no sink format"},
		"RED on a device":           {"sinks: {a: {format: list, exposure: organization, red: true}}", "RED goes to files"},
		"RED for clients":           {"sinks: {a: {format: csv, exposure: clients, red: true}}", "RED goes to files"},
		"what all may read":         {"sinks: {a: {format: list, exposure: community, mode: '0644'}}", "lets everybody"},
		"two with one path":         {"sinks: {a: {format: list, exposure: public, path: x}, b: {format: list, exposure: public, path: x}}", "the path of"},
		"a stream with a path":      {"sinks: {a: {format: cef, exposure: public, path: x, options: {path: y}}}", "is said in its options"},
		"two logs with one path":    {"sinks: {a: {format: cef, exposure: public, options: {path: x}}, b: {format: cef, exposure: public, options: {path: ./x}}}", "the path of"},
		"a log in a file's place":   {"sinks: {a: {format: cef, exposure: public, options: {path: x}}, b: {format: list, exposure: public, path: ./x}}", "the path of"},
		"a guard that guards all":   {"sinks: {a: {format: list, exposure: public, shrink_percent: 0}}", "shrink_percent"},
		"an interval of no meaning": {"sinks: {a: {format: list, exposure: public, interval: soon}}", "no duration"},
	} {
		file := filepath.Join(t.TempDir(), "sinks.yaml")
		must(t, os.WriteFile(file, []byte(c.text), 0o600))
		if _, err := sinks.Load(file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The whole product of levels, exposures, exercises and RED, through the state and
// against a table.
func TestAnObjectIsShownWhereItsLevelAllowsAndNowhereElse(t *testing.T) {
	reach := map[stix.Level]int{stix.Clear: 4, stix.Green: 3, stix.Amber: 2, stix.AmberStrict: 1, stix.Red: 1}
	cases := 0
	for _, level := range stix.Levels {
		for i, e := range policy.Exposures {
			for _, drill := range []bool{false, true} {
				for _, exercise := range []bool{false, true} {
					for _, personal := range []bool{false, true} {
						cases++
						o := policy.Outlet{Exposure: e, Drill: drill, Personal: personal}
						s := policy.Stream{Audience: "region", Level: level}
						if exercise {
							s.Audience = policy.Drill
						}
						want := i < reach[level] && drill == exercise && (level != stix.Red || personal)
						held := []sinks.Held{{ID: "indicator--1", Version: "2026-01-01T00:00:00.000Z", Audience: s.Audience, Level: level}}
						v := sinks.Current(held, &sinks.View{Outlet: o}, epoch)
						if got := policy.MayWriteOut(s, o).Allowed; got != want || (v.Index == 0) != want {
							t.Errorf("%s of %s to %+v: policy says %t, the sink %t", level, s.Audience, o, got, v.Index == 0)
						}
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// BenchmarkApply100k receives 100,000 indicators, synced as the client has it, and
// writes them as one file.
func BenchmarkApply100k(b *testing.B) {
	const objects = 100_000
	for range b.N {
		dir := b.TempDir()
		s, err := sinks.OpenState(filepath.Join(dir, "state"), nil, nil)
		must(b, err)
		deliveries := make([]*client.Delivery, objects)
		for i := range deliveries {
			deliveries[i] = thing{id: i, version: 1, audience: "region", level: stix.Clear}.delivery()
		}
		start := time.Now()
		for i, d := range deliveries {
			must(b, s.Put(d, epoch))
			if i%500 == 499 {
				must(b, s.Flush())
			}
		}
		applied := time.Since(start)
		f, err := sink.FormatNamed("suricata")
		must(b, err)
		rules, err := f.File(sink.Settings{})
		must(b, err)
		o := &sinks.Output{Name: "rules", Path: filepath.Join(dir, "rules"), File: rules, Mode: 0o600, Shrink: 50, View: sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}}
		w, err := s.Write(b.Context(), o, epoch, false)
		must(b, err)
		if w.Count.Written != objects {
			b.Fatalf("%+v", w)
		}
		b.ReportMetric(objects/applied.Seconds(), "applied/s")
		b.ReportMetric(objects/(time.Since(start)-applied).Seconds(), "written/s")
		must(b, s.Close())
	}
}
