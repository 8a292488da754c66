package sinks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

// formatted is a sink of a format at a path, and a state with one indicator in it.
func formatted(t *testing.T, format, path string) (*sinks.State, *sinks.Output) {
	t.Helper()
	s, err := sinks.OpenState("state", vfs.NewMem(), nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Put(thing{id: 1, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
	f, err := sink.FormatNamed(format)
	must(t, err)
	o := &sinks.Output{Name: "it", Path: path, Mode: 0o640, Shrink: 50, View: sinks.View{Outlet: policy.Outlet{Exposure: policy.ExposePublic}}}
	if f.File != nil {
		o.File, err = f.File(sink.Settings{})
	} else {
		o.Folder, err = f.Folder(sink.Settings{})
	}
	must(t, err)
	return s, o
}

func TestASinkTakesThePlaceOfNothingThatNoSinkWrote(t *testing.T) {
	folder := func(files ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			must(t, os.Mkdir(path, 0o700))
			for _, name := range files {
				must(t, os.WriteFile(filepath.Join(path, name), []byte("precious"), 0o600))
			}
		}
	}
	file := func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("former"), 0o600)) }
	link := func(t *testing.T, path string) {
		file(t, path+".there")
		must(t, os.Symlink(path+".there", path))
	}
	for name, c := range map[string]struct {
		format string
		there  func(*testing.T, string)
		want   string // "" if it may
	}{
		"a file in the place of a folder with files":                {"suricata", folder("local.rules"), "is a folder"},
		"a file in the place of an empty folder":                    {"suricata", folder(), "is a folder"},
		"a file in the place of a link":                             {"suricata", link, "is no plain file"},
		"a file in the place of a file":                             {"suricata", file, ""},
		"a file where nothing is":                                   {"suricata", func(*testing.T, string) {}, ""},
		"a folder in the place of one with foreign files":           {"stix", folder("thesis.odt"), "no sink wrote"},
		"a folder of another format in the place of one with files": {"sigma", folder("own.yml"), "no sink wrote"},
		"a folder in the place of a file":                           {"stix", file, "is no folder"},
		"a folder in the place of a link":                           {"misp-feed", link, "is no folder"},
		"a folder in the place of an empty one":                     {"misp-feed", folder(), ""},
		"a folder where nothing is":                                 {"suricata-datasets", func(*testing.T, string) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "place")
			c.there(t, path)
			before := tree(t, dir)
			config := filepath.Join(t.TempDir(), "sinks.yaml")
			must(t, os.WriteFile(config, fmt.Appendf(nil, "sinks: {a: {format: %s, exposure: public, path: %s}}", c.format, path), 0o600))
			_, loaded := sinks.Load(config)
			s, o := formatted(t, c.format, path)
			_, wrote := s.Write(t.Context(), o, epoch, false)
			for what, err := range map[string]error{"loading": loaded, "writing": wrote} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if after := tree(t, dir); c.want != "" && after != before {
				t.Errorf("there is\n%s\nand was\n%s", after, before)
			}
			if c.want != "" {
				return
			}
			before = tree(t, dir)
			must(t, s.Put(thing{id: 2, version: 1, audience: "region", level: stix.Clear}.delivery(), epoch))
			if _, err := s.Write(t.Context(), o, epoch, false); err != nil || tree(t, dir) == before {
				t.Errorf("what a sink wrote is not replaced by it: %v", err)
			}
		})
	}
}

// tree is all that is in a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, d.Type())
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			b.Write(content)
			return err
		}
		return nil
	}))
	return b.String()
}
