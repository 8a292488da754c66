package api

import "time"

// Examination is what a running hub finds out about itself when its team asks.
type Examination struct {
	Version string `json:"version"`
	// At is the hub's clock.
	At time.Time `json:"at"`
	// Streams is how many were looked at.
	Streams  int       `json:"streams"`
	Findings []Finding `json:"findings"`
}

// Finding is one thing that must hold for a hub, and what is wrong with it.
type Finding struct {
	Name string `json:"name"`
	// Wrong says what does not hold and what to do, empty where all is well.
	Wrong []string `json:"wrong,omitempty"`
}
