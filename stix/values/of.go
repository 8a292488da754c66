package values

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix/pattern"
)

// ErrOtherLanguage is said of an indicator whose pattern is no STIX pattern and
// is not meant to be.
var ErrOtherLanguage = errors.New("the pattern is in another language")

// A Value is one that an object names, for people to read.
type Value struct {
	Kind      pattern.ObservableKind
	Algorithm string // of hashes, such as SHA-256
	Canonical string // in the spelling of its kind: see pattern.Observable
	Path      string // the object path, as in a pattern; as long as that has it
	// Operator is by which a pattern compares, with NOT before it if that is
	// written; empty of observables.
	Operator string
	// Negated tells that a pattern excludes the value.
	Negated bool
	// Decisive tells that an observation of the value is all that a pattern asks
	// for, as pattern.Observable has it. It says nothing of whether the indicator
	// still holds.
	Decisive bool
}

// Of returns the values of an object of type typ: of an indicator those in its
// pattern, each as often as that is written, of a cyber-observable those it is
// known by, of observed-data those of the observables inside of it; of any
// other none. The error says what cannot be read, with a pointer to it; it is
// ErrOtherLanguage of an indicator whose pattern is not for us. Nothing of raw
// is kept.
func Of(typ string, raw []byte) ([]Value, error) {
	switch typ {
	case "indicator":
		return ofIndicator(raw)
	case "observed-data":
		return ofObservedData(raw)
	}
	return ofObservable(typ, raw)
}

// ofIndicator lists the values in an indicator's pattern (STIX 2.1 §4.7).
func ofIndicator(raw []byte) ([]Value, error) {
	var indicator struct {
		Pattern  string `json:"pattern"`
		Language string `json:"pattern_type"`
	}
	if err := jsonv2.Unmarshal(raw, &indicator); err != nil {
		return nil, fmt.Errorf("reading the indicator: %w", err)
	}
	switch indicator.Language {
	case "stix":
	case "":
		return nil, errors.New("/pattern_type: it is missing, and nobody can tell the language of the pattern")
	default:
		return nil, ErrOtherLanguage
	}
	p, err := pattern.Parse(indicator.Pattern)
	if err != nil {
		return nil, fmt.Errorf("/pattern: %w", err)
	}
	var values []Value
	for _, o := range pattern.Values(p) {
		operator := o.Operator.String()
		if o.Negated && o.Operator != pattern.NotEqual {
			operator = "NOT " + operator
		}
		values = append(values, Value{
			Kind: o.Kind, Algorithm: o.Algorithm, Canonical: o.Canonical, Path: o.PathText,
			Operator: operator, Negated: o.Negated, Decisive: o.Decisive(),
		})
	}
	return values, nil
}

// longestName is the longest name, in bytes, that an error repeats: the longest
// a property may have (STIX 2.1 §3.1).
const longestName = 250

// ofObservedData lists the values of what observed-data has inside, in the order
// of its names.
func ofObservedData(raw []byte) ([]Value, error) {
	var data struct {
		Objects map[string]jsontext.Value `json:"objects"`
	}
	if err := jsonv2.Unmarshal(raw, &data); err != nil {
		return nil, fmt.Errorf("reading the observed data: %w", err)
	}
	var values []Value
	for _, name := range slices.Sorted(maps.Keys(data.Objects)) {
		at := jsontext.Pointer("/objects")
		if len(name) <= longestName {
			at = at.AppendToken(name)
		}
		var observable struct {
			Type string `json:"type"`
		}
		if err := jsonv2.Unmarshal(data.Objects[name], &observable); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		some, err := ofObservable(observable.Type, data.Objects[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		values = append(values, some...)
	}
	return values, nil
}

// ofObservable lists the values of a cyber-observable.
func ofObservable(typ string, raw []byte) ([]Value, error) {
	known := observables[typ]
	if known == nil {
		return nil, nil
	}
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("reading the observable: %w", err)
	}
	var values []Value
	for i := range known {
		p := &known[i]
		switch v := members[p.name]; {
		case len(v) == 0:
		case p.name == "hashes":
			hashes, err := ofHashes(p.path, v)
			if err != nil {
				return nil, err
			}
			values = append(values, hashes...)
		case v.Kind() == '"':
			s, err := jsontext.AppendUnquote(nil, v)
			if err != nil {
				return nil, fmt.Errorf("/%s: %w", p.name, err)
			}
			values = append(values, observed(p.path, pattern.Value{Kind: pattern.String, Text: string(s)}))
		case v.Kind() == '0':
			values = append(values, observed(p.path, pattern.Value{Kind: pattern.Integer, Text: string(v)}))
		default:
			return nil, fmt.Errorf("/%s: this is neither a string nor a number", p.name)
		}
	}
	return values, nil
}

func ofHashes(path pattern.Path, raw jsontext.Value) ([]Value, error) {
	var hashes map[string]string
	if err := jsonv2.Unmarshal(raw, &hashes); err != nil {
		return nil, fmt.Errorf("/hashes: %w", err)
	}
	var values []Value
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		at := path
		at.Steps = append(slices.Clone(path.Steps), pattern.Step{Kind: pattern.Property, Name: name})
		values = append(values, observed(at, pattern.Value{Kind: pattern.String, Text: hashes[name]}))
	}
	return values, nil
}

// observed reads a value as a pattern that asks for it would.
func observed(path pattern.Path, v pattern.Value) Value {
	kind, algorithm, canonical := pattern.Read(path, v)
	return Value{Kind: kind, Algorithm: algorithm, Canonical: canonical, Path: path.String()}
}
