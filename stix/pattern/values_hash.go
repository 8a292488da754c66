package pattern

import "strings"

// hexHashes holds, by their names without hyphens, the hashes that are written
// in hex: under the name of hash-algorithm-ov or in common use, and with how
// many digits.
var hexHashes = map[string]struct {
	name   string
	digits int
}{
	"MD5": {"MD5", 32}, "SHA1": {"SHA-1", 40},
	"SHA224": {"SHA-224", 56}, "SHA256": {"SHA-256", 64}, "SHA384": {"SHA-384", 96}, "SHA512": {"SHA-512", 128},
	"SHA3224": {"SHA3-224", 56}, "SHA3256": {"SHA3-256", 64}, "SHA3384": {"SHA3-384", 96}, "SHA3512": {"SHA3-512", 128},
}

// readHash reads a hash under any usual spelling of its algorithm's name.
func readHash(name, s string) (algorithm, value string, ok bool) {
	if len(name) > 16 || len(s) > 160 {
		return "", "", false
	}
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	switch name {
	case "SSDEEP":
		size, _, parts := strings.Cut(s, ":")
		return name, s, parts && strings.Trim(size, "0123456789") == "" && size != "" && strings.Count(s, ":") == 2
	case "TLSH":
		s = strings.ToUpper(s)
		digits := strings.TrimPrefix(s, "T1")
		return name, s, len(digits) == 70 && isHexText(digits)
	}
	h, known := hexHashes[name]
	return h.name, strings.ToLower(s), known && len(s) == h.digits && isHexText(s)
}

func isHexText(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }
