package taxii

import (
	"context"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

// Hub is what the server asks of the hub, which *broker.Hub is. Tests put
// another in its place to let pages fail and receipts take their time.
type Hub interface {
	// Authenticate returns the seat whose token this is; user may be empty.
	Authenticate(ctx context.Context, user, token, address string) (*policy.Seat, error)
	// AuthenticateCertificate returns the seat that a verified certificate names.
	AuthenticateCertificate(name string) (*policy.Seat, error)
	Region() *policy.Region
	// Collections are those of a seat's account, or of anyone's if it is empty.
	Collections(account string) []policy.Collection
	Read(ctx context.Context, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, bytes bool) (broker.Reading, error)
	Submit(ctx context.Context, s broker.Submission) (*api.Receipt, error)
	// Recall forgets an object of the member of an account's seat.
	Recall(ctx context.Context, account string, q api.RecallRequest) (*api.Recalled, error)
	KeepStatus(account, id string, body []byte)
	Status(ctx context.Context, account, id string) ([]byte, bool, error)
}
