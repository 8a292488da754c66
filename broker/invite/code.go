// Package invite is what an invitation of a seat is made of, on both sides: the
// code that carries it, the pin by which the member's side knows the hub, the
// proof that it holds the key it enrols, and the credentials file it ends with. It
// opens no connection and keeps nothing.
package invite

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/selat-hub/selat/broker/policy"
)

// Sizes of the parts of a code, in bytes.
const (
	idBytes       = 10
	secretBytes   = 20
	checksumBytes = 4
	version       = 1
	// maxText bounds what is looked at; a code has about 200 characters.
	maxText = 4096
)

// prefix begins a code, so that people know it when they see it.
const prefix = "selat-invite-"

// ErrNoCode says that a text is no invitation code.
var ErrNoCode = errors.New("this is no invitation code: it begins with " + prefix)

// ErrDamaged says that a code was cut off or changed on its way.
var ErrDamaged = errors.New("the invitation code is damaged: a part of it is missing, or was changed; copy all of it again")

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Code is one invitation as the member's side holds it. Whoever has it can enrol
// the seat, once: it goes to its owner only.
type Code struct {
	// URL is the hub's front door: https, or http on loopback.
	URL string
	// Seat is the seat it is for.
	Seat string
	// ID names the invitation at the hub.
	ID string
	// Secret is 160 random bits, as text.
	Secret string
	// Pin is what the hub's certificate must match; zero where there is none,
	// which is on loopback only.
	Pin Pin
}

// New makes an invitation of a seat, with an id and a secret that nobody had.
func New(front, seat string, pin Pin) Code {
	return Code{URL: front, Seat: seat, ID: alphabet.EncodeToString(random(idBytes)), Secret: alphabet.EncodeToString(random(secretBytes)), Pin: pin}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // it never fails
	return b
}

// Hash is what a hub keeps of a secret: SHA-256 in hex. The secret is 160 random
// bits, and needs no slower hash to be safe from guessing.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Matches reports, in constant time, whether a hash is of this secret.
func Matches(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(Hash(secret)), []byte(hash)) == 1
}

// Text is the code as it is handed over, on one line. It fails on a code that
// Parse would refuse.
func (c *Code) Text() (string, error) {
	id, err1 := alphabet.DecodeString(c.ID)
	secret, err2 := alphabet.DecodeString(c.Secret)
	if err1 != nil || err2 != nil || len(id) != idBytes || len(secret) != secretBytes || len(c.URL) > 255 || len(c.Seat) > 255 {
		return "", errors.New("writing an invitation code: a part of it has the wrong form")
	}
	if err := c.check(); err != nil {
		return "", err
	}
	b := []byte{version}
	b = append(append(append(b, id...), secret...), c.Pin[:]...)
	for _, s := range []string{c.Seat, c.URL} {
		b = append(append(b, byte(len(s))), s...)
	}
	return prefix + alphabet.EncodeToString(append(b, checksum(b)...)), nil
}

func checksum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:checksumBytes]
}

// undo takes away what mail and terminals put into a long line, and reads capitals.
var undo = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "\u00a0", "", "\u200b", "", "\ufeff", "", ">", "", "=", "", "|", "", `"`, "", "'", "", "`", "")

// Parse reads a code, however it was wrapped, quoted or indented. The error is
// ErrNoCode, ErrDamaged, or says what is wrong with where the code leads.
func Parse(text string) (Code, error) {
	if len(text) > maxText {
		return Code{}, ErrNoCode
	}
	body, ok := strings.CutPrefix(strings.ToLower(undo.Replace(text)), prefix)
	if !ok {
		return Code{}, ErrNoCode
	}
	b, err := alphabet.DecodeString(strings.ReplaceAll(body, "-", ""))
	if err != nil || len(b) < 1+idBytes+secretBytes+len(Pin{})+2+checksumBytes {
		return Code{}, ErrDamaged
	}
	b, sum := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	if !bytes.Equal(sum, checksum(b)) {
		return Code{}, ErrDamaged
	}
	if b[0] != version {
		return Code{}, fmt.Errorf("the invitation code has version %d, and this program knows %d: use a newer one", b[0], version)
	}
	b = b[1:]
	c := Code{ID: alphabet.EncodeToString(b[:idBytes]), Secret: alphabet.EncodeToString(b[idBytes : idBytes+secretBytes])}
	b = b[copy(c.Pin[:], b[idBytes+secretBytes:])+idBytes+secretBytes:]
	for _, s := range []*string{&c.Seat, &c.URL} {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return Code{}, ErrDamaged
		}
		*s, b = string(b[1:1+int(b[0])]), b[1+int(b[0]):]
	}
	if len(b) > 0 {
		return Code{}, ErrDamaged
	}
	return c, c.check()
}

// check refuses a code that leads where nobody may be led: a pinned https front
// door, or http on this very machine.
func (c *Code) check() error {
	if _, _, no := policy.SplitSeat(c.Seat); no != nil {
		return fmt.Errorf("the invitation code: %w", no)
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the invitation code leads to %q, which is no address of a hub", c.URL)
	case u.Scheme == "https" && c.Pin != Pin{}:
		return nil
	case u.Scheme == "http" && c.Pin == Pin{} && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("the invitation code leads to %s, where others could listen: it must be https with a pin, or this machine alone", c.URL)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
