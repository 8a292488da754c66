package client

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is a STIX object with the bytes it was received in.
type Object struct {
	Raw jsontext.Value
	// What the object says of itself, as it says it; empty where it does not.
	ID, Type, SpecVersion string
	// Version is its modified, else its created (TAXII 2.1 §3.8).
	Version string
	// Hash is the SHA-256 of Raw.
	Hash [sha256.Size]byte
}

// valueMost bounds what is kept of each of the texts of an object: none of them
// is longer in good STIX.
const valueMost = 300

// Identify reads what an object in JSON says of itself. It is an error if raw
// is no JSON object; whether it is good STIX is not looked at.
func Identify(raw []byte) (Object, error) {
	o := Object{Raw: raw, Hash: sha256.Sum256(raw)}
	d := jsontext.NewDecoder(bytes.NewReader(raw), lenient...)
	if err := begin(d, '{', "an object"); err != nil {
		return o, err
	}
	var created, modified string
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return o, err
		}
		var to *string
		switch name.String() {
		case "id":
			to = &o.ID
		case "type":
			to = &o.Type
		case "spec_version":
			to = &o.SpecVersion
		case "created":
			to = &created
		case "modified":
			to = &modified
		}
		if to == nil || d.PeekKind() != '"' {
			if err := d.SkipValue(); err != nil {
				return o, err
			}
			continue
		}
		text, err := d.ReadToken()
		if err != nil {
			return o, err
		}
		if s := text.String(); len(s) <= valueMost {
			*to = s
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return o, err
	}
	if o.Version = modified; o.Version == "" {
		o.Version = created
	}
	return o, nil
}

// identifyAll reads the objects of a page.
func identifyAll(items []jsontext.Value) ([]Object, error) {
	objects := make([]Object, len(items))
	for i, raw := range items {
		var err error
		if objects[i], err = Identify(raw); err != nil {
			return nil, fmt.Errorf("item %d of the page: %w", i+1, err)
		}
	}
	return objects, nil
}
