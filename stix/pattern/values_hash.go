package pattern

import "strings"

// hashNames holds the algorithms of hash-algorithm-ov (STIX 2.1 §10.7) by the
// spellings that are read: as there and without the hyphen, in whatever case.
// Others, such as SHA-384 or sha_256, are not read.
var hashNames = map[string]string{
	"md5":   "MD5",
	"sha-1": "SHA-1", "sha1": "SHA-1",
	"sha-256": "SHA-256", "sha256": "SHA-256",
	"sha-512": "SHA-512", "sha512": "SHA-512",
	"sha3-256": "SHA3-256", "sha3256": "SHA3-256",
	"sha3-512": "SHA3-512", "sha3512": "SHA3-512",
	"ssdeep": "SSDEEP",
	"tlsh":   "TLSH",
}

// hexDigits holds how many digits the hashes have that are written in hex.
var hexDigits = map[string]int{"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128, "SHA3-256": 64, "SHA3-512": 128}

// readHash reads a hash under the name of its algorithm: in lower case, but
// TLSH in upper case and SSDEEP as it is written.
func readHash(name, s string) (algorithm, value string, ok bool) {
	if len(name) > len("sha3-256") || len(s) > 160 {
		return "", "", false
	}
	algorithm = hashNames[lowerASCII(name)]
	switch algorithm {
	case "":
		return "", "", false
	case "SSDEEP":
		size, _, parts := strings.Cut(s, ":")
		return algorithm, s, parts && strings.Trim(size, "0123456789") == "" && size != "" && strings.Count(s, ":") == 2
	case "TLSH":
		digits := strings.TrimPrefix(strings.TrimPrefix(s, "T1"), "t1")
		return algorithm, strings.ToUpper(s), len(digits) == 70 && isHexText(digits)
	}
	return algorithm, strings.ToLower(s), len(s) == hexDigits[algorithm] && isHexText(s)
}

// lowerASCII leaves letters beyond ASCII alone: the long s is no S.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isHexText(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
