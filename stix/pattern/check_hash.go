package pattern

import (
	"fmt"
	"strings"
)

// hash is an algorithm whose values can be told from others by their looks.
type hash uint8

const (
	noHash hash = iota
	hashMD5
	hashMD6
	hashRIPEMD160
	hashSHA1
	hashSHA224
	hashSHA256
	hashSHA384
	hashSHA512
	hashSSDEEP
	hashTLSH
	hashWhirlpool
)

// hashForms holds the name of each and how many hexadecimal digits its values
// have; ssdeep has a form of its own, and TLSH may have its version in front.
var hashForms = [...]struct {
	name     string
	min, max int
}{
	hashMD5:       {"MD5", 32, 32},
	hashMD6:       {"MD6", 32, 128},
	hashRIPEMD160: {"RIPEMD-160", 40, 40},
	hashSHA1:      {"SHA-1", 40, 40},
	hashSHA224:    {"SHA-224 or SHA3-224", 56, 56},
	hashSHA256:    {"SHA-256 or SHA3-256", 64, 64},
	hashSHA384:    {"SHA-384 or SHA3-384", 96, 96},
	hashSHA512:    {"SHA-512 or SHA3-512", 128, 128},
	hashSSDEEP:    {name: "SSDEEP"},
	hashTLSH:      {"TLSH", 70, 70},
	hashWhirlpool: {"WHIRLPOOL", 128, 128},
}

// hashOf returns the algorithm that a path leads to: the key at its end, in
// any dictionary below a property hashes.
func hashOf(p *Path) hash {
	last := len(p.Steps) - 1
	for i := range last {
		if p.Steps[i].Name == "hashes" {
			return hashNamed(p.Steps[last].Name)
		}
	}
	return noHash
}

// hashNamed reads the name of an algorithm in whatever case, with hyphens or
// without: hash-algorithm-ov is open, and both are in use.
func hashNamed(s string) hash {
	var name [len("RIPEMD160")]byte
	n := 0
	for i := range len(s) {
		c := s[i]
		if c == '-' {
			continue
		}
		if n == len(name) {
			return noHash
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		name[n] = c
		n++
	}
	switch string(name[:n]) {
	case "MD5":
		return hashMD5
	case "MD6":
		return hashMD6
	case "RIPEMD160":
		return hashRIPEMD160
	case "SHA1":
		return hashSHA1
	case "SHA224", "SHA3224":
		return hashSHA224
	case "SHA256", "SHA3256":
		return hashSHA256
	case "SHA384", "SHA3384":
		return hashSHA384
	case "SHA512", "SHA3512":
		return hashSHA512
	case "SSDEEP":
		return hashSSDEEP
	case "TLSH":
		return hashTLSH
	case "WHIRLPOOL":
		return hashWhirlpool
	}
	return noHash
}

// hashes checks the constants that a hash is compared to.
func (c *checker) hashes(h hash, values []Value) {
	form := &hashForms[h]
	for i := range values {
		v := &values[i]
		if v.Kind == String && isDigest(h, v.Text) {
			continue
		}
		what := fmt.Sprintf("%d hexadecimal digits", form.min)
		switch h {
		case hashSSDEEP:
			what = "a block size and two pieces of A-Z, a-z, 0-9, / and +, with colons between them"
		case hashMD6:
			what = "32 to 128 hexadecimal digits"
		case hashTLSH:
			what = "70 hexadecimal digits, after T1 or without it"
		}
		c.problem(Error, v.Pos, codeHash, "STIX 2.1 §10.7",
			fmt.Sprintf("this is no %s, which is a string of %s: correct it or remove it", form.name, what))
	}
}

// isDigest tells whether s can be what the algorithm gives.
func isDigest(h hash, s string) bool {
	form := &hashForms[h]
	switch {
	case h == hashSSDEEP:
		return isSSDEEP(s)
	case h == hashTLSH && len(s) == form.max+2 && s[0] == 'T' && classes[s[1]] == digit:
		s = s[2:] // newer tools write the version before it
	}
	if len(s) < form.min || len(s) > form.max {
		return false
	}
	for i := range len(s) {
		if c := s[i]; classes[c] != digit && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// isSSDEEP tells whether s is a block size and two pieces of base64 digits,
// parted by colons. Some tools leave the name of the file behind a comma.
func isSSDEEP(s string) bool {
	size, rest, ok := strings.Cut(s, ":")
	first, second, also := strings.Cut(rest, ":")
	second, _, _ = strings.Cut(second, ",")
	if !ok || !also || size == "" {
		return false
	}
	for i := range len(size) {
		if classes[size[i]] != digit {
			return false
		}
	}
	return isSSDEEPPiece(first) && isSSDEEPPiece(second)
}

func isSSDEEPPiece(s string) bool {
	for i := range len(s) {
		if c := s[i]; classes[c] != digit && (classes[c] != letter || c == '_') && c != '/' && c != '+' {
			return false
		}
	}
	return true
}
