package stix

import "crypto/sha256"

// Limits bounds what Split and Reader take. A field that is zero or less
// stands for its default.
type Limits struct {
	PayloadBytes int // one submission, in bytes; at most 1 GiB
	ObjectBytes  int // one object, in bytes
	Objects      int // objects in one submission
	Depth        int // nested arrays and objects, the object itself being 1
}

// DefaultLimits are the hub's: 8 MiB, 1 MiB, 10,000 objects, 64 levels.
var DefaultLimits = Limits{PayloadBytes: 8 << 20, ObjectBytes: 1 << 20, Objects: 10_000, Depth: 64}

// maxPayload keeps every offset within 32 bits.
const maxPayload = 1 << 30

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	if l.PayloadBytes > 0 {
		d.PayloadBytes = min(l.PayloadBytes, maxPayload)
	}
	if l.ObjectBytes > 0 {
		d.ObjectBytes = min(l.ObjectBytes, maxPayload)
	}
	if l.Objects > 0 {
		d.Objects = l.Objects
	}
	if l.Depth > 0 {
		d.Depth = l.Depth
	}
	return d
}

// Object is one STIX object as it was submitted, with what routing needs read
// out of it. The strings are copies; only Raw refers to the payload.
//
// Of a refused object the fields hold what could be read, for its receipt:
// they may be empty, and a Type or ID may be wrong in form, but neither is ever
// longer than the specification allows.
type Object struct {
	// Raw is the sub-slice of the payload with exactly the object's bytes.
	Raw []byte
	// Index is the position in the submission, from 0.
	Index int
	// Pointer is the RFC 6901 pointer to the object, "/objects/3" in a bundle
	// and "" for a lone object.
	Pointer string

	Type, ID, SpecVersion, Created, Modified, CreatedByRef string
	Revoked                                                bool

	// MarkingRefs are the markings on the object, in the order written, first
	// the object's own, then the granular ones. Only well-formed ones.
	MarkingRefs []MarkingRef
	// Refs holds once each identifier the object refers to: the values of
	// properties named *_ref and *_refs at any depth, markings among them, and
	// the identifiers used as keys of "extensions". Only well-formed ones.
	Refs []string
	// Definition is what a marking-definition says; nil on all other types.
	Definition *Definition
	// Findings holds what is wrong with the object, errors first, at most 100.
	Findings []Finding

	hash   [sha256.Size]byte
	hashed bool
}

// Hash returns the SHA-256 of Raw. It is computed at the first call, which is
// made before the object is shared among goroutines.
func (o *Object) Hash() [sha256.Size]byte {
	if !o.hashed {
		o.hash, o.hashed = sha256.Sum256(o.Raw), true
	}
	return o.hash
}

// MarkingRef is one reference from an object to a marking-definition.
type MarkingRef struct {
	ID   string
	Path string // RFC 6901 pointer to the reference itself
}

// Version returns what tells the versions of an object apart (STIX 2.1 §3.6):
// modified, else created (a marking-definition has no more), else "" (a
// cyber-observable, which only its hash tells apart).
func (o *Object) Version() string {
	if o.Modified != "" {
		return o.Modified
	}
	return o.Created
}

// Supporting reports whether the object carries no intelligence of its own but
// supports the objects that refer to it: a marking-definition, an
// extension-definition or an identity.
func (o *Object) Supporting() bool {
	switch o.Type {
	case "marking-definition", "extension-definition", "identity":
		return true
	}
	return false
}
