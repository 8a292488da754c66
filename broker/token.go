package broker

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// A token is selat_<id>_<secret>: 10 and 32 random bytes in base32 of lower
// case, an alphabet without the separator. Every token has one spelling.
const (
	tokenPrefix      = "selat_"
	tokenIDBytes     = 10
	tokenSecretBytes = 32
)

var (
	tokenAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	tokenLength   = len(tokenPrefix) + tokenAlphabet.EncodedLen(tokenIDBytes) + 1 + tokenAlphabet.EncodedLen(tokenSecretBytes)
)

// newToken makes a token: what its holder is told, its id, and the hash that
// the directory keeps.
func newToken(cost hashCost) (text, id, hash string) {
	id = tokenAlphabet.EncodeToString(randomBytes(tokenIDBytes))
	secret := tokenAlphabet.EncodeToString(randomBytes(tokenSecretBytes))
	return tokenPrefix + id + "_" + secret, id, hashSecret(secret, cost)
}

// parseToken takes a token apart, or reports that it is none.
func parseToken(text string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) != tokenLength {
		return "", "", false
	}
	id, secret, _ = strings.Cut(rest, "_")
	return id, secret, inAlphabet(id, tokenIDBytes) && inAlphabet(secret, tokenSecretBytes)
}

// inAlphabet reports whether s is n bytes as newToken writes them: the last
// character may hold bits that no byte fills, and these must be zero.
func inAlphabet(s string, n int) bool {
	b, err := tokenAlphabet.DecodeString(s)
	return err == nil && len(b) == n && tokenAlphabet.EncodeToString(b) == s
}

// hashCost is what one hash costs: KiB of memory, passes over it, lanes.
type hashCost struct {
	memory, time uint32
	lanes        uint8
}

// tokenCost is what OWASP recommends for argon2id. The secret is 256 random
// bits, which nobody guesses; the cost is for whoever reads the directory and
// finds that the source of those bits was bad.
var tokenCost = hashCost{memory: 19 << 10, time: 2, lanes: 1}

// Bounds on what a stored hash may cost, so that no record of the directory
// takes the hub's memory.
const (
	maxHashMemory = 64 << 10
	maxHashTime   = 16
	hashBytes     = 32
	saltBytes     = 16
)

// hashSecret returns the argon2id hash of a secret in the PHC string form.
func hashSecret(secret string, cost hashCost) string {
	salt := randomBytes(saltBytes)
	return cost.phc(salt, argon2.IDKey([]byte(secret), salt, cost.time, cost.memory, cost.lanes, hashBytes))
}

// hashOfNothing is a hash that no secret has; to find that out costs as much
// as with any other.
func hashOfNothing(cost hashCost) string {
	return cost.phc(randomBytes(saltBytes), randomBytes(hashBytes))
}

func (c hashCost) phc(salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.time, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // it never fails
	return b
}

var phcForm = regexp.MustCompile(`\A\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,3})\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})\z`)

// matchesHash reports whether a hash is of this secret. It computes the whole
// hash and compares in constant time. A hash of another form matches nothing.
func matchesHash(secret, hash string) bool {
	m := phcForm.FindStringSubmatch(hash)
	if m == nil {
		return false
	}
	memory, err1 := strconv.ParseUint(m[1], 10, 32)
	time, err2 := strconv.ParseUint(m[2], 10, 32)
	lanes, err3 := strconv.ParseUint(m[3], 10, 8)
	salt, err4 := base64.RawStdEncoding.DecodeString(m[4])
	sum, err5 := base64.RawStdEncoding.DecodeString(m[5])
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil ||
		memory > maxHashMemory || time == 0 || time > maxHashTime || lanes == 0 {
		return false
	}
	got := argon2.IDKey([]byte(secret), salt, uint32(time), uint32(memory), uint8(lanes), hashBytes)
	return subtle.ConstantTimeCompare(got, sum) == 1
}
