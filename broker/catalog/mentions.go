package catalog

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/selat-hub/selat/stix/values"
)

// Mention is one object that names a value, or something around or inside it.
type Mention struct {
	Item
	// Key is the value that the object names, with what it says of it.
	Key values.Key
	// ValidFrom and ValidUntil are an indicator's, in Unix microseconds, 0 where
	// it has none.
	ValidFrom, ValidUntil int64
	// Latest is false if the view shows a newer version of the object by the same
	// origin, Revoked true if this version or a newer one is revoked.
	Latest, Revoked bool
}

// workPerLookup bounds how many mentions one question looks at.
const workPerLookup = 20_000

// Mentions returns what a view says of a value: the objects that name it, the
// networks around it and what is inside it if it is an address or a network, and
// with below also its subdomains if it is a domain. Each version of an object is
// told once for each value that it names, the one added last first, limit at
// most. more is true if there is more, or may be.
func (x *Index) Mentions(ctx context.Context, v View, key values.Key, below bool, limit int) (found []Mention, more bool, err error) {
	if err := x.enter(); err != nil {
		return nil, false, err
	}
	defer x.gate.RUnlock()
	m := mentions{selection: newSelection(x, v, Query{Versions: []string{VersionAll}}), ctx: ctx, seen: map[form][]version{}}
	if err := m.look(key, below); err != nil {
		if ctx.Err() == nil {
			err = x.fault("looking up a value", err)
		}
		return nil, false, err
	}
	slices.SortStableFunc(m.found, func(a, b Mention) int { return cmp.Compare(b.Place.Added, a.Place.Added) })
	if len(m.found) > limit {
		return m.found[:limit], true, nil
	}
	return m.found, m.work >= workPerLookup, nil
}

type mentions struct {
	*selection
	ctx   context.Context
	work  int
	seen  map[form][]version
	found []Mention
}

func (m *mentions) look(key values.Key, below bool) error {
	exact := appendValue(nil, key.Kind, key.Bytes)
	inside := key.Kind == values.Domain && below
	if _, network := networkBits(&key); network {
		inside = true // itself among it
	} else if err := m.scan(exact, after(exact)); err != nil {
		return err
	}
	if lo, hi := values.Range(key); inside && lo != nil {
		head := []byte{kindValue, byte(key.Kind)}
		if err := m.scan(appendEscapedFor(head, key.Kind, lo), appendEscapedFor(head, key.Kind, hi)); err != nil {
			return err
		}
	}
	for around := range values.Supernets(key) {
		if bits, _ := networkBits(&around); m.names.networks[bits] {
			prefix := appendValue(nil, around.Kind, around.Bytes)
			if err := m.scan(prefix, after(prefix)); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendEscapedFor appends a bound of a range of values.
func appendEscapedFor(head []byte, kind values.Kind, bound []byte) []byte {
	if ofOneLength(kind) {
		return append(bytes.Clone(head), bound...)
	}
	return appendEscaped(bytes.Clone(head), bound)
}

func (m *mentions) scan(lower, upper []byte) error {
	return scanRange(m.x.db, lower, upper, func(k, v []byte) error {
		if m.work++; m.work > workPerLookup {
			return errStop
		}
		if m.work%1024 == 0 && m.ctx.Err() != nil {
			return m.ctx.Err()
		}
		key, place, err := parseValueKey(k)
		if err != nil {
			return err
		}
		if from, open := m.from[place.stream]; !open || place.seq < from {
			return nil
		}
		s, err := decodeSaid(v)
		if err != nil {
			return err
		}
		return m.add(key, place, &s)
	})
}

func (m *mentions) add(key values.Key, place storedPlace, s *said) error {
	it, err := m.item(place)
	if err != nil {
		return err
	}
	if m.v.Origin != "" && m.v.Origin != it.Origin || !m.wants(it.Type) {
		return nil
	}
	versions, err := m.versionsOnce(form{it.Origin, it.ID})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(versions, func(v version) bool { return v.Place == it.Place })
	if at < 0 {
		return nil // it stands elsewhere first
	}
	mention := Mention{
		Item: it, Key: values.Key{Kind: key.Kind, Role: s.role, Bytes: bytes.Clone(key.Bytes)},
		ValidFrom: s.from, ValidUntil: s.until, Latest: at == len(versions)-1, Revoked: s.revoked,
	}
	for _, v := range versions[at:] {
		mention.Revoked = mention.Revoked || v.revoked
	}
	m.found = append(m.found, mention)
	return nil
}

// versionsOnce returns the versions of an object in their order.
func (m *mentions) versionsOnce(f form) ([]version, error) {
	if vs, known := m.seen[f]; known {
		return vs, nil
	}
	vs, err := m.versions(f)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(vs, func(a, b version) int { return compareVersions(&a, &b) })
	m.seen[f] = vs
	return vs, nil
}
