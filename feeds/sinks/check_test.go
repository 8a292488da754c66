package sinks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func load(t *testing.T, dir, text string) *sinks.Config {
	t.Helper()
	file := filepath.Join(dir, "sinks.yaml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	c, err := sinks.Load(file)
	must(t, err)
	return c
}

func TestACheckTellsWhatWouldKeepASinkFromBeingAsItShould(t *testing.T) {
	for name, c := range map[string]struct{ sink, want string }{
		"all is well":                  {"{format: list, path: x.txt, exposure: public}", ""},
		"a folder of files":            {"{format: stix, path: x, exposure: organization}", ""},
		"a folder that is not there":   {"{format: list, path: none/x.txt, exposure: public}", "there is no folder"},
		"a check that is not there":    {"{format: list, path: x.txt, exposure: public, check: 'no-such-program {}'}", "no-such-program"},
		"a check that says no":         {"{format: list, path: x.txt, exposure: public, check: 'false'}", "its check"},
		"a check that has the file":    {"{format: list, path: x.txt, exposure: public, check: 'test -f {}'}", ""},
		"a check in quotes":            {`{format: list, path: x.txt, exposure: public, check: "sh -c 'test -f \"$1\"' x {}"}`, ""},
		"a check in quotes that fails": {`{format: list, path: x.txt, exposure: public, check: "sh -c 'test -d \"$1\"' x {}"}`, "its check"},
		"a check as a list":            {`{format: list, path: x.txt, exposure: public, check: [sh, -c, 'test -f "$1"', x, '{}']}`, ""},
		"a database":                   {"{format: sqlite, path: x.sqlite, exposure: public}", ""},
		"a reload that is not there":   {"{format: list, path: x.txt, exposure: public, reload: no-such-program}", "no-such-program"},
		"an option that means nothing": {"{format: suricata, path: x.rules, exposure: public, check: '', options: {sid-from: none}}", "sid-from"},
		"a stream of events":           {"{format: cef, exposure: organization, options: {path: events.cef}}", ""},
	} {
		dir := t.TempDir()
		config := load(t, dir, fmt.Sprintf("sinks: {a: %s}", c.sink))
		got, err := config.Try(t.Context(), nil, epoch)
		if err != nil || len(got.Sinks) != 1 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		trouble := strings.Join(got.Sinks[0].Trouble, "; ")
		if (trouble == "") != (c.want == "") || !strings.Contains(trouble, c.want) {
			t.Errorf("%s: %q, not %q", name, trouble, c.want)
		}
		left, err := os.ReadDir(dir)
		must(t, err)
		if len(left) != 1 {
			t.Errorf("%s: it left %v", name, left)
		}
	}
}

func TestACheckExplainsWhatReachesASink(t *testing.T) {
	dir := t.TempDir()
	config := load(t, dir, `sinks:
  community: {format: list, path: a.txt, exposure: community}
  exercise: {format: list, path: b.txt, exposure: organization, drill: true}
`)
	s, err := sinks.OpenState(filepath.Join(dir, "sinks-state", "objects"), nil, nil)
	must(t, err)
	for i, level := range []stix.Level{stix.Clear, stix.Clear, stix.Green, stix.Amber} {
		must(t, s.Put(thing{id: i, version: 1, audience: "asean", level: level}.delivery(), epoch))
	}
	must(t, s.Put(thing{id: 7, version: 1, audience: policy.Drill, level: stix.Amber}.delivery(), epoch))
	streams := []api.StreamAccess{{Name: "CTI_ASEAN_GREEN", Audience: "asean", Level: stix.Green}, {Name: "CTI_ASEAN_AMBER", Audience: "asean", Level: stix.Amber},
		{Name: "CTI_DRILL_AMBER", Audience: policy.Drill, Level: stix.Amber}}
	if got, err := config.Try(t.Context(), streams, epoch); err != nil || !strings.Contains(got.State, "in use") || got.Sinks[0].Count.Written != 0 {
		t.Errorf("while a daemon has the state: %+v, %v", got, err)
	}
	must(t, s.Close())
	before := listed(t, filepath.Join(dir, "sinks-state"))
	got, err := config.Try(t.Context(), streams, epoch)
	must(t, err)
	if after := listed(t, filepath.Join(dir, "sinks-state")); after != before {
		t.Errorf("the state was\n%s\nand is\n%s", before, after)
	}
	community, exercise := got.Sinks[0], got.Sinks[1]
	if got.State != "read" || !slices.Equal(community.Levels, []stix.Level{stix.Clear, stix.Green}) ||
		community.Shown[stix.Clear] != 2 || community.Shown[stix.Green] != 1 || community.Count.Written != 3 || community.Withheld["exposure"] != 1 {
		t.Errorf("%+v", community)
	}
	if exercise.Count.Written != 1 || exercise.Shown[stix.Amber] != 1 || len(exercise.Levels) != 4 {
		t.Errorf("%+v", exercise)
	}
	var reach []bool
	for _, r := range append(community.Streams, exercise.Streams...) {
		reach = append(reach, r.Reaches)
		if r.Why == "" {
			t.Errorf("%s has no reason", r.Stream)
		}
	}
	if !slices.Equal(reach, []bool{true, false, false, false, false, true}) {
		t.Errorf("%v", reach)
	}
}

// listed tells all files in a folder, with their sizes and times, but for its lock.
func listed(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.Name() == "LOCK" {
			return err
		}
		st, err := e.Info()
		if err == nil {
			fmt.Fprintln(&b, path, st.Size(), st.ModTime())
		}
		return err
	}))
	return b.String()
}
