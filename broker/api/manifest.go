package api

import (
	"github.com/selat-hub/selat/stix"
)

// Bounds of a ManifestRequest.
const (
	ManifestLimit = 1000
	// ManifestDefaultLimit is the limit of a request that names none.
	ManifestDefaultLimit = 1000
)

// ManifestRequest asks which objects stand in one stream, of those that the seat may
// read: every version, in the order in which they were stored. It is for a receiver
// that wants to know whether it has them all.
type ManifestRequest struct {
	// Audience and Level name the stream; of RED the audience is the seat's member.
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	// After leaves out what was stored until then: Next of the page before; empty
	// for the first page.
	After string `json:"after,omitempty"`
	// Limit is the most objects in the answer, up to 1,000; 0 is 1,000.
	Limit int `json:"limit,omitempty"`
}

// Manifest answers a ManifestRequest. It may hold fewer objects than the limit, even
// none, and still be followed by more.
type Manifest struct {
	Objects []ManifestObject `json:"objects"`
	// More is true if there is more after Next, or may be.
	More bool   `json:"more,omitempty"`
	Next string `json:"next,omitempty"`
}

// ManifestObject is one version of one object in a stream.
type ManifestObject struct {
	Origin string `json:"origin"`
	ID     string `json:"id"`
	// Version is modified, else created, as written in the object. It is empty for
	// what has neither, whose forms Added tells apart.
	Version string `json:"version,omitempty"`
	// Sequence and Index are the object's address, as its delivery tells it.
	Sequence uint64 `json:"sequence"`
	Index    int    `json:"index"`
	// Message is the sequence of the message that holds it now, where that is
	// another: neighbours of it were erased. It is what a durable counts by.
	Message uint64 `json:"message,omitempty"`
	// Added is its date_added, RFC 3339 with microseconds; no other object has it.
	Added string `json:"added"`
}
