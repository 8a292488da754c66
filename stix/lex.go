package stix

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The lexical rules of JSON (RFC 8259 §2, §6, §7). Each function takes the
// offset of a token's first byte and returns the offset after it, or a negative
// number: cut where the input ends inside the token, ^offset of the byte that
// is wrong otherwise.

// cut says that the input ended inside a token.
const cut = math.MinInt

func wrong(at int) int { return ^at }

func skipSpace(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\r' || b[p] == '\t') {
		p++
	}
	return p
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// lexString reads a string whose opening quote is at p. Its flags are
// hasEscape and badText, the latter for bytes that are not UTF-8 and escapes
// that make half of a surrogate pair: both are faults of one string, which
// leave the rest of the input readable.
func lexString(b []byte, p int) (end int, flags uint8) {
	from := p + 1
	wide := uint64(0) // any byte of 0x80 or above
	for p = from; ; {
		// Eight bytes at a time up to the first quote, backslash or control.
		for p+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[p:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			stop := ((w - ones*0x20) &^ w) | ((quote - ones) &^ quote) | ((slash - ones) &^ slash)
			if stop &= highs; stop == 0 {
				wide |= w
				p += 8
				continue
			}
			k := bits.TrailingZeros64(stop) &^ 7
			wide |= w & (1<<k - 1)
			p += k / 8
			break
		}
		if p >= len(b) {
			return cut, 0
		}
		switch c := b[p]; {
		case c == '"':
			if wide&highs != 0 && !utf8.Valid(b[from:p]) {
				flags |= badText
			}
			return p + 1, flags
		case c == '\\':
			next, lone := lexEscape(b, p)
			if next < 0 {
				return next, 0
			}
			if flags |= hasEscape; lone {
				flags |= badText
			}
			p = next
		case c < 0x20:
			return wrong(p), 0
		default:
			wide |= uint64(c)
			p++
		}
	}
}

// lexEscape reads the escape at p, or the pair of them that makes one
// character; lone is true for half of a surrogate pair.
func lexEscape(b []byte, p int) (end int, lone bool) {
	if p+1 >= len(b) {
		return cut, false
	}
	switch b[p+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return p + 2, false
	case 'u':
	default:
		return wrong(p + 1), false
	}
	r, at := hex4(b, p+2)
	if at < 0 {
		return at, false
	}
	if !utf16.IsSurrogate(r) {
		return at, false
	}
	if at+1 < len(b) && b[at] == '\\' && b[at+1] == 'u' {
		low, after := hex4(b, at+2)
		if after == cut {
			return cut, false
		}
		if after > 0 && utf16.DecodeRune(r, low) != utf8.RuneError {
			return after, false
		}
	}
	return at, true
}

func hex4(b []byte, p int) (r rune, end int) {
	for i := p; i < p+4; i++ {
		if i >= len(b) {
			return 0, cut
		}
		c := b[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, wrong(i)
		}
		r = r<<4 | rune(c)
	}
	return r, p + 4
}

// unescape appends the decoded content of a string that lexString took.
func unescape(dst, s []byte) []byte {
	for p := 0; p < len(s); {
		if s[p] != '\\' {
			dst = append(dst, s[p])
			p++
			continue
		}
		switch c := s[p+1]; c {
		case 'u':
			r, end := hex4(s, p+2)
			if utf16.IsSurrogate(r) && end+6 <= len(s) && s[end] == '\\' && s[end+1] == 'u' {
				if low, after := hex4(s, end+2); after > 0 {
					if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
						r, end = pair, after
					}
				}
			}
			dst = utf8.AppendRune(dst, r)
			p = end
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, c)
		}
		p += 2
	}
	return dst
}

func digits(b []byte, p int) int {
	for p < len(b) && '0' <= b[p] && b[p] <= '9' {
		p++
	}
	return p
}

// lexNumber reads a number. At the end of the input it takes the number to be
// whole if it could be.
func lexNumber(b []byte, p int) (end int, flags uint8) {
	if b[p] == '-' {
		p++
	}
	from := p
	if p = digits(b, p); p == from || b[from] == '0' && p > from+1 {
		return wantDigit(b, from, p), 0
	}
	if p < len(b) && b[p] == '.' {
		from, flags = p+1, isFloat
		if p = digits(b, from); p == from {
			return wantDigit(b, from, p), 0
		}
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		if p++; p < len(b) && (b[p] == '+' || b[p] == '-') {
			p++
		}
		from, flags = p, isFloat
		if p = digits(b, from); p == from {
			return wantDigit(b, from, p), 0
		}
	}
	return p, flags
}

func wantDigit(b []byte, from, p int) int {
	switch {
	case p > from: // digits after a leading zero
		return wrong(from + 1)
	case p >= len(b):
		return cut
	}
	return wrong(p)
}

// numberFits tells whether every reader can hold the number (RFC 7493 §2.2):
// an integer within ±(2^53-1), STIX 2.1 §2.8; any other within a float64.
func numberFits(s []byte, flags uint8) bool {
	if flags&isFloat == 0 {
		if s[0] == '-' {
			s = s[1:]
		}
		const most = "9007199254740991"
		return len(s) < len(most) || len(s) == len(most) && string(s) <= most
	}
	_, err := strconv.ParseFloat(string(s), 64)
	return err == nil
}

func lexLiteral(b []byte, p int, want string) int {
	for i := range len(want) {
		if p+i >= len(b) {
			return cut
		}
		if b[p+i] != want[i] {
			return wrong(p + i)
		}
	}
	return p + len(want)
}
