package profile

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var ready embed.FS

// maxSize bounds a profile, in bytes: some twenty times the built-in one.
const maxSize = 128 << 10

// Names lists the ready-made profiles.
func Names() []string { return []string{"asean"} }

// Source returns the text of a ready-made profile, comments and all, for an
// administrator to read and change.
func Source(name string) ([]byte, error) {
	for _, n := range Names() {
		if n == name {
			return ready.ReadFile(name + ".yaml")
		}
	}
	return nil, fmt.Errorf("there is no ready-made profile %q: use %s, or the path of a file", name, strings.Join(Names(), ", "))
}

// Load reads a ready-made profile by its name, or else the YAML file at that
// path. To load a file that is called like a ready-made profile, write ./ before
// it. Errors name the file and the line.
func Load(nameOrPath string) (*Profile, error) {
	if text, err := Source(nameOrPath); err == nil {
		return Parse(nameOrPath+".yaml", text)
	}
	f, err := os.Open(nameOrPath)
	switch {
	case errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(nameOrPath, `/\.`):
		return nil, fmt.Errorf("there is no ready-made profile %q and no file of that name: use %s, or the path of a file", nameOrPath, strings.Join(Names(), ", "))
	case err != nil:
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	return Parse(filepath.Base(nameOrPath), text)
}

// Parse reads a profile of at most 128 KiB. file is what errors call it.
func Parse(file string, text []byte) (*Profile, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("%s: a profile has at most %d bytes", file, maxSize)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	p := &Profile{}
	switch err := d.Decode(p); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: the profile is empty", file)
	case err != nil:
		return nil, unreadable(file, err)
	}
	switch err := d.Decode(&yaml.Node{}); {
	case err == nil:
		return nil, fmt.Errorf("%s: a profile is one YAML document; remove what follows the first", file)
	case !errors.Is(err, io.EOF):
		return nil, unreadable(file, err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, unreadable(file, err)
	}
	if err := (&checker{file: file, root: &root}).check(p); err != nil {
		return nil, err
	}
	return p, nil
}

var unknownKey = regexp.MustCompile(`field (.*) not found in type profile\.(\w+)`)

// unreadable words the YAML reader's errors like our own: file:line: what.
func unreadable(file string, err error) error {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var several *yaml.TypeError
	if errors.As(err, &several) {
		lines = several.Errors
	}
	for i, l := range lines {
		l = unknownKey.ReplaceAllStringFunc(l, func(s string) string {
			m := unknownKey.FindStringSubmatch(s)
			return fmt.Sprintf("%q is no key of a %s; correct or remove it", m[1], strings.ToLower(m[2]))
		})
		if at, what, ok := strings.Cut(strings.TrimPrefix(l, "line "), ": "); ok && strings.HasPrefix(l, "line ") {
			l = at + ": " + what
		} else {
			l = " " + l
		}
		lines[i] = file + ":" + l
	}
	return errors.New(strings.Join(lines, "\n"))
}
