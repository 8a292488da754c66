package pattern

import "golang.org/x/text/unicode/norm"

// likePattern is the constant of LIKE (STIX 2.1 §9.6.1): '%' stands for any
// characters, also none, '_' for any one. Nothing escapes them; a backslash
// stands for itself. A character is a code point.
type likePattern []rune

func newLikePattern(s string) likePattern { return likePattern(norm.NFC.String(s)) }

func (p likePattern) matchesString(s string) bool {
	return p.matches([]rune(norm.NFC.String(s)))
}

// matchesBinary compares bytes as the code points below U+0100 (STIX 2.1
// §9.6.4).
func (p likePattern) matchesBinary(b []byte) bool {
	text := make([]rune, len(b))
	for i, c := range b {
		text[i] = rune(c)
	}
	return p.matches(text)
}

// matches tells whether the whole text is as p says. It goes back no further
// than to the last '%', so time is at most the product of the two lengths.
func (p likePattern) matches(text []rune) bool {
	i, j := 0, 0
	percent, retry := -1, 0
	for j < len(text) {
		switch {
		case i < len(p) && p[i] == '%':
			percent, retry = i, j
			i++
		case i < len(p) && (p[i] == '_' || p[i] == text[j]):
			i++
			j++
		case percent >= 0:
			retry++
			i, j = percent+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}
