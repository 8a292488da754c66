package policy

import "time"

// Invitation is a seat's standing offer to take a key that its own side made. The
// code that redeems it is told once and kept nowhere; this is what the directory
// knows of it.
type Invitation struct {
	// ID names the invitation in lists and in its code, and alone opens nothing.
	ID string `json:"id"`
	// Hash is SHA-256 of the secret, in hex. It never leaves the hub.
	Hash    string    `json:"hash,omitempty"`
	Created time.Time `json:"created"`
	// Expires is when the code ends by itself.
	Expires time.Time `json:"expires"`
}

// Expired reports whether the invitation has ended by itself.
func (i *Invitation) Expired(now time.Time) bool { return !now.Before(i.Expires) }

// Enrolled reports whether the seat has a key: one that was only invited has none,
// and nobody can connect as it.
func (s *Seat) Enrolled() bool { return s.User != "" }

// SeatByInvitation returns the seat that holds the invitation of this id, or nil.
func (r *Region) SeatByInvitation(id string) *Seat {
	var first *Seat
	for _, s := range r.Seats {
		if id != "" && s.Invitation != nil && s.Invitation.ID == id && (first == nil || s.Name < first.Name) {
			first = s
		}
	}
	return first
}
