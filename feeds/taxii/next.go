package taxii

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// next is where a query goes on. The server keeps nothing of it: the token
// tells the place, and of which query. Nobody gains by forging one: it says no
// more than added_after does, and what may be read is decided anew.
type next struct {
	// after is the date_added that the page before ended with.
	after int64
	// repeat is catalog.Query.Repeat: once the caller's sources have changed
	// under a query, it stays so to its end.
	repeat bool
	// query and sources are digests of what was asked, and of the streams that
	// the collection had when it was answered.
	query, sources digest
}

// digest tells apart what one client asks in a row; it keeps no secret.
type digest [8]byte

func digestOf(parts ...string) (d digest) {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	copy(d[:], h.Sum(nil))
	return d
}

const (
	nextFormat = 1
	nextRepeat = 1 // a flag
	maxNext    = 64
)

// token is base64url of: format, flags, after as a varint, query, sources.
func (n *next) token() string {
	flags := byte(0)
	if n.repeat {
		flags |= nextRepeat
	}
	b := binary.AppendVarint([]byte{nextFormat, flags}, n.after)
	b = append(append(b, n.query[:]...), n.sources[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseNext reads a token that this server made. Any other spelling of one is
// none.
func parseNext(s string) (*next, bool) {
	if len(s) > maxNext {
		return nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 2 || b[0] != nextFormat || b[1]&^nextRepeat != 0 {
		return nil, false
	}
	after, size := binary.Varint(b[2:])
	rest := b[2+max(size, 0):]
	var n next
	if size <= 0 || after < 0 || len(rest) != len(n.query)+len(n.sources) {
		return nil, false
	}
	n.after, n.repeat = after, b[1]&nextRepeat != 0
	r := bytes.NewReader(rest)
	for _, d := range []*digest{&n.query, &n.sources} {
		if _, err := r.Read(d[:]); err != nil {
			return nil, false
		}
	}
	return &n, n.token() == s
}
