// Package daemon is what a publisher's and a subscriber's daemon have in common: a
// strict configuration file, a listener for metrics, and a socket on which one that
// runs is asked. What they do is theirs (feeds/publisher, feeds/sinks).
package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is written as 30s, 15m, 24h or 30d.
type Duration time.Duration

// UnmarshalYAML reads it.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	text, days := strings.CutSuffix(n.Value, "d")
	if days {
		text += "h"
	}
	v, err := time.ParseDuration(text)
	if days {
		v *= 24
	}
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no duration such as 30s, 15m or 30d", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// goType is how the decoder names where an unknown key stands.
var goType = regexp.MustCompile(` in type [a-z_]+\.([A-Za-z]+)`)

// Read reads a configuration file into c, and refuses what c does not know, with
// the line.
func Read(file string, c any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		text := strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "").Replace(err.Error())
		return fmt.Errorf("reading the configuration: %s: %s", file, goType.ReplaceAllStringFunc(text, func(where string) string {
			return " in " + strings.ToLower(goType.FindStringSubmatch(where)[1])
		}))
	}
	return nil
}

// In makes paths relative to a folder, so that they mean the same from wherever the
// file is read.
func In(dir string, paths ...*string) {
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
