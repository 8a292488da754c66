package stix

import "bytes"

const (
	uuidLen    = 36
	minTypeLen = 3
	maxTypeLen = 250
	maxIDLen   = maxTypeLen + len("--") + uuidLen
)

// validType tells whether s can be the name of an object type: lower-case
// letters, digits and single hyphens, beginning with a letter, 3 to 250 bytes
// (STIX 2.1 §3.1, §11.2).
func validType(s []byte) bool {
	if len(s) < minTypeLen || len(s) > maxTypeLen || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i, c := range s {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && s[i-1] != '-' && i < len(s)-1:
		default:
			return false
		}
	}
	return true
}

// validUUID tells whether s is an RFC 4122 UUID of version 1 to 5, in lower
// case. Readers take either case (RFC 4122 §3), so that one identifier could be
// spelled in two ways, and would then be two objects and two owners to all that
// compares bytes; writers have to use lower case, and are held to it.
func validUUID(s []byte) bool {
	if len(s) != uuidLen {
		return false
	}
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	hex := 0
	for _, c := range s {
		hex += int(hexDigit[c])
	}
	if hex != uuidLen-4 {
		return false
	}
	variant := s[19]
	return '1' <= s[14] && s[14] <= '5' &&
		(variant == '8' || variant == '9' || variant == 'a' || variant == 'b')
}

// hexDigit is 1 for the bytes that are hexadecimal digits in lower case.
var hexDigit = func() (t [256]uint8) {
	for _, c := range []byte("0123456789abcdef") {
		t[c] = 1
	}
	return t
}()

// splitID cuts an identifier (STIX 2.1 §2.9) into its type and its UUID, and
// tells whether it had both.
func splitID(s []byte) (typ, uuid []byte, ok bool) {
	k := len(s) - uuidLen - len("--")
	if k < 1 || s[k] != '-' || s[k+1] != '-' {
		return nil, nil, false
	}
	return s[:k], s[k+2:], true
}

// validID tells whether s is a well-formed identifier of any type.
func validID(s []byte) bool {
	typ, uuid, ok := splitID(s)
	return ok && validType(typ) && validUUID(uuid)
}

// upperUUID tells whether s is a UUID but for its case.
func upperUUID(s []byte) bool { return !validUUID(s) && validUUID(bytes.ToLower(s)) }

// upperID tells whether s is an identifier of any type but for the case of its
// UUID.
func upperID(s []byte) bool {
	typ, uuid, ok := splitID(s)
	return ok && validType(typ) && upperUUID(uuid)
}

// validIDOf tells whether s is a well-formed identifier of the type.
func validIDOf(typ string, s []byte) bool {
	return len(s) == len(typ)+len("--")+uuidLen &&
		bytes.HasPrefix(s, []byte(typ)) && string(s[len(typ):len(typ)+2]) == "--" &&
		validUUID(s[len(typ)+2:])
}
