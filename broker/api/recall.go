package api

import (
	"time"

	"github.com/selat-hub/selat/stix"
)

// Subjects of recalls in a seat's account.
const (
	SubjectRecall       = "hub.recall"        // RecallRequest -> Recalled
	SubjectRecallStatus = "hub.recall-status" // RecallStatusRequest -> RecallStatuses
)

// RecallRequest orders that an object be forgotten by all who hold it. Only its
// origin may, or the hub's administrator with a record.
type RecallRequest struct {
	ID string `json:"id"`
	// Version recalls one version only. Without it every version is recalled, and
	// those to come are refused.
	Version string `json:"version,omitempty"`
	// From recalls the object from one audience, a community or for RED a member,
	// and leaves it where else it is.
	From string `json:"from,omitempty"`
	// Reason is told to all who held the object; 1 to 500 characters.
	Reason string `json:"reason"`
}

// Recalled answers a RecallRequest, after the order and all that follows from it
// are on disk: nobody receives the object any more.
type Recalled struct {
	// Recall names the order.
	Recall string `json:"recall"`
	// Places is how many stored places of the object were erased.
	Places int `json:"places"`
	// Members is how many members are told.
	Members int `json:"members"`
}

// RecallOrder is what reaches those who held an object: it is to be forgotten.
// It comes on the seat's Control.
type RecallOrder struct {
	Recall string `json:"recall"`
	Origin string `json:"origin"`
	ID     string `json:"id"`
	// Version is the version to forget, as stix.Instant writes it; empty means
	// every version known or to come. For one without versions it is the SHA-256 of
	// its bytes.
	Version string `json:"version,omitempty"`
	// Before, of a narrowing, forgets what is older than this version instead.
	Before string `json:"before,omitempty"`
	// Audience is where it is recalled from; empty means everywhere.
	Audience string `json:"audience,omitempty"`
	// Unless, of a narrowing, is the stricter level: a seat whose ceiling and
	// standing allow that keeps what it has. What a version that is RED takes away is
	// told as recalls of single versions, which tell of no stricter one.
	Unless stix.Level `json:"unless,omitempty"`
	// Level is the one it was told under.
	Level  stix.Level `json:"tlp"`
	Reason string     `json:"reason"`
	At     time.Time  `json:"at"`
}

// Control is the stream of orders of a seat's member, CTL_<MEMBER>. The seat holds
// one durable on it, named as those on its streams are, that delivers the orders
// of the levels that it holds or ever held: one RecallOrder a message, in JSON.
type Control struct {
	Name string `json:"name"`
	Last uint64 `json:"last"`
	// Delivered, AckFloor and Pending are as in StreamAccess.
	Delivered uint64 `json:"delivered"`
	AckFloor  uint64 `json:"ack_floor"`
	Pending   uint64 `json:"pending"`
}

// RecallStatusRequest asks for the recalls of an object of the seat's member.
type RecallStatusRequest struct {
	ID string `json:"id"`
}

// RecallAs is a RecallRequest of the hub's administrator, who may recall any
// origin's object.
type RecallAs struct {
	Origin string `json:"origin"`
	RecallRequest
}

// RecallStatusAs is a RecallStatusRequest of the hub's administrator.
type RecallStatusAs struct {
	Origin string `json:"origin"`
	ID     string `json:"id"`
}

// RecallStatuses answers it, the newest first.
type RecallStatuses struct {
	Recalls []RecallStatus `json:"recalls"`
}

// RecallStatus tells how far a recall has come.
type RecallStatus struct {
	Recall  string    `json:"recall"`
	ID      string    `json:"id"`
	Version string    `json:"version,omitempty"`
	From    string    `json:"from,omitempty"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	// By is the seat that ordered it, or "administrator".
	By string `json:"by"`
	// Erased says that the bytes are gone from the hub.
	Erased bool `json:"erased"`
	// Members tells of each that was told how many of its seats have a daemon
	// that follows orders, and how many of those have acknowledged.
	Members []RecallMember `json:"members"`
}

// RecallMember is one member's part of a RecallStatus.
type RecallMember struct {
	Member       string `json:"member"`
	Seats        int    `json:"seats"`
	Acknowledged int    `json:"acknowledged"`
	// Outstanding names the seats that have not, to the hub's administrator and
	// to the member itself only.
	Outstanding []string `json:"outstanding,omitempty"`
}
