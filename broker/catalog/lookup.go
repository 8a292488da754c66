package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

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
	err := x.eachStored(form{origin, id}, func(version string, s *stored) error {
		if len(x.alive(s)) > 0 {
			out = append(out, version)
		}
		return nil
	})
	if err != nil {
		return nil, x.fault("looking up an object's versions", err)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// EachForm calls visit with every known version of an object of one origin, or
// with every form of one without versions, in no order: its key, its bytes' hash
// and places, and what it alone says of the object's lineage. They are those of one
// moment. It stops with the first error of visit and returns it.
func (x *Index) EachForm(ctx context.Context, origin, id string, visit func(Key, Entry, stix.Lineage) error) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.gate.RUnlock()
	var told error
	err := x.eachStored(form{origin, id}, func(version string, s *stored) error {
		e, err := x.entry(s)
		if err != nil || len(e.Places) == 0 {
			return err
		}
		if told = ctx.Err(); told == nil {
			told = visit(Key{origin, id, version}, e, s.own)
		}
		if told != nil {
			return errStop
		}
		return nil
	})
	if err != nil {
		return x.fault("looking up an object's versions", err)
	}
	return told
}

// eachStored visits what is stored of the versions of an object, or of the forms
// of one without, the newest first. They are those of one moment: a new version,
// or an erasure, changes which is kept as the newest.
func (x *Index) eachStored(f form, visit func(version string, s *stored) error) error {
	newest, err := appendNewestKey(nil, Key{Origin: f.origin, ID: f.id})
	if err != nil {
		return err
	}
	lower, upper, err := prefix(kindObject, f.origin, f.id)
	if err != nil {
		return err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: newest, UpperBound: upper})
	if err != nil {
		return err
	}
	see := func(version string) error {
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		var s stored
		if err := s.decode(v); err != nil {
			return err
		}
		if s.newest {
			version = s.own.Latest
		}
		if strings.IndexByte(version, 0) >= 0 {
			return fmt.Errorf("%w: key of an object", errFormat)
		}
		return visit(version, &s)
	}
	if it.SeekGE(newest) && bytes.Equal(it.Key(), newest) {
		err = see("")
	}
	for ok := err == nil && it.SeekGE(lower); ok && err == nil; ok = it.Next() {
		err = see(string(it.Key()[len(lower):]))
	}
	if err == errStop {
		err = nil
	}
	return errors.Join(err, it.Close())
}

// version returns what is stored of the newest version of an object, and of the
// version of the key; nil where there is none.
func (x *Index) version(k Key) (newest, v *stored, err error) {
	for {
		began := x.erasing.Load()
		if newest, err = x.newest(k); err != nil {
			return nil, nil, err
		}
		if newest != nil && newest.own.Latest == k.Version {
			return newest, newest, nil
		}
		if v, err = x.read(k, appendObjectKey); v != nil || err != nil || newest == nil || !x.erasedSince(began) {
			return newest, v, err
		}
		// It may have become the newest in between.
		again, err := x.newest(k)
		if err != nil || again == nil || again.own.Latest == newest.own.Latest {
			return again, nil, err
		}
	}
}
