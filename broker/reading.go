package broker

import (
	"context"
	"errors"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// How callers that are no NATS clients read: TAXII and lookups. What they may
// see is decided anew for each question, from the directory in force, and the
// answer is complete before a change of the directory can take a right away.

// Reading is the answer to one Read.
type Reading struct {
	catalog.Page
	// Runs holds the objects' bytes in the order of Items, unchanged: each run is
	// one or more objects with a comma between them. Empty if bytes were not
	// asked for.
	Runs []Run
}

// Run is objects that stand beside each other in one message.
type Run struct {
	Data    []byte // not to be changed
	Objects int
}

// Read returns a page of a collection. pick chooses among the collections that
// the caller has at this moment, nil if none is meant, which is answered like a
// collection that does not exist: errNoCollection. Seat is nil for an anonymous
// caller. Bytes are read only if asked for.
//
// Errors: *api.Error with not-found (no such collection for this caller),
// unavailable (the catalogue or the store cannot answer now).
func (h *Hub) Read(ctx context.Context, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, bytes bool) (Reading, error) {
	return Reading{}, errors.ErrUnsupported
}

// Collections lists what the seat of an account may read or write to now; of an
// empty account, what anonymous callers may read.
func (h *Hub) Collections(account string) []policy.Collection { return nil }

// Submission is what a caller that is no NATS client submits.
type Submission struct {
	// Account is the seat's.
	Account string
	// Payload is a STIX bundle or object. It must not be changed until Submit
	// returns.
	Payload []byte
	To      []string
	// Unmarked is the level unmarked objects travel under, Only the level every
	// object must have in the end; NoLevel is none of either.
	Unmarked, Only stix.Level
}

// Submit passes a submission through the accept pipeline and returns its
// receipt. The context bounds the waiting, not the work.
func (h *Hub) Submit(ctx context.Context, s Submission) (*api.Receipt, error) {
	return nil, errors.ErrUnsupported
}
