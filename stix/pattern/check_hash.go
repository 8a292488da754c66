package pattern

import "fmt"

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
	hashWhirlpool
)

// hashForms holds the name of each and how many characters its values have: of
// ssdeep, 1 to 128 of its own alphabet, of the others hex.
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
	hashSSDEEP:    {"SSDEEP", 1, 128},
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
		if v.Kind == String && len(v.Text) >= form.min && len(v.Text) <= form.max && isHashText(h, v.Text) {
			continue
		}
		length := fmt.Sprintf("%d hexadecimal digits", form.min)
		switch h {
		case hashSSDEEP:
			length = "1 to 128 of A-Z, a-z, 0-9, /, +, : and ."
		case hashMD6:
			length = "32 to 128 hexadecimal digits"
		}
		c.problem(Error, v.Pos, codeHash, "STIX 2.1 §10.7",
			fmt.Sprintf("this is no %s, which is a string of %s: correct it or remove it", form.name, length))
	}
}

func isHashText(h hash, s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case classes[c] == digit:
		case h == hashSSDEEP && (classes[c] == letter && c != '_' || c == '/' || c == '+' || c == ':' || c == '.'):
		case h != hashSSDEEP && c|0x20 >= 'a' && c|0x20 <= 'f':
		default:
			return false
		}
	}
	return true
}
