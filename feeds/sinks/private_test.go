package sinks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/selat-hub/selat/feeds/sinks"
)

func TestNobodyElseMayLookIntoWhatWasReceived(t *testing.T) {
	for name, there := range map[string]bool{"a new state": false, "one that others could read": true} {
		dir := t.TempDir()
		objects := filepath.Join(dir, "sinks-state", "objects")
		if there {
			must(t, os.MkdirAll(objects, 0o755))
		}
		file := filepath.Join(dir, "sinks.yaml")
		must(t, os.WriteFile(file, []byte("sinks: {a: {format: list, exposure: public}}"), 0o600))
		c, err := sinks.Load(file)
		must(t, err)
		d, err := sinks.Open(c, sinks.Options{})
		must(t, err)
		must(t, d.Close())
		if st, err := os.Stat(objects); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
}
