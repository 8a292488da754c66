package catalog

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"github.com/selat-hub/selat/stix"
)

// An object that has versions is kept under a key of its own with its newest
// version in it, and with the lineage that all its versions make (stix.Lineage).
// Nearly every object has one version, so the lineage costs no entry more and
// no look more; and whether a new version may follow is known from one value.
// When a newer version comes the one before it moves to the key of a version.
//
// A lineage is only good for the streams it was made from. How many streams were
// forgotten is written beside it, and after one more the versions are asked
// themselves: each keeps its own part (survey.go).

// newestVersion stands in for the version in the keys of writer.values; no
// version holds a NUL.
const newestVersion = "\x00"

// newest returns the newest version of an object, nil if it has none.
func (x *Index) newest(k Key) (*stored, error) { return x.read(k, appendNewestKey) }

// LineageOf returns the lineage of those versions of an object that have a place
// for which may is true. It looks at every version.
func (x *Index) LineageOf(origin, id string, may func(Place) bool) (l stix.Lineage, err error) {
	if err := x.enter(); err != nil {
		return l, err
	}
	defer x.gate.RUnlock()
	err = x.eachStored(form{origin, id}, func(_ string, s *stored) error {
		e, err := x.entry(s)
		if err == nil && slices.ContainsFunc(e.Places, may) {
			l = l.Join(s.own)
		}
		return err
	})
	if err != nil {
		return stix.Lineage{}, x.fault("looking up an object's versions", err)
	}
	return l, nil
}

// keepVersion adds a record of an object that has versions. It answers as
// keepOther does.
func (x *Index) keepVersion(b *pebble.Batch, r *Record, place storedPlace) (kept, created bool, err error) {
	made := stored{hash: r.Hash, places: []storedPlace{place}, own: r.Lineage,
		newest: true, all: r.Lineage, forgotten: x.names.Load().forgotten(), old: r.old()}
	newest, err := x.before(r.Key, true)
	if err != nil {
		return false, false, err
	}
	if newest == nil {
		return true, true, x.put(b, r.Key, &made, true)
	}
	if err := x.markBeside(b, place, newest.places); err != nil {
		return false, false, err
	}
	stale := newest.forgotten != made.forgotten
	if stale {
		if newest.all, _, err = x.survey(r.Key, newest); err != nil {
			return false, false, err
		}
		newest.forgotten = made.forgotten
	}
	made.all = newest.all.Join(r.Lineage)
	live := x.alive(newest, r)
	switch {
	case r.Key.Version == newest.own.Latest && len(live) == 0:
		return true, true, x.put(b, r.Key, &made, false)
	case r.Key.Version == newest.own.Latest && newest.hash != r.Hash:
		x.conflict(r)
		return false, false, nil
	case r.Key.Version == newest.own.Latest:
		newest.places = append(live, place)
		return true, false, x.put(b, r.Key, newest, false)
	case newest.own.Join(r.Lineage).Latest == r.Key.Version:
		if len(live) > 0 {
			older := Key{r.Key.Origin, r.Key.ID, newest.own.Latest}
			if err := x.put(b, older, &stored{hash: newest.hash, places: live, own: newest.own, old: newest.old}, true); err != nil {
				return false, false, err
			}
		}
		return true, true, x.put(b, r.Key, &made, false)
	}
	kept, created, err = x.keepOther(b, r, place)
	if err != nil || !kept || !stale && (!created || made.all == newest.all) {
		return kept, created, err
	}
	if created {
		newest.all = made.all
	}
	return kept, created, x.put(b, r.Key, newest, false)
}

// How a lineage is written: a byte of flags, then what they do not say.
const (
	createdIsLatest = 1 << iota // as in a first version
	revokedIsLatest
	isRevoked  // at another version than the latest
	isIdentity // the creator is an identity: the 16 bytes of its UUID follow
)

const (
	identityPrefix = "identity--"
	uuidLen        = 36
)

// maxLineageText bounds the texts of a lineage: an identifier has at most 288
// bytes and a timestamp 64.
const maxLineageText = 512

func appendLineage(b []byte, l *stix.Lineage) []byte {
	var f byte
	if l.Created == l.Latest {
		f |= createdIsLatest
	}
	if l.Revoked == l.Latest {
		f |= revokedIsLatest
	} else if l.Revoked != "" {
		f |= isRevoked
	}
	creator, short := identityUUID(l.CreatedBy)
	if short {
		f |= isIdentity
	}
	b = appendText(append(b, f), l.Latest)
	if short {
		b = append(b, creator[:]...)
	} else {
		b = appendText(b, l.CreatedBy)
	}
	if f&createdIsLatest == 0 {
		b = appendText(b, l.Created)
	}
	if f&isRevoked != 0 {
		b = appendText(b, l.Revoked)
	}
	return b
}

// identityUUID returns the UUID of an identity's identifier, and false for
// what is spelled in any other way.
func identityUUID(id string) (uuid.UUID, bool) {
	text, ok := strings.CutPrefix(id, identityPrefix)
	if !ok || len(text) != uuidLen || strings.ContainsAny(text, "ABCDEF") {
		return uuid.Nil, false
	}
	u, err := uuid.Parse(text)
	return u, err == nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// lineage reads a lineage that is not zero.
func (r *varints) lineage() (l stix.Lineage) {
	f := r.byte()
	l.Latest = r.text(maxLineageText)
	if f&isIdentity == 0 {
		l.CreatedBy = r.text(maxLineageText)
	} else if u := uuid.UUID(r.bytes16()); !r.bad {
		l.CreatedBy = identityPrefix + u.String()
	}
	l.Created = l.Latest
	if f&createdIsLatest == 0 {
		l.Created = r.text(maxLineageText)
	}
	switch {
	case f&revokedIsLatest != 0:
		l.Revoked = l.Latest
	case f&isRevoked != 0:
		l.Revoked = r.text(maxLineageText)
	}
	if f > createdIsLatest|revokedIsLatest|isRevoked|isIdentity {
		r.bad = true
	}
	return l
}
