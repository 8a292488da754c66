package broker

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/selat-hub/selat/broker/policy"
)

// credentials is the one file a daemon needs: a NATS credentials file that any
// NATS client reads, followed by where the hub is and, if its certificate has
// a private authority, that authority.
func (h *Hub) credentials(seat *policy.Seat, token string, seed, ca []byte) ([]byte, error) {
	b, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		return nil, fmt.Errorf("writing the credentials of seat %s: %w", seat.Name, err)
	}
	var out bytes.Buffer
	out.Write(b)
	fmt.Fprintf(&out, "\nselat-seat: %s\n", seat.Name)
	for url := range strings.SplitSeq(h.URL(), ",") {
		fmt.Fprintf(&out, "selat-url: %s\n", strings.TrimSpace(url))
	}
	out.Write(ca)
	return out.Bytes(), nil
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
