package sinks_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func TestAFileThatChangedSaysSoByALaterTimeWhateverTheClockSays(t *testing.T) {
	s, o := listOf(t, 40, nil, nil)
	now := epoch
	var last sinks.Written
	write := func(what string, changed bool) {
		t.Helper()
		w, err := s.Write(t.Context(), o, now, false)
		if err != nil && !errors.Is(err, sinks.ErrShrink) {
			t.Fatal(err)
		}
		if got := w.Changed.Sub(last.Changed) >= time.Second; got != changed || w.Changed.Before(last.Changed) {
			t.Errorf("%s: it changed at %v, after %v", what, w.Changed, last.Changed)
		}
		last = w
	}
	put := func(n int) {
		must(t, s.Put(thing{id: n, version: 1, audience: "region", level: stix.Clear}.delivery(), now))
	}
	write("the first", true)
	write("nothing new", false)
	put(50)
	write("another in the same second", true)
	put(51)
	now = epoch.Add(-24 * time.Hour)
	write("another, and the clock set back", true)
	o = domains(t, o.Path, nil)
	write("a restart", false)
	allow, err := sink.ReadAllow(strings.NewReader("o1v1.example\n"))
	must(t, err)
	o = domains(t, o.Path, allow)
	write("a restart with an allow-list", true)
	now = epoch.Add(2 * time.Hour)
	write("what ended is held back, and another time of it", true)
	write("nothing new under the guard", false)
	_, err = s.Recall(&api.RecallOrder{Origin: "sg", ID: thing{id: 7}.stix()}, now)
	must(t, err)
	write("a recall under the guard", true)
}

func TestWhatIsWithheldIsCountedThoughTheFileStays(t *testing.T) {
	s, o := listOf(t, 3, nil, nil)
	must(t, s.Put(thing{id: 9, version: 1, audience: "asean", level: stix.Amber}.delivery(), epoch))
	w, err := s.Write(t.Context(), o, epoch, false)
	must(t, err)
	kept, err := s.Written(o.Name)
	must(t, err)
	if w.Withheld["exposure"] != 1 || kept.Withheld["exposure"] != 1 {
		t.Errorf("withheld are %v, and %v by its status", w.Withheld, kept.Withheld)
	}
}

func TestAModeIsThatOfAllThatASinkWrites(t *testing.T) {
	for _, c := range []struct {
		format       string
		mode, folder os.FileMode
	}{
		{"stix", 0o600, 0o700}, {"stix", 0o640, 0o750}, {"misp-feed", 0o644, 0o755}, {"suricata-datasets", 0o440, 0o750},
		{"csv", 0o600, 0}, {"csv", 0o640, 0}, {"sigma", 0o600, 0o700},
	} {
		t.Run(fmt.Sprintf("%s %o", c.format, c.mode), func(t *testing.T) {
			s, o := formatted(t, c.format, filepath.Join(t.TempDir(), "it"))
			check := func() {
				t.Helper()
				_, err := s.Write(t.Context(), o, epoch, false)
				must(t, err)
				must(t, filepath.WalkDir(o.Path, func(path string, d os.DirEntry, err error) error {
					must(t, err)
					st, err := d.Info()
					must(t, err)
					want := c.mode
					if d.IsDir() {
						want = c.folder
					}
					if st.Mode().Perm() != want {
						t.Errorf("%s has mode %o, not %o", path, st.Mode().Perm(), want)
					}
					return nil
				}))
			}
			before := c.mode
			o.Mode = 0o664
			_, err := s.Write(t.Context(), o, epoch, false)
			must(t, err)
			_, again := formatted(t, c.format, o.Path)
			again.Mode, o = before, again
			check()
			must(t, s.Put(thing{id: 2, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
			check()
		})
	}
}
