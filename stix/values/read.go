package values

import (
	"bytes"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/pattern"
)

// Reading is what one pass over an object gives for an index.
type Reading struct {
	// Keys are the object's, each once. Their bytes share memory of their own.
	Keys []Key
	// ValidFrom and ValidUntil are those of an indicator with a STIX pattern, in
	// microseconds since 1970, 0 where there is none that is a timestamp. 1970
	// itself is 1.
	ValidFrom, ValidUntil int64
	Revoked               bool // of an indicator with a STIX pattern
}

// AppendKeys appends the keys of an object of type typ to dst. It keeps nothing
// of raw. Of a type without values it looks at nothing.
func AppendKeys(dst []Key, typ string, raw []byte) []Key { return Read(dst, typ, raw).Keys }

// Read reads an object of type typ, and appends its keys to dst. It keeps nothing
// of raw. Of a type without values it looks at nothing.
func Read(dst []Key, typ string, raw []byte) Reading {
	if typ == "indicator" {
		return readIndicator(dst, raw)
	}
	g := gathering{keys: dst, from: len(dst)}
	switch {
	case typ == "observed-data":
		g.observed(raw)
	case keyed[typ] != nil:
		g.observable(keyed[typ], raw)
	}
	return Reading{Keys: g.keys}
}

// keyed holds the property of each type of observable whose values are looked
// up, of which none has two.
var keyed = keyedProperties()

func keyedProperties() map[string]*property {
	all := map[string]*property{}
	for typ, properties := range observables {
		for i := range properties {
			if properties[i].keyed {
				all[typ] = &properties[i]
			}
		}
	}
	return all
}

// readIndicator reads an indicator (STIX 2.1 §4.7).
func readIndicator(dst []Key, raw []byte) Reading {
	r := Reading{Keys: dst}
	var source, language, from, until []byte
	revoked := false
	whole := stix.Members(raw, func(name, value []byte) bool {
		switch string(name) {
		case "pattern":
			source = value
		case "pattern_type":
			language = value
		case "valid_from":
			from = value
		case "valid_until":
			until = value
		case "revoked":
			revoked = value[0] == 't'
		}
		return true
	})
	if !whole || string(language) != `"stix"` && text(language) != "stix" {
		return r
	}
	r.ValidFrom, r.ValidUntil, r.Revoked = moment(from), moment(until), revoked
	g := gathering{keys: dst, from: len(dst)}
	// What is no pattern has no keys; why it is none, the hub says elsewhere.
	_ = pattern.Scan(text(source), g.constant)
	r.Keys = g.keys
	return r
}

// constant gathers a constant of a pattern.
func (g *gathering) constant(o *pattern.Observable) {
	role := Asked
	switch {
	case o.Negated:
		role = Excluded
	case o.Decisive() || o.Covers():
		role = Decisive
	}
	if o.Kind != pattern.Other {
		g.add(o.Kind, o.Algorithm, o.Canonical, role)
		return
	}
	switch o.Operator {
	case pattern.Equal, pattern.NotEqual, pattern.In:
		if o.Constant.Kind == pattern.String {
			g.addUnread(&o.Path, o.Constant.Text, role)
		}
	}
}

// observed gathers what observed-data has inside, as STIX 2.0 had it and 2.1
// still allows (STIX 2.1 §4.14): observables by their place in a dictionary.
func (g *gathering) observed(raw []byte) {
	stix.Members(raw, func(name, value []byte) bool {
		if string(name) != "objects" {
			return true
		}
		stix.Members(value, func(_, observable []byte) bool {
			if p := keyed[typeOf(observable)]; p != nil {
				g.observable(p, observable)
			}
			return true
		})
		return true
	})
}

// typeOf returns the type of an object whose type was not read before.
func typeOf(raw []byte) string {
	typ := ""
	stix.Members(raw, func(name, value []byte) bool {
		if string(name) == "type" && len(value) < 64 {
			typ = text(value)
		}
		return typ == ""
	})
	return typ
}

// observable gathers the values of property p of an observable.
func (g *gathering) observable(p *property, raw []byte) {
	stix.Members(raw, func(name, value []byte) bool {
		switch {
		case string(name) != p.name:
		case p.name == "hashes":
			stix.Members(value, func(name, value []byte) bool {
				g.hash(p, name, value)
				return true
			})
		default:
			g.read(&p.path, text(value))
		}
		return true
	})
}

func (g *gathering) hash(p *property, name, value []byte) {
	if len(name) > 256 || !utf8.Valid(name) { // far beyond any name of a hash
		return
	}
	steps := [2]pattern.Step{p.path.Steps[0], {Kind: pattern.Property, Name: string(name)}}
	g.read(&pattern.Path{Type: p.path.Type, Steps: steps[:]}, text(value))
}

func (g *gathering) read(path *pattern.Path, s string) {
	kind, algorithm, canonical := pattern.Read(*path, pattern.Value{Text: s})
	if kind != pattern.Other {
		g.add(kind, algorithm, canonical, Observed)
	} else {
		g.addUnread(path, s, Observed)
	}
}

// text returns the text of a JSON string, "" for what is none.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if s := raw[1 : len(raw)-1]; bytes.IndexByte(s, '\\') < 0 {
		if utf8.Valid(s) {
			return string(s)
		}
		return ""
	}
	s, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(s)
}

// moment returns a timestamp in microseconds.
func moment(raw []byte) int64 {
	if len(raw) < 2 || raw[0] != '"' {
		return 0
	}
	var t time.Time
	if t.UnmarshalText(raw[1:len(raw)-1]) != nil && t.UnmarshalText([]byte(text(raw))) != nil {
		return 0
	}
	if at := t.UnixMicro(); at != 0 {
		return at
	}
	return 1
}
