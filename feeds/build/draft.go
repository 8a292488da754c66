package build

import "time"

// Draft is an object that has not been given its version yet.
type Draft struct {
	// ID is the object's STIX id, the same whenever the row is read.
	ID string
	// Created is when the source says that it began to tell of it, zero if it does
	// not. It must not change from one reading to the next.
	Created time.Time
	// Modified is when the source says that it changed last, zero if it does not.
	Modified time.Time
	// Shared says that other rows make the same object: a malware family, an
	// observable. It is published once and does not leave with its row.
	Shared bool
	// Build writes the object's bytes. The same draft and version give the same
	// bytes always. An error is a *Refusal where the object is at fault: it can
	// never be built, its row is to be counted as refused.
	Build func(Version) ([]byte, error)
	// Versionless tells that Version counts for nothing: of cyber-observables,
	// which have none, and of objects that are passed on as they came, with a
	// version of their own.
	Versionless bool
}

// Version is what publishing adds to a draft: times in UTC, to the millisecond
// (STIX 2.1 §3.6).
type Version struct {
	Created, Modified time.Time
	Revoked           bool
}

// Refusal is why a row or an object became nothing: a short stable code for
// counting, and a sentence for people that quotes nothing personal.
type Refusal struct {
	Code    string
	Message string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

// Codes of refusals.
const (
	// InvalidValue: the value is none of its kind, or not to be told apart from
	// another by its text.
	InvalidValue = "invalid-value"
	// ReservedAddress: an address that is not on the internet (RFC 6890): private,
	// loopback, link-local, multicast, unspecified, or a network with such in it.
	ReservedAddress = "reserved-address"
	// ReservedDomain: a name that is in nobody's DNS, such as localhost.
	ReservedDomain = "reserved-domain"
	// TooWide: a network so large that it says nothing.
	TooWide = "network-too-wide"
	// KnownGood: the value is known to be harmless, such as the hash of nothing.
	KnownGood = "known-good"
	// UnknownKind: the source names a kind of value that is not known.
	UnknownKind = "unknown-kind"
	// InvalidRow: the row is not of the form that its format has.
	InvalidRow = "invalid-row"
	// TooLong: the row is longer than any is.
	TooLong = "too-long"
	// UnsupportedType: nothing in STIX asks for what the source's type has.
	UnsupportedType = "unsupported-type"
	// InvalidTime: a time cannot be read.
	InvalidTime = "invalid-time"
	// InvalidObject: what would be made of it is no valid STIX.
	InvalidObject = "invalid-object"
	// UnknownTLP: the source says a TLP that does not exist. It is not guessed.
	UnknownTLP = "unknown-tlp"
	// PersonalData: it names a person or an account.
	PersonalData = "personal-data"
	// Victim: it names who was attacked and not who attacks.
	Victim = "victim"
	// NotForSharing: it is for nobody else by its source's own word.
	NotForSharing = "not-for-sharing"
	// Duplicate: an earlier row of the same reading has this key.
	Duplicate = "duplicate-row"
)

// TakesBack tells whether the entry was read, and is now what is not to be shared:
// what was published of it before no longer stands. What cannot be read takes
// nothing back.
func (r *Refusal) TakesBack() bool {
	switch r.Code {
	case ReservedAddress, ReservedDomain, TooWide, KnownGood, UnsupportedType, UnknownTLP, PersonalData, Victim, NotForSharing:
		return true
	}
	return false
}

// Unreadable tells whether the entry could not be read: of an input that is mostly
// so, it is to be doubted that it is what the feed says it is.
func (r *Refusal) Unreadable() bool {
	switch r.Code {
	case InvalidValue, UnknownKind, InvalidRow, InvalidTime, InvalidObject, TooLong:
		return true
	}
	return false
}
