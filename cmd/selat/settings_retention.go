package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// parseRetention reads the rows of a YAML file. There is no other way to write
// them.
func parseRetention(raw any) (any, error) {
	rows, ok := raw.([]any)
	if raw == nil || raw == "" {
		return []any(nil), nil
	}
	if !ok {
		return nil, fmt.Errorf("it is no list")
	}
	out := make([]any, len(rows))
	for i, r := range rows {
		row, ok := r.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("row %d is no row", i+1)
		}
		read := map[string]any{}
		for key, v := range row {
			parse, known := retentionKinds[key]
			if !known {
				return nil, fmt.Errorf("row %d: there is no %q", i+1, key)
			}
			var err error
			if read[key], err = parse.parse(v); err != nil {
				return nil, fmt.Errorf("row %d: %s is not %s", i+1, key, parse.name)
			}
		}
		out[i] = read
	}
	return out, nil
}

var retentionKinds = map[string]kind{
	"audience":  kindText,
	"tlp":       kindText,
	"max_age":   {"a duration such as 8760h", fromString(func(s string) (any, error) { return time.ParseDuration(s) }), showDuration},
	"max_bytes": kindSize,
}

func showRetention(v any) string {
	rows, ok := v.([]any)
	if !ok {
		return ""
	}
	var out []string
	for _, r := range rows {
		row, ok := r.(map[string]any)
		if !ok {
			continue
		}
		var words []string
		for key, v := range row {
			words = append(words, key+": "+retentionKinds[key].show(v))
		}
		slices.Sort(words)
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "; ")
}
