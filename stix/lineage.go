package stix

// Codes of what contradicts the other versions of an object.
const (
	codeCreatedChanged     = "created-changed"
	codeCreatorChanged     = "creator-changed"
	codeRevokedFinal       = "revoked-final"
	codeRevocationOutdated = "revocation-outdated"
)

// Lineage is what the versions of one object have in common, as far as they
// are known. The zero Lineage knows none, and is that of whatever has no
// versions: cyber-observables and marking-definitions.
//
// Versions may become known in any order: history that arrives late is lawful,
// and the Lineage of a set of versions is the same in whatever order they are
// joined. Times are written as Instant writes them.
type Lineage struct {
	// Created is when the object was first made. No version changes it.
	Created string
	// CreatedBy is the identity that made it, "" while no version has named
	// one.
	CreatedBy string
	// Latest is modified of the newest version.
	Latest string
	// Revoked is modified of the version that revoked the object, "" while
	// there is none. That version is also the latest.
	Revoked string
}

// Lineage returns the lineage of this version alone, zero if the object has no
// versions (see CompareVersions).
func (o *Object) Lineage() Lineage {
	if !o.hasVersions() {
		return Lineage{}
	}
	l := Lineage{Created: Instant(o.Created), CreatedBy: o.CreatedByRef, Latest: Instant(o.Modified)}
	if o.Revoked {
		l.Revoked = l.Latest
	}
	return l
}

// Admit tells whether the object may be one more version of what the lineage
// knows, nil if so. It refuses
//
//   - an object without versions, unless its type has none: it would stand beside
//     a revocation of its own identifier;
//   - another created (STIX 2.1 §3.2), compared as an instant;
//   - another creator: only the one who made an object makes versions of it
//     (§3.6). An absent created_by_ref says that the creator is not told, not
//     that it is another (§3.2), so it contradicts no name, and whoever is
//     named first stays the creator;
//   - a version after the one that revoked the object, even one that revokes it
//     again (§3.2, §3.6);
//   - a revocation older than a version that is known. Both cannot stand, and
//     the newest version is the object's state (§3.6), so readers would go on
//     taking the object for good: its creator must hear that it takes a
//     revocation with a later modified.
//
// Of two versions of one instant the bytes decide, which are not looked at here.
// Of what is not known, everything is admitted. No message quotes another version:
// whoever is told need not be one who may read it.
func (l *Lineage) Admit(o *Object) *Finding {
	if l.Latest == "" || unversionedType(o.Type) {
		return nil
	}
	if !o.hasVersions() {
		return o.contradiction(codeCreatedChanged, "", "STIX 2.1 §3.2",
			"the other versions of this object have created and modified, and a new version keeps the one and has its own of the other: add both")
	}
	if compareInstants(o.Created, l.Created) != 0 {
		return o.contradiction(codeCreatedChanged, "/created", "STIX 2.1 §3.2",
			"the other versions of this object have another value here, and a new version keeps theirs")
	}
	if o.CreatedByRef != "" && l.CreatedBy != "" && o.CreatedByRef != l.CreatedBy {
		return o.contradiction(codeCreatorChanged, "/created_by_ref", "STIX 2.1 §3.6",
			"another identity made this object, and only its creator makes new versions of it: publish yours under a new id, with a derived-from relationship to this one")
	}
	if l.Revoked != "" && compareInstants(o.Modified, l.Revoked) > 0 {
		return o.contradiction(codeRevokedFinal, "/modified", "STIX 2.1 §3.6",
			"an earlier version revoked this object, and revoking is final: publish a new object under a new id")
	}
	if o.Revoked && compareInstants(o.Modified, l.Latest) < 0 {
		return o.contradiction(codeRevocationOutdated, "/modified", "STIX 2.1 §3.6",
			"a later version is known already, and revoking is the last thing that happens to an object: revoke it with a later modified time")
	}
	return nil
}

func (o *Object) contradiction(code, path, section, message string) *Finding {
	return &Finding{Severity: Error, Code: code, Path: o.Pointer + path, Section: section, Message: message}
}

// Join returns the lineage of all versions that l and m know. Where they
// contradict each other, which versions that were all admitted never do, it
// keeps the earliest created, the earliest revocation and the creator that
// sorts first, so that it comes out the same in whatever order it is made.
func (l Lineage) Join(m Lineage) Lineage {
	if l.Latest == "" {
		return m
	}
	if m.Latest == "" {
		return l
	}
	if compareInstants(m.Created, l.Created) < 0 {
		l.Created = m.Created
	}
	if compareInstants(l.Latest, m.Latest) < 0 {
		l.Latest = m.Latest
	}
	if m.CreatedBy != "" && (l.CreatedBy == "" || m.CreatedBy < l.CreatedBy) {
		l.CreatedBy = m.CreatedBy
	}
	if m.Revoked != "" && (l.Revoked == "" || compareInstants(m.Revoked, l.Revoked) < 0) {
		l.Revoked = m.Revoked
	}
	return l
}
