package sinks_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func TestTheBytesOfWhatEndedGoAndWhatMayStillCountStays(t *testing.T) {
	first := thing{id: 1, version: 1, audience: "region", level: stix.Clear}
	second, ends, revoked := first, first, first
	second.version = 2
	ends.id, ends.until = 2, time.Hour
	revoked.id, revoked.revoked = 3, true
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	for _, x := range []thing{first, second, ends, revoked} {
		must(t, s.Put(x.delivery(), epoch))
	}
	stripped := func(after time.Duration) int {
		n, err := s.Strip(epoch.Add(after))
		must(t, err)
		return n
	}
	if n := stripped(2 * time.Hour); n != 0 {
		t.Errorf("%d stripped, of which none ended a day ago", n)
	}
	if n := stripped(48 * time.Hour); n != 2 {
		t.Errorf("%d stripped, not the one that is over and the one that is revoked", n)
	}
	if n := stripped(96 * time.Hour); n != 0 {
		t.Errorf("%d stripped once more", n)
	}
	// The superseded version counts again when the later one alone is recalled; of
	// what was stripped an older version does not, though it comes late, nor when a
	// clock goes back.
	_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: first.stix(), Version: second.modified()}, epoch)
	must(t, err)
	late := revoked
	late.version, late.revoked = 0, false
	must(t, s.Put(late.delivery(), epoch))
	o := domains(t, filepath.Join(t.TempDir(), "list.txt"), nil)
	w, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	if w.Count.Written != 1 || w.Withheld[sinks.Revoked] != 1 || w.Withheld[sinks.Expired] != 1 {
		t.Errorf("%+v", w)
	}
	if b := linesIn(t, o.Path); len(b) != 1 || b[0] != first.domain() {
		t.Errorf("the file has %q", b)
	}
}

func TestWhatAGuardedFileShowsIsKept(t *testing.T) {
	s, o := listOf(t, 40, nil, nil)
	at := epoch.Add(72 * time.Hour)
	if _, err := s.Write(t.Context(), o, at, false); err == nil {
		t.Fatal("the guard lets everything go")
	}
	n, err := s.Strip(at)
	must(t, err)
	if _, err := s.Write(t.Context(), o, at, false); n != 0 || err == nil || shows(t, o) != 40 {
		t.Errorf("%d stripped, %d lines, %v", n, shows(t, o), err)
	}
	_, err = s.Write(t.Context(), o, at, true)
	must(t, err)
	if n, err = s.Strip(at); n != 40 || err != nil {
		t.Errorf("%d stripped once the file let them go, %v", n, err)
	}
	if v := sinks.Current([]sinks.Held{{Stripped: true}}, &sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}, epoch); v.Index >= 0 {
		t.Error("what is stripped counts")
	}
}
