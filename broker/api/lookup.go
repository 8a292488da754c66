package api

import (
	"github.com/selat-hub/selat/stix"
)

// Bounds of a LookupRequest.
const (
	LookupValues = 1000
	LookupLimit  = 1000
	// LookupDefaultLimit is the limit of a request that names none.
	LookupDefaultLimit = 100
	// LookupValueBytes is the length of the longest value that is looked up.
	LookupValueBytes = 32 << 10
)

// Codes of a LookupError.
const (
	// CodeLookupInvalid: the text is nothing that can be looked up.
	CodeLookupInvalid = "lookup-invalid"
	// CodeLookupUnfinished: the values before it were too much for one request, and it
	// was not looked up. Ask for it again; the first of a request always is.
	CodeLookupUnfinished = "lookup-unfinished"
)

// LookupRequest asks which objects name values, of those that the seat may read.
type LookupRequest struct {
	// Values are 1 to 1,000 addresses, networks, domains, URLs, e-mail addresses,
	// hashes or MAC addresses, as people write them, defanged too.
	Values []string `json:"values"`
	// Subdomains asks of domains for what is below them as well.
	Subdomains bool `json:"subdomains,omitempty"`
	// Drill asks in the collections of exercises, which are told of only so, in
	// place of all others.
	Drill bool `json:"drill,omitempty"`
	// Limit is the most mentions of each value, up to 1,000; 0 is 100.
	Limit int `json:"limit,omitempty"`
}

// Lookup answers a LookupRequest: a line for each value, in their order.
type Lookup struct {
	Values []LookedUp `json:"values"`
}

// LookedUp is what is known of one value.
type LookedUp struct {
	// Value is the value as it was asked for.
	Value string `json:"value"`
	// Kinds are what it was taken for: address, domain, url, email, hash, mac.
	Kinds []string `json:"kinds,omitempty"`
	// Mentions are the objects that name it, the one stored last first. A value
	// that nothing names has none.
	Mentions []Mention `json:"mentions"`
	// More is true if there are more mentions than are told, or may be.
	More bool `json:"more,omitempty"`
	// Error is set if the value was not looked up.
	Error *LookupError `json:"error,omitempty"`
}

// LookupError says why a value was not looked up.
type LookupError struct {
	// Code is lookup-invalid or lookup-unfinished.
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *LookupError) Error() string { return e.Message + " (" + e.Code + ")" }

// Match is how what an object names stands to what was asked for.
type Match string

const (
	MatchExact     Match = "exact"     // the same
	MatchNetwork   Match = "network"   // a network around it
	MatchInside    Match = "inside"    // an address or a network inside of it
	MatchSubdomain Match = "subdomain" // a domain below it
)

// State is whether what an object says of a value holds now.
type State string

const (
	// StateValid: an indicator that holds.
	StateValid State = "valid"
	// StateNotYet and StateExpired: its valid_from is to come; its valid_until is
	// past.
	StateNotYet  State = "not-yet"
	StateExpired State = "expired"
	// StateRevoked: this version or a newer one that the seat may read is revoked.
	StateRevoked State = "revoked"
	// StateSuperseded: the seat may read a newer version, whatever that says.
	StateSuperseded State = "superseded"
	// StateObserved: an observable or observed-data, which says nothing good or
	// bad of the value.
	StateObserved State = "observed"
)

// Mention is one version of one object that names a value. Times are RFC 3339 in
// UTC.
type Mention struct {
	// Value is what the object names, in the spelling of its kind.
	Value string `json:"value"`
	Match Match  `json:"match"`
	// Role is what the object says of it: decisive (an observation of the value is
	// all that the indicator asks for), asked (it asks for more beside), excluded
	// (it is what the indicator does not look for) or observed.
	Role  string `json:"role"`
	State State  `json:"state"`
	// Origin is the member that published it.
	Origin string `json:"origin"`
	ID     string `json:"id"`
	Type   string `json:"type"`
	// Version is modified, else created, else Added.
	Version string `json:"version"`
	// Audience and Level are of the place where the seat could read it first.
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	// Added is its date_added there.
	Added string `json:"added"`
	// ValidFrom and ValidUntil are an indicator's.
	ValidFrom  string `json:"valid_from,omitempty"`
	ValidUntil string `json:"valid_until,omitempty"`
}
