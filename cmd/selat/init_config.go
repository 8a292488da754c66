package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

const configHead = `# The hub's configuration. Lines that begin with # show the defaults.
# Paths are relative to this file. Environment variables (SELAT_TLS__CERT for
# tls.cert) and flags win over it; "selat config show" tells what came of it.
`

// commentedConfig writes every setting with its meaning: those that were
// chosen as they are, the others as comments.
func commentedConfig(l *layered) []byte {
	var b bytes.Buffer
	b.WriteString(configHead)
	section := ""
	for _, s := range settings {
		name, indent := s.key, ""
		if in, rest, nested := strings.Cut(s.key, "."); nested {
			name, indent = rest, "  "
			if in != section {
				section = in
				fmt.Fprintf(&b, "\n%s:\n", in)
			}
		} else {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s# %s\n", indent, s.about)
		value := yamlValue(l, &s)
		if l.from[s.key] == "default" && s.key != "data" {
			value = "# " + name + ": " + value
		} else {
			value = name + ": " + value
		}
		b.WriteString(indent + strings.TrimRight(value, " ") + "\n")
	}
	return b.Bytes()
}

// yamlValue writes a value so that reading this file gives it again.
func yamlValue(l *layered, s *setting) string {
	v := l.values.Get(s.key)
	shown := s.kind.show(v)
	switch s.kind.name {
	case kindPath.name:
		return quoteYAML(fromFolder(l.config.Data, s.key, shown))
	case kindText.name:
		return quoteYAML(shown)
	case kindCommand.name, kindNodes.name:
		words, _ := v.([]string)
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quoteYAML(w)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return shown
}

// fromFolder makes a path relative to the data folder, where the file is: the
// folder itself so that it can be moved, others absolute so that they stay.
func fromFolder(data, key, path string) string {
	if key == "data" {
		return "."
	}
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// plainScalar is text that no version of YAML reads as anything else.
var plainScalar = regexp.MustCompile(`\A(\.|/[\w./-]*|[a-z][\w./-]*)\z`)

// ambiguous words mean something other than text in one YAML or another.
var ambiguous = map[string]bool{"true": true, "false": true, "yes": true, "no": true, "on": true, "off": true, "null": true, "y": true, "n": true}

// quoteYAML writes text as a double-quoted scalar (YAML 1.2 §7.3.1) when it
// must be.
func quoteYAML(s string) string {
	if plainScalar.MatchString(s) && !ambiguous[s] {
		return s
	}
	return fmt.Sprintf("%q", s)
}
