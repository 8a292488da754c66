// Package api is what a seat and the hub say to each other: subjects, headers
// and JSON shapes. It holds no behaviour, so that the hub, the Go client and
// anyone writing a client in another language read the same page.
//
// A seat connects with its credentials and finds, in its own account:
//
//	submit              publish a STIX bundle or object; the answer is a Receipt
//	hub.whoami          Whoami
//	hub.streams         Streams: what the seat may read; makes its durables
//	hub.replay          ReplayRequest -> Replay
//	hub.receipts        ReceiptsRequest -> Receipts
//	hub.lookup          LookupRequest -> Lookup
//	hub.manifest        ManifestRequest -> Manifest
//	hub.recall          RecallRequest -> Recalled
//	hub.recall-status   RecallStatusRequest -> RecallStatuses
//	hub.route           a submission, as to submit; the answer is a Route
//	CTI.API.>           CONSUMER.INFO and CONSUMER.MSG.NEXT of its own durables
//	$JS.ACK.>           acknowledgements of its own durables
//
// Every request gets an answer. An answer that is an error is a JSON object
// with the single member "error".
package api

import (
	"time"

	"github.com/selat-hub/selat/stix"
)

// Subjects in a seat's account.
const (
	SubjectSubmit   = "submit"
	SubjectWhoami   = "hub.whoami"
	SubjectStreams  = "hub.streams"
	SubjectReplay   = "hub.replay"
	SubjectReceipts = "hub.receipts"
	SubjectRoute    = "hub.route"
	SubjectLookup   = "hub.lookup"
	SubjectManifest = "hub.manifest"

	// APIPrefix stands where $JS.API stands in a plain JetStream account.
	APIPrefix = "CTI.API"
)

// Headers of a submission. Any other header is ignored.
const (
	// HeaderTo names the audience: one community, or for RED the members,
	// separated by commas.
	HeaderTo = "Selat-To"
	// HeaderUnmarked names the level unmarked objects travel under.
	HeaderUnmarked = "Selat-Unmarked"
	// HeaderOnly names the one level that the submission takes: objects of any
	// other are refused.
	HeaderOnly = "Selat-Only"
)

// Headers of a delivered message, all set by the hub.
const (
	// HeaderAdded is when the hub stored the first object of the message,
	// RFC 3339 in UTC with microseconds; each further object counts one
	// microsecond more. Strictly rising over everything the hub accepts.
	HeaderAdded = "Selat-Added"
	// HeaderUnmarkedLevel is present when the objects of the message carry no
	// TLP marking of their own; its value is the level they travel under.
	HeaderUnmarkedLevel = "Selat-Unmarked"
	// HeaderSupporting is "true" on objects that carry no intelligence of their
	// own and travel with the objects that refer to them.
	HeaderSupporting = "Selat-Supporting"
	// HeaderSequence and HeaderIndexes are present on what is left of a message
	// after objects of it were erased: the sequence that it had, and the positions
	// of its objects there, in order and separated by commas. They, and
	// HeaderAdded, go on being the addresses and times of its objects.
	HeaderSequence = "Selat-Sequence"
	HeaderIndexes  = "Selat-Indexes"
	// HeaderOrigin, HeaderAudience and HeaderLevel repeat the subject's tokens.
	HeaderOrigin   = "Selat-Origin"
	HeaderAudience = "Selat-Audience"
	HeaderLevel    = "Selat-TLP"
)

// Error is the hub's answer to a request it will not fulfil.
type Error struct {
	// Code is stable: invalid, forbidden, not-found, conflict, unavailable,
	// busy, rate-limited, unauthorized, locked, internal, or a refusal's code.
	Code    string `json:"code"`
	Message string `json:"message"`
	// RetryAfter is how long to wait before asking again, where the hub knows
	// it: of locked and busy when authenticating over HTTP, which says it in a
	// header.
	RetryAfter time.Duration `json:"-"`
}

func (e *Error) Error() string { return e.Message + " (" + e.Code + ")" }

// Outcome of one object.
type Outcome string

const (
	Accepted  Outcome = "accepted"
	Duplicate Outcome = "duplicate" // already stored there, byte for byte: a success
	Refused   Outcome = "refused"
)

// Receipt is the hub's answer to one submission.
type Receipt struct {
	// Submission is the hub's id of the submission, for its logs and yours.
	Submission string `json:"submission"`
	Origin     string `json:"origin"`
	// Error is set when the submission as a whole was refused; Objects is then
	// empty and nothing of it was stored.
	Error *stix.Finding `json:"error,omitempty"`
	// Retry is true when Error, or any refusal, is about the hub (busy,
	// unavailable, disk-full, rate-limited) and the same bytes may pass later;
	// what was accepted is then a duplicate.
	Retry     bool `json:"retry,omitempty"`
	Accepted  int  `json:"accepted"`
	Duplicate int  `json:"duplicate"`
	Refused   int  `json:"refused"`
	// Objects has a line for each object in the order submitted; for RED, a
	// line for each object and recipient. When all the findings would not fit in
	// one message each line tells the first only; when even that would not, the
	// counts stand alone.
	Objects []ObjectReceipt `json:"objects,omitempty"`
}

// ObjectReceipt tells what became of one object (for RED: at one recipient).
// An object is accepted only after it is on disk.
type ObjectReceipt struct {
	// Object is the position in the submission, from 0.
	Object  int     `json:"object"`
	ID      string  `json:"id,omitempty"`
	Version string  `json:"version,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Audience and Level say where it went.
	Audience string     `json:"audience,omitempty"`
	Level    stix.Level `json:"tlp,omitempty"`
	// Stream, Sequence and Index are the object's address: the message, and
	// the object's position in it from 0.
	Stream   string `json:"stream,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	Index    int    `json:"index"`
	// Added is the object's date_added, RFC 3339 with microseconds.
	Added string `json:"added,omitempty"`
	// Findings says why it was refused; warnings follow in Warnings.
	Findings []stix.Finding `json:"findings,omitempty"`
	Warnings []Warning      `json:"warnings,omitempty"`
}

// Warning tells which SHOULD of STIX an object breaks. It has one for each code;
// selat stix validate tells of every place.
type Warning struct {
	Code string `json:"code"`
	// Path is a JSON pointer to the first place.
	Path string `json:"path"`
	// More is the number of other places in the object.
	More int `json:"more,omitempty"`
	// Section and Message are those of the finding. A receipt has them where a
	// code comes first in it, and not again.
	Section string `json:"section,omitempty"`
	Message string `json:"message,omitempty"`
}

// Whoami tells a seat what the hub knows of it.
type Whoami struct {
	Hub         string     `json:"hub"`
	Version     string     `json:"version"`
	Seat        string     `json:"seat"`
	Member      string     `json:"member"`
	Title       string     `json:"title"`
	Account     string     `json:"account"`
	Kind        string     `json:"kind"`
	Standing    string     `json:"standing"`
	Ceiling     stix.Level `json:"ceiling"`
	Identities  []string   `json:"identities,omitempty"`
	Unmarked    stix.Level `json:"unmarked,omitempty"`
	AmberTo     string     `json:"amber_to,omitempty"`
	Communities []string   `json:"communities"`
	// Members lists the names RED may be addressed to.
	Members []string `json:"members"`
	Limits  Limits   `json:"limits"`
	// Time is the hub's clock when it answered.
	Time time.Time `json:"time"`
}

// Limits a submission must keep.
type Limits struct {
	PayloadBytes int `json:"payload_bytes"`
	ObjectBytes  int `json:"object_bytes"`
	Objects      int `json:"objects"`
	Depth        int `json:"depth"`
}

// Streams lists what a seat may read now. Asking for it makes the durables
// that are missing.
type Streams struct {
	// Consumer is the durable's name on each of the streams: the seat's
	// account public key.
	Consumer string         `json:"consumer"`
	Streams  []StreamAccess `json:"streams"`
	// Control is where recalls reach the seat.
	Control *Control `json:"control,omitempty"`
}

// StreamAccess is one stream a seat may read.
type StreamAccess struct {
	Name     string     `json:"name"`
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	// From is the first sequence open to the seat.
	From uint64 `json:"from"`
	// Last is the stream's last sequence; Delivered and AckFloor are the
	// durable's own progress in the stream's sequences, Pending what is left.
	Last      uint64 `json:"last"`
	Delivered uint64 `json:"delivered"`
	AckFloor  uint64 `json:"ack_floor"`
	Pending   uint64 `json:"pending"`
}

// ReplayRequest asks that the seat's durables go back. Exactly one of Since,
// Sequence and All is set.
type ReplayRequest struct {
	// Streams to replay, by name; empty means all that the seat may read.
	Streams []string `json:"streams,omitempty"`
	// Since replays what was stored at or after this time.
	Since time.Time `json:"since,omitzero"`
	// Sequence replays from this sequence on; Streams then names exactly one.
	Sequence uint64 `json:"sequence,omitempty"`
	// All replays everything the seat may read.
	All bool `json:"all,omitempty"`
}

// Replay tells where each durable now stands: the next sequence it delivers.
type Replay struct {
	Next map[string]uint64 `json:"next"`
}

// ReceiptsRequest asks what became of objects the seat's member published.
type ReceiptsRequest struct {
	Objects []ObjectVersion `json:"objects"` // at most 1,000
}

// ObjectVersion names one version of one object. For an object without
// modified or created (an SCO), Version is empty and every stored form of it
// is told.
type ObjectVersion struct {
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
}

// Receipts answers a ReceiptsRequest: what is stored; what is not named there
// is not.
type Receipts struct {
	Objects []StoredObject `json:"objects"`
}

// StoredObject is one stored version of an object and its places.
type StoredObject struct {
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
	// SHA256 is of the object's bytes as submitted, in lower-case hex.
	SHA256 string        `json:"sha256"`
	Places []StoredPlace `json:"places"`
}

// StoredPlace is one address of a stored object.
type StoredPlace struct {
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	Stream   string     `json:"stream"`
	Sequence uint64     `json:"sequence"`
	Index    int        `json:"index"`
	Added    string     `json:"added"`
}

// Route explains, for each object of a submission, who would receive it and
// who would not, and why. A seat is told about members; the hub's team also
// about each seat.
type Route struct {
	Origin  string        `json:"origin"`
	Error   *stix.Finding `json:"error,omitempty"`
	Objects []ObjectRoute `json:"objects"`
}

// ObjectRoute is the decision on one object.
type ObjectRoute struct {
	Object int        `json:"object"`
	ID     string     `json:"id,omitempty"`
	Level  stix.Level `json:"tlp,omitempty"`
	// Why says which marking gave the level, or which rule refused it.
	Why       string         `json:"why,omitempty"`
	Streams   []string       `json:"streams,omitempty"`
	Findings  []stix.Finding `json:"findings,omitempty"`
	Decisions []Decision     `json:"decisions,omitempty"`
}

// Decision is whether one reader would receive an object, and why.
type Decision struct {
	Member   string `json:"member"`
	Seat     string `json:"seat,omitempty"`
	Receives bool   `json:"receives"`
	Code     string `json:"code"`
	Reason   string `json:"reason"`
}
