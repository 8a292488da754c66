package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// HasDefinition says whether a marking-definition of this id may be referred
// to by this origin: it was accepted from the origin itself at any level, or
// from anybody at CLEAR.
func (x *Index) HasDefinition(origin, id string) (bool, error) {
	if err := x.enter(); err != nil {
		return false, err
	}
	defer x.gate.RUnlock()
	found := false
	err := scan(x.db, func(rest string, _ []byte) error {
		d, err := parseDefinition(id, rest)
		if err != nil {
			return err
		}
		if d.origin != origin && d.level != stix.Clear {
			return nil
		}
		if _, live := x.names.Load().streams.name(d.stream); live {
			found = true
			return errStop
		}
		return nil
	}, kindDefinition, id)
	if err != nil {
		return false, x.fault("looking up a marking-definition", err)
	}
	return found, nil
}

// Versions returns the versions known of an object of one origin, in the order
// of their bytes: for STIX timestamps of the same precision the oldest first,
// for SCOs their hashes.
func (x *Index) Versions(origin, id string) ([]string, error) {
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.gate.RUnlock()
	var out []string
	newest, err := x.newest(Key{Origin: origin, ID: id})
	if err != nil {
		return nil, x.fault("looking up an object's versions", err)
	}
	if newest != nil && len(x.alive(newest)) > 0 {
		out = append(out, newest.own.Latest)
	}
	err = scan(x.db, func(version string, v []byte) error {
		if strings.IndexByte(version, 0) >= 0 {
			return fmt.Errorf("%w: key of an object", errFormat)
		}
		var s stored
		if err := s.decode(v); err != nil {
			return err
		}
		if len(x.alive(&s)) > 0 {
			out = append(out, version)
		}
		return nil
	}, kindObject, origin, id)
	if err != nil {
		return nil, x.fault("looking up an object's versions", err)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
