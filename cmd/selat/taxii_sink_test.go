package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAHashThatBeginsLikeAnotherReplacesNoFile(t *testing.T) {
	dir := t.TempDir()
	hash := strings.Repeat("a", 64)
	for i, want := range []string{"x.json", "x-" + hash[:12] + ".json", "x-" + hash[:40] + ".json"} {
		raw := []byte{byte('0' + i)}
		for range 2 { // the second time the file has these bytes
			file, err := fileBeside(dir, "x", raw, hash)
			if err != nil || filepath.Base(file) != want {
				t.Fatalf("%s, %v: want %s", file, err, want)
			}
			if err := os.WriteFile(file, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if file, err := fileBeside(dir, "x", []byte("3"), hash); err == nil {
		t.Fatalf("%s would be replaced", file)
	}
}
