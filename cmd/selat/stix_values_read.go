package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix/pattern"
)

// errOtherLanguage is said of an indicator whose pattern is no STIX pattern and
// is not meant to be.
var errOtherLanguage = errors.New("the pattern is in another language")

// kindOther is the kind of what has none of its own.
var kindOther = pattern.Other.String()

// indicatorValues lists the values in an indicator's pattern (STIX 2.1 §4.7).
// None is decisive once the indicator is revoked or its time is over.
func indicatorValues(raw []byte, now time.Time) ([]valueJSON, error) {
	var indicator struct {
		Pattern  string `json:"pattern"`
		Language string `json:"pattern_type"`
		Revoked  bool   `json:"revoked"`
		Until    string `json:"valid_until"`
	}
	if err := jsonv2.Unmarshal(raw, &indicator); err != nil {
		return nil, fmt.Errorf("reading the indicator: %w", err)
	}
	switch indicator.Language {
	case "stix":
	case "":
		return nil, errors.New("/pattern_type: it is missing, and nobody can tell the language of the pattern")
	default:
		return nil, errOtherLanguage
	}
	p, err := pattern.Parse(indicator.Pattern)
	if err != nil {
		return nil, fmt.Errorf("/pattern: %w", err)
	}
	over := indicator.Revoked
	if indicator.Until != "" {
		until, err := time.Parse(time.RFC3339Nano, indicator.Until)
		if err != nil {
			return nil, errors.New("/valid_until: this is no timestamp, and nobody can tell whether the indicator still holds")
		}
		over = over || !until.After(now)
	}
	var values []valueJSON
	for _, o := range pattern.Values(p) {
		operator := o.Operator.String()
		if o.Negated && o.Operator != pattern.NotEqual {
			operator = "NOT " + operator
		}
		settles := !over && o.Decisive()
		values = append(values, valueJSON{
			Kind: o.Kind.String(), Algorithm: o.Algorithm, Value: o.Canonical, Path: shortPath(o.PathText),
			Operator: operator, Decisive: &settles, Revoked: indicator.Revoked, Until: indicator.Until,
		})
	}
	return values, nil
}

// longestPath bounds what is repeated of a path beside each of its values.
const longestPath = 1000

func shortPath(path string) string {
	if len(path) > longestPath {
		return strings.ToValidUTF8(path[:longestPath], "") + "…"
	}
	return path
}

// observableProperties are the properties by which an observable of each type
// is known (STIX 2.1 §6).
var observableProperties = map[string][]string{
	"artifact":             {"hashes", "url"},
	"autonomous-system":    {"number"},
	"directory":            {"path"},
	"domain-name":          {"value"},
	"email-addr":           {"value"},
	"email-message":        {"subject"},
	"file":                 {"hashes", "name"},
	"ipv4-addr":            {"value"},
	"ipv6-addr":            {"value"},
	"mac-addr":             {"value"},
	"mutex":                {"name"},
	"process":              {"command_line"},
	"software":             {"name", "cpe"},
	"url":                  {"value"},
	"user-account":         {"user_id", "account_login"},
	"windows-registry-key": {"key"},
	"x509-certificate":     {"hashes", "serial_number"},
}

// observableValues lists the values of a cyber-observable.
func observableValues(typ string, raw []byte) ([]valueJSON, error) {
	names, known := observableProperties[typ]
	if !known {
		return nil, nil
	}
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("reading the observable: %w", err)
	}
	var values []valueJSON
	for _, name := range names {
		path := pattern.Path{Type: typ, Steps: []pattern.Step{{Kind: pattern.Property, Name: name}}}
		switch v := members[name]; {
		case len(v) == 0:
		case name == "hashes":
			hashes, err := hashValues(path, v)
			if err != nil {
				return nil, err
			}
			values = append(values, hashes...)
		case v.Kind() == '"':
			text, err := jsontext.AppendUnquote(nil, v)
			if err != nil {
				return nil, fmt.Errorf("/%s: %w", name, err)
			}
			values = append(values, observed(path, pattern.Value{Kind: pattern.String, Text: string(text)}))
		case v.Kind() == '0':
			values = append(values, observed(path, pattern.Value{Kind: pattern.Integer, Text: string(v)}))
		default:
			return nil, fmt.Errorf("/%s: this is neither a string nor a number", name)
		}
	}
	return values, nil
}

func hashValues(path pattern.Path, raw jsontext.Value) ([]valueJSON, error) {
	var hashes map[string]string
	if err := jsonv2.Unmarshal(raw, &hashes); err != nil {
		return nil, fmt.Errorf("/hashes: %w", err)
	}
	names := make([]string, 0, len(hashes))
	for name := range hashes {
		names = append(names, name)
	}
	slices.Sort(names)
	var values []valueJSON
	for _, name := range names {
		at := path
		at.Steps = append(slices.Clone(path.Steps), pattern.Step{Kind: pattern.Property, Name: name})
		values = append(values, observed(at, pattern.Value{Kind: pattern.String, Text: hashes[name]}))
	}
	return values, nil
}

// observed reads a value as a pattern that asks for it would.
func observed(path pattern.Path, v pattern.Value) valueJSON {
	asks := &pattern.Comparison{Path: path, Op: pattern.Equal, Values: []pattern.Value{v}}
	p := &pattern.Pattern{Root: &pattern.Observation{Condition: &pattern.Condition{Comparison: asks}}}
	o := pattern.Values(p)[0]
	return valueJSON{Kind: o.Kind.String(), Algorithm: o.Algorithm, Value: o.Canonical, Path: path.String()}
}
