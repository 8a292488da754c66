package broker

import (
	"fmt"
	"os"

	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/invite"
	"github.com/selat-hub/selat/broker/policy"
)

// credentials is a seat's file, as it is written where the hub made the key.
func (h *Hub) credentials(seat *policy.Seat, token string, seed, ca []byte) ([]byte, error) {
	return invite.Credentials(seat.Name, h.URL(), token, seed, ca)
}

// authority is the private authority of the hub's certificate, nil if there is
// none. It is read before the act whose credentials it goes into.
func (h *Hub) authority() ([]byte, error) {
	if h.cfg.TLS.CA == "" {
		return nil, nil
	}
	ca, err := os.ReadFile(h.cfg.TLS.CA)
	if err != nil {
		return nil, fmt.Errorf("reading tls.ca for the credentials: %w", err)
	}
	return ca, nil
}

func userKey(seed []byte) (string, error) {
	kp, err := nkeys.FromSeed(seed)
	if err != nil {
		return "", fmt.Errorf("reading a user key: %w", err)
	}
	return kp.PublicKey()
}
