package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	yamlnode "go.yaml.in/yaml/v3"
)

// addFile reads the configuration file. Paths in it are relative to the file,
// so that it means the same from wherever it is read.
func (l *layered) addFile() error {
	b, err := os.ReadFile(l.file)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	k := koanf.New(".")
	if err := k.Load(textProvider(b), yaml.Parser()); err != nil {
		return fmt.Errorf("reading the configuration: %s: %s", l.file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var doc yamlnode.Node
	if err := yamlnode.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("reading the configuration: %s: %w", l.file, err)
	}
	lines, err := l.linesOf(&doc)
	if err != nil {
		return err
	}
	for key, line := range lines {
		raw := k.Get(key)
		if raw == nil {
			continue // "cert:" with nothing behind it leaves the default
		}
		if name, ok := raw.(string); ok && settingOf(key).kind.name == kindPath.name && name != "" && !filepath.IsAbs(name) {
			raw = filepath.Join(filepath.Dir(l.file), name)
		}
		if err := l.set(key, raw, fmt.Sprintf("file %s:%d", l.file, line)); err != nil {
			return err
		}
	}
	return nil
}

// linesOf tells on which line each setting stands, and refuses what is none.
func (l *layered) linesOf(doc *yamlnode.Node) (map[string]int, error) {
	lines := map[string]int{}
	var walk func(prefix string, n *yamlnode.Node) error
	walk = func(prefix string, n *yamlnode.Node) error {
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, value := n.Content[i], n.Content[i+1]
			key := prefix + name.Value
			switch {
			case settingOf(key) != nil:
				lines[key] = name.Line
			case isSection(key) && value.Kind == yamlnode.MappingNode:
				if err := walk(key+".", value); err != nil {
					return err
				}
			case isSection(key) && value.Tag == "!!null":
			case isSection(key):
				return fmt.Errorf("%s:%d: %q is a section; indent its settings below it", l.file, name.Line, key)
			default:
				return fmt.Errorf("%s:%d: %w", l.file, name.Line, unknownKey(key))
			}
		}
		return nil
	}
	if len(doc.Content) == 0 {
		return lines, nil
	}
	root := doc.Content[0]
	if root.Kind != yamlnode.MappingNode {
		return nil, fmt.Errorf("%s:%d: a configuration is lines of the form \"key: value\"", l.file, root.Line)
	}
	return lines, walk("", root)
}

func isSection(key string) bool {
	for _, s := range settings {
		if strings.HasPrefix(s.key, key+".") {
			return true
		}
	}
	return false
}

func unknownKey(key string) error {
	if near := nearSetting(key); near != nil {
		return fmt.Errorf("there is no setting %q; did you mean %q?", key, near.key)
	}
	for _, s := range settings {
		if strings.HasSuffix(s.key, "."+key) {
			return fmt.Errorf("there is no setting %q; did you mean %q?", key, s.key)
		}
	}
	return withHint(fmt.Errorf("there is no setting %q", key), "`selat config show` lists all there are")
}
