package invite

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// Credentials writes the one file a daemon needs: a NATS credentials file that any
// NATS client reads, followed by where the hub is and, if its certificate has a
// private authority, that authority in PEM. hub is one URL, or several with commas.
func Credentials(seat, hub, token string, seed, authority []byte) ([]byte, error) {
	b, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		return nil, fmt.Errorf("writing the credentials of seat %s: %w", seat, err)
	}
	var out bytes.Buffer
	out.Write(b)
	fmt.Fprintf(&out, "\nselat-seat: %s\n", seat)
	for url := range strings.SplitSeq(hub, ",") {
		fmt.Fprintf(&out, "selat-url: %s\n", strings.TrimSpace(url))
	}
	out.Write(authority)
	return out.Bytes(), nil
}

// statement is what a new key signs to enrol: it binds the key to one invitation,
// and is of no use for anything else.
func statement(id, secret, user string) []byte {
	return []byte("selat enrolment 1\n" + id + "\n" + Hash(secret) + "\n" + user + "\n")
}

// Prove signs, with the key that is to be enrolled, that its holder redeems the
// invitation.
func (c *Code) Prove(user nkeys.KeyPair) (public, proof string, err error) {
	if public, err = user.PublicKey(); err != nil {
		return "", "", fmt.Errorf("reading the new key: %w", err)
	}
	sig, err := user.Sign(statement(c.ID, c.Secret, public))
	if err != nil {
		return "", "", fmt.Errorf("signing with the new key: %w", err)
	}
	return public, base64.RawURLEncoding.EncodeToString(sig), nil
}

// CheckProof refuses a public key that is no user's, or whose holder did not sign
// for this invitation.
func CheckProof(id, secret, public, proof string) error {
	sig, err := base64.RawURLEncoding.DecodeString(proof)
	if err != nil || !nkeys.IsValidPublicUserKey(public) {
		return errors.New("no proof of a user's key")
	}
	kp, err := nkeys.FromPublicKey(public)
	if err != nil {
		return fmt.Errorf("reading a public key: %w", err)
	}
	return kp.Verify(statement(id, secret, public), sig)
}
