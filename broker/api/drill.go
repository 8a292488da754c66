package api

import (
	"time"

	"github.com/selat-hub/selat/stix"
)

// DrillPositions tells how far each seat is in the community of exercises. RED is
// not in it: a community has none.
type DrillPositions struct {
	At    time.Time   `json:"at"`
	Seats []DrillSeat `json:"seats"`
}

// DrillSeat is a seat that may read exercises.
type DrillSeat struct {
	Seat   string `json:"seat"`
	Member string `json:"member"`
	// FilterType and FilterOrigin narrow what it receives.
	FilterType   string          `json:"filter_type,omitempty"`
	FilterOrigin string          `json:"filter_origin,omitempty"`
	Positions    []DrillPosition `json:"positions"`
}

// DrillPosition is how far a seat is on one stream that it may read.
type DrillPosition struct {
	Stream string     `json:"stream"`
	Level  stix.Level `json:"tlp"`
	// From is the first sequence open to it.
	From uint64 `json:"from"`
	// Durable is false while the seat has never asked for its streams; the rest is
	// then zero. Delivered is the last sequence it was sent, and all up to AckFloor
	// are acknowledged.
	Durable   bool   `json:"durable"`
	Delivered uint64 `json:"delivered"`
	AckFloor  uint64 `json:"ack_floor"`
}
