package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix/values"
)

// What objects say of observable values is kept under the values, in their own
// order: what is inside a network, or below a domain, lies side by side.

// said is what an object says of a value: the value of such a key.
type said struct {
	role        values.Role
	from, until int64 // of an indicator, in Unix microseconds; 0 is none
	revoked     bool
}

const revokedBit = 0x80

func (s *said) append(b []byte) []byte {
	role := byte(s.role)
	if s.revoked {
		role |= revokedBit
	}
	b = append(b, role)
	return binary.AppendVarint(binary.AppendVarint(b, s.from), s.until)
}

func decodeSaid(b []byte) (said, error) {
	r := varints{b: b}
	role := r.byte()
	s := said{role: values.Role(role &^ revokedBit), revoked: role&revokedBit != 0, from: r.varint(), until: r.varint()}
	if r.bad || len(r.b) != 0 || s.role == 0 {
		return said{}, fmt.Errorf("%w: what is said of a value", errFormat)
	}
	return s, nil
}

// Values that are not all of one length end in endOfValue; a NUL within them is
// escaped, which keeps their order.
var (
	endOfValue = []byte{0, 1}
	escapedNUL = []byte{0, 0xff}
)

func ofOneLength(k values.Kind) bool { return k == values.Address || k == values.MAC }

// appendValue appends the beginning of a key: all but the place.
func appendValue(b []byte, kind values.Kind, value []byte) []byte {
	b = append(b, kindValue, byte(kind))
	if ofOneLength(kind) {
		return append(b, value...)
	}
	return append(appendEscaped(b, value), endOfValue...)
}

func appendEscaped(b, value []byte) []byte {
	for {
		nul := bytes.IndexByte(value, 0)
		if nul < 0 {
			return append(b, value...)
		}
		b = append(append(b, value[:nul]...), escapedNUL...)
		value = value[nul+1:]
	}
}

const placeKeyLen = 4 + 8 + 4

func appendPlaceKey(b []byte, p *storedPlace) []byte {
	b = binary.BigEndian.AppendUint32(b, p.stream)
	b = binary.BigEndian.AppendUint64(b, p.seq)
	return binary.BigEndian.AppendUint32(b, uint32(p.index))
}

var errValueKey = fmt.Errorf("%w: key of a value", errFormat)

// parseValueKey takes a key apart, strictly: only what appendValue and
// appendPlaceKey write is one. The value is good only as long as the key.
func parseValueKey(key []byte) (values.Key, storedPlace, error) {
	if len(key) < 2+placeKeyLen || key[0] != kindValue {
		return values.Key{}, storedPlace{}, errValueKey
	}
	at := key[len(key)-placeKeyLen:]
	p := storedPlace{stream: binary.BigEndian.Uint32(at), seq: binary.BigEndian.Uint64(at[4:]), index: int(binary.BigEndian.Uint32(at[12:]))}
	k := values.Key{Kind: values.Kind(key[1])}
	var ok bool
	if k.Bytes, ok = parseValue(k.Kind, key[2:len(key)-placeKeyLen]); !ok {
		return values.Key{}, storedPlace{}, errValueKey
	}
	return k, p, nil
}

func parseValue(kind values.Kind, b []byte) ([]byte, bool) {
	switch kind {
	case values.Address:
		return b, len(b) == 16+1 && b[16] <= 128
	case values.MAC:
		return b, len(b) == 6
	case values.Domain, values.URL, values.Email, values.Hash:
	default:
		return nil, false
	}
	text, ended := bytes.CutSuffix(b, endOfValue)
	if n := bytes.Count(text, []byte{0}); n > 0 {
		ended = ended && bytes.Count(text, escapedNUL) == n
		text = bytes.ReplaceAll(text, escapedNUL, []byte{0})
	}
	return text, ended && len(text) > 0
}

// writeValues records what an object at a place says.
func (x *Index) writeValues(b *pebble.Batch, r *values.Reading, place storedPlace) error {
	for i := range r.Keys {
		k := &r.Keys[i]
		buf := appendValue(x.writer.buf[:0], k.Kind, k.Bytes)
		x.filter.addOnce(buf)
		buf = appendPlaceKey(buf, &place)
		s := said{k.Role, r.ValidFrom, r.ValidUntil, r.Revoked}
		keyLen := len(buf)
		buf = s.append(buf)
		x.writer.buf = buf
		if err := b.Set(buf[:keyLen], buf[keyLen:], nil); err != nil {
			return err
		}
	}
	return nil
}

// networkBits returns the length of the prefix of a network, and false for an
// address and for what is neither.
func networkBits(k *values.Key) (byte, bool) {
	if k.Kind != values.Address || len(k.Bytes) != 17 || k.Bytes[16] >= 128 {
		return 0, false
	}
	return k.Bytes[16], true
}
