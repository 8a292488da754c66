package stix

import (
	"slices"
	"time"
)

// Ordering is how one version of an object stands to another.
type Ordering uint8

const (
	// Unordered: at least one of the two is no version of anything (see
	// Lineage), or they are of different objects. They stand beside each other.
	Unordered Ordering = iota
	// Older and Newer: made before, or after, the other.
	Older
	Newer
	// Same: the same instant and the same bytes.
	Same
	// Conflict: the same instant and other bytes, which no two versions may
	// have (STIX 2.1 §3.6). Neither is newer; the one known first counts.
	Conflict
)

// CompareVersions tells how a stands to b: Older where a was made first. What
// counts is the instant in modified, at whatever precision each is written
// (STIX 2.1 §3.6), so one instant spelled in two ways is one version.
//
// Cyber-observables, marking-definitions and whatever else has no versions are
// Unordered, also to themselves: only their Hash tells two of them apart, none
// replaces another, and none is revoked.
func CompareVersions(a, b *Object) Ordering {
	if a.ID != b.ID || !a.hasVersions() || !b.hasVersions() {
		return Unordered
	}
	switch c := compareInstants(a.Modified, b.Modified); {
	case c < 0:
		return Older
	case c > 0:
		return Newer
	case a.Hash() == b.Hash():
		return Same
	}
	return Conflict
}

// hasVersions tells whether the object is one version of something: it has
// well-formed created and modified, and is neither a cyber-observable nor a
// marking-definition, which the specification does not version.
func (o *Object) hasVersions() bool {
	return o.Modified != "" && o.Created != "" && !unversionedType(o.Type) &&
		validTimestamp([]byte(o.Modified)) && (o.Created == o.Modified || validTimestamp([]byte(o.Created)))
}

// unversionedType tells whether objects of a type have no versions even if they
// carry the properties of one: cyber-observables, for which created and
// modified are then properties like any other, and marking-definitions
// (STIX 2.1 §3.2, §6, §7.2.1).
func unversionedType(t string) bool {
	st := structures[t]
	return st != nil && (st.class == observable || st.class == marking)
}

// compareInstants orders two valid timestamps by time, whatever their precision.
func compareInstants(a, b string) int {
	if a == b {
		return 0
	}
	return compareTimestamps([]byte(a), []byte(b))
}

// Instant returns a timestamp in the one spelling of its instant: with three
// digits after the second, and more only up to the last that is not zero. Any
// other text is returned as it is.
func Instant(timestamp string) string {
	const usual = secondsLen + len(".000Z")
	if len(timestamp) == usual || !validTimestamp([]byte(timestamp)) {
		return timestamp
	}
	digits := fraction([]byte(timestamp))
	padding := "000"[min(len(digits), 3):]
	return timestamp[:secondsLen] + "." + string(digits) + padding + "Z"
}

// DatedAfter tells which of the times that an object gives itself, created and
// modified, is after an instant: "/created", "/modified", or "" for neither. To a
// cyber-observable both are properties like any other, and not looked at.
func (o *Object) DatedAfter(t time.Time) string {
	if st := structures[o.Type]; st != nil && st.class == observable {
		return ""
	}
	limit := t.UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000000Z")
	for _, p := range []struct{ path, time string }{{"/created", o.Created}, {"/modified", o.Modified}} {
		if b := []byte(p.time); validTimestamp(b) && compareTimestamps(b, limit) > 0 {
			return p.path
		}
	}
	return ""
}

// Standing is what a set of versions of one object amounts to.
type Standing struct {
	// Latest is the position of the newest version, whose content is the
	// object's state (STIX 2.1 §3.6); -1 if nothing in the set has versions.
	Latest int
	// Superseded are the positions of older versions, and Conflicts of those
	// that claim the instant of a version before them in the set with other
	// bytes. What has no versions is in neither, and repeats of one version
	// are in neither.
	Superseded, Conflicts []int
	// Revoked is true if any version is revoked, for revoking is permanent,
	// whatever a later version says (STIX 2.1 §3.2).
	Revoked bool
}

// Stand tells what versions of one object amount to, in whatever order they
// are given; of two in conflict the first counts. The objects must have one id.
func Stand(versions []*Object) Standing {
	st := Standing{Latest: -1}
	var order []int
	for i, o := range versions {
		if o.hasVersions() {
			order = append(order, i)
			st.Revoked = st.Revoked || o.Revoked
		}
	}
	if len(order) == 0 {
		return st
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return compareInstants(versions[i].Modified, versions[j].Modified)
	})
	first := order[0] // of those of one instant
	for _, i := range order[1:] {
		switch o := versions[i]; {
		case compareInstants(o.Modified, versions[first].Modified) != 0:
			st.Superseded = append(st.Superseded, first)
			first = i
		case o.Hash() != versions[first].Hash():
			st.Conflicts = append(st.Conflicts, i)
		}
	}
	st.Latest = first
	return st
}
