package stix

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
)

// The common data types that more than a look at the JSON decides, STIX 2.1 §2.

// milliseconds is a timestamp that is precise to the millisecond, as created
// and modified are.
func (c *checker) milliseconds(i uint32) {
	t, ok := c.timestamp(i)
	switch {
	case !ok:
	case len(t) > maxTimestamp:
		c.refusef(codeInvalidTimestamp, i, "", "this has %d bytes and the limit is %d: leave out digits after the second", len(t), maxTimestamp)
	case len(t) < secondsLen+len(".000Z"):
		c.refuse(codeInvalidTimestamp, i, "STIX 2.1 §3.2", "this must be precise to the millisecond: three digits or more after the seconds, such as \"12:00:00.000Z\"")
	}
}

// toTheSecond is a timestamp without a fraction.
func (c *checker) toTheSecond(i uint32) {
	if t, ok := c.timestamp(i); ok && len(fraction(t)) > 0 {
		c.refuse(codeInvalidTimestamp, i, "STIX 2.1 §6.7.6", "this must be precise to the second and no finer")
	}
}

// timestamp returns the value of node i if it is a timestamp, and says so if
// not. Of node 0, an absent property, nothing is said.
func (c *checker) timestamp(i uint32) ([]byte, bool) {
	const section = "STIX 2.1 §2.16"
	if i == 0 {
		return nil, false
	}
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, section, "a string")
		return nil, false
	}
	t := c.s.text(i)
	if !validTimestamp(t) {
		c.refuse(codeInvalidTimestamp, i, section, "a timestamp is a date of the calendar and a time in UTC, such as \"2025-01-31T12:00:00.000Z\"")
		return nil, false
	}
	c.s.nodes[i].flags |= isMoment
	return t, true
}

// moment returns the value of node i if timestamp found one there.
func (c *checker) moment(i uint32) ([]byte, bool) {
	if i == 0 || c.s.nodes[i].flags&isMoment == 0 {
		return nil, false
	}
	return c.s.text(i), true
}

func (c *checker) number(v *value, i uint32, section string) {
	n := &c.s.nodes[i]
	if n.kind != number {
		if v.kind == floatKind {
			c.wrongType(i, section, "a number")
		} else {
			c.wrongType(i, section, "an integer")
		}
		return
	}
	f, err := strconv.ParseFloat(string(c.s.b[n.start:n.end]), 64)
	if err != nil {
		return // out of range, which is told already
	}
	if v.kind == integerKind && n.flags&isFloat != 0 {
		switch {
		case !isWhole(c.s.b[n.start:n.end], f):
			c.refuse(codeWrongType, i, "STIX 2.1 §2.10", "this has a fraction and must be an integer")
			return
		case math.Abs(f) > maxInteger:
			c.refuse(codeNumberRange, i, "STIX 2.1 §2.10", "this integer is beyond what every reader can hold: ±9007199254740991")
			return
		}
	}
	switch {
	case v.lo == 0 && v.hi == 0:
	case f < v.lo && v.lo == 0:
		c.refuse(codeOutOfRange, i, section, "this must not be negative")
	case f < v.lo || f > v.hi:
		c.refusef(codeOutOfRange, i, section, "this must be from %s to %s", plainNumber(v.lo), plainNumber(v.hi))
	}
}

// isWhole tells whether a number with a fraction or an exponent, whose value is
// f, is an integer. One with as many digits as f cannot hold is not, unless it
// says so in zeros.
func isWhole(t []byte, f float64) bool {
	if f != math.Trunc(f) {
		return false
	}
	if dot := bytes.IndexByte(t, '.'); dot >= 0 && !bytes.ContainsAny(t, "eE") {
		return len(bytes.Trim(t[dot+1:], "0")) == 0
	}
	return len(t) <= 18
}

func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// hexadecimal is the hex type, STIX 2.1 §2.8. Digits in upper case are told
// only: what the OASIS schemas let pass is not worth an object.
func (c *checker) hexadecimal(i uint32) {
	const section = "STIX 2.1 §2.8"
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, section, "a string")
		return
	}
	t := c.s.text(i)
	switch {
	case len(t) == 0 || len(t)%2 != 0 || !isHex(t):
		c.refuse(codeInvalidValue, i, section, "this must be an even number of hexadecimal digits")
	case bytes.ContainsAny(t, "ABCDEF"):
		c.warn(codeWordForm, i, section, "hexadecimal digits are written in lower case")
	}
}

func isHex(t []byte) bool {
	for _, b := range t {
		if hexDigit[b|0x20] == 0 || b < '0' {
			return false
		}
	}
	return true
}

// binary is the binary type, STIX 2.1 §2.1: base64 of RFC 4648 §4.
func (c *checker) binary(i uint32) {
	const section = "STIX 2.1 §2.1"
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, section, "a string")
		return
	}
	if !isBase64(c.s.text(i)) {
		c.refuse(codeInvalidValue, i, section, "this must be base64 with padding (RFC 4648 §4)")
	}
}

// isBase64 decodes piece by piece, so that a large payload costs no memory.
func isBase64(t []byte) bool {
	var out [3 * 256]byte
	for len(t) > 4*256 {
		n, err := base64.StdEncoding.Strict().Decode(out[:], t[:4*256])
		if err != nil || n != len(out) {
			return false
		}
		t = t[4*256:]
	}
	if bytes.ContainsAny(t, "\r\n") { // which the decoder would pass over
		return false
	}
	_, err := base64.StdEncoding.Strict().Decode(out[:], t)
	return err == nil
}

// word is a value of a vocabulary.
func (c *checker) word(v *value, i uint32) {
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, v.vocab.section, "a string")
		return
	}
	w := c.s.text(i)
	switch {
	case v.vocab.has(w):
	case v.kind == enumKind:
		c.refuse(codeVocabulary, i, v.vocab.section, v.vocab.other)
	default:
		c.warn(codeVocabulary, i, v.vocab.section, v.vocab.other)
		if !isWord(w) {
			c.warn(codeWordForm, i, "STIX 2.1 §2.14", notAWord)
		}
	}
}

const notAWord = "this should be in lower case, with hyphens between words"

// isWord tells whether t has the form of names: lower case, with hyphens.
func isWord(t []byte) bool {
	for _, b := range t {
		if 'A' <= b && b <= 'Z' || b == '_' || b == ' ' {
			return false
		}
	}
	return true
}

func (c *checker) killChainName(i uint32) {
	if !isWord(c.s.text(i)) {
		c.warn(codeWordForm, i, "STIX 2.1 §2.11", notAWord)
	}
}

// dictionary is the dictionary type, STIX 2.1 §2.3.
func (c *checker) dictionary(v *value, i uint32, section string) {
	s := c.s
	if s.nodes[i].kind != '{' {
		c.wrongType(i, section, "a dictionary: an object")
		return
	}
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		if !isKey(s.name(k), 1) {
			c.refuse(codeDictionaryKey, k, "STIX 2.1 §2.3", keyForm)
		} else if v.keys != nil {
			v.keys(c, k)
		}
		if v.each != nil {
			c.value(v.each, k, section)
		}
	}
}

const keyForm = "the key of a dictionary is 1 to 250 ASCII letters, digits, hyphens and underscores"

func isKey(k []byte, least int) bool {
	if len(k) < least || len(k) > 250 {
		return false
	}
	for _, b := range k {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_') {
			return false
		}
	}
	return true
}

func (c *checker) integerOrText(i uint32) {
	switch n := &c.s.nodes[i]; n.kind {
	case '"', 'n':
	case number:
		c.number(&integer, i, "STIX 2.1 §6")
	default:
		c.wrongType(i, "STIX 2.1 §6", "an integer or a string")
	}
}

// digestLen is the length in hexadecimal digits of what a hash algorithm gives.
var digestLen = map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128, "TLSH": 70}

// hashes is the hashes type, STIX 2.1 §2.7 and §10.7.
func (c *checker) hashes(i uint32) {
	const section = "STIX 2.1 §2.7"
	s := c.s
	if s.nodes[i].kind != '{' {
		c.wrongType(i, section, "a dictionary of hashes")
		return
	}
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		name := s.name(k)
		if !isKey(name, 3) {
			c.refuse(codeDictionaryKey, k, section, "the name of a hash algorithm is 3 to 250 ASCII letters, digits, hyphens and underscores")
		} else if !hashAlgorithms.has(name) && !bytes.HasPrefix(name, []byte("x_")) {
			c.warn(codeVocabulary, k, hashAlgorithms.section, hashAlgorithms.other)
		}
		if s.nodes[k].kind != '"' {
			c.wrongType(k, section, "a string")
		} else if !isDigest(string(name), s.text(k)) {
			c.refusef(codeInvalidHash, k, "STIX 2.1 §10.7", "this is no %s: look at its length and its characters", name)
		}
	}
}

// isDigest tells whether t can be what the algorithm gives; of an algorithm
// that is not in the vocabulary it can be anything.
func isDigest(algorithm string, t []byte) bool {
	if algorithm == "SSDEEP" {
		return isSSDEEP(t)
	}
	n := digestLen[algorithm]
	if algorithm == "TLSH" && len(t) == n+2 && t[0] == 'T' && '0' <= t[1] && t[1] <= '9' {
		t = t[2:] // newer tools write the version before it
	}
	return n == 0 || len(t) == n && isHex(t)
}

// isSSDEEP tells whether t is a block size and two pieces of base64 digits,
// parted by colons.
func isSSDEEP(t []byte) bool {
	size, rest, ok := bytes.Cut(t, []byte(":"))
	first, second, also := bytes.Cut(rest, []byte(":"))
	if !ok || !also || len(size) == 0 || digits(size, 0) != len(size) {
		return false
	}
	if name := bytes.IndexByte(second, ','); name >= 0 { // some tools leave the file's name behind it
		second = second[:name]
	}
	for _, b := range append(first[:len(first):len(first)], second...) {
		if !('a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '+' || b == '/') {
			return false
		}
	}
	return true
}
