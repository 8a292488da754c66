package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/selat-hub/selat/stix/pattern"
	"github.com/selat-hub/selat/stix/values"
)

// kindOther is the kind of what has none of its own.
var kindOther = pattern.Other.String()

// indicatorValues lists the values in an indicator's pattern (STIX 2.1 §4.7).
// None is decisive once the indicator is revoked or its time is over.
func indicatorValues(raw []byte, now time.Time) ([]valueJSON, error) {
	var indicator struct {
		Revoked bool   `json:"revoked"`
		Until   string `json:"valid_until"`
	}
	if err := jsonv2.Unmarshal(raw, &indicator); err != nil {
		return nil, fmt.Errorf("reading the indicator: %w", err)
	}
	named, err := values.Of("indicator", raw)
	if err != nil {
		return nil, err
	}
	over := indicator.Revoked
	if indicator.Until != "" {
		until, err := time.Parse(time.RFC3339Nano, indicator.Until)
		if err != nil {
			return nil, errors.New("/valid_until: this is no timestamp, and nobody can tell whether the indicator still holds")
		}
		over = over || !until.After(now)
	}
	var all []valueJSON
	for i := range named {
		v := newValueJSON(&named[i])
		settles := !over && named[i].Decisive
		v.Operator, v.Decisive = named[i].Operator, &settles
		v.Revoked, v.Until = indicator.Revoked, indicator.Until
		all = append(all, v)
	}
	return all, nil
}

// observableValues lists the values of a cyber-observable.
func observableValues(typ string, raw []byte) ([]valueJSON, error) {
	named, err := values.Of(typ, raw)
	var all []valueJSON
	for i := range named {
		all = append(all, newValueJSON(&named[i]))
	}
	return all, err
}

func newValueJSON(v *values.Value) valueJSON {
	return valueJSON{Kind: v.Kind.String(), Algorithm: v.Algorithm, Value: v.Canonical, Path: shortPath(v.Path)}
}

// longestPath bounds what is repeated of a path beside each of its values.
const longestPath = 1000

func shortPath(path string) string {
	if len(path) > longestPath {
		return strings.ToValidUTF8(path[:longestPath], "") + "…"
	}
	return path
}
