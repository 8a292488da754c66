package pattern

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// likePattern is the constant of LIKE (STIX 2.1 §9.6.1): '%' stands for any
// characters, also none, '_' for any one. Nothing escapes them; a backslash
// stands for itself. A character is a code point.
//
// It is held as the segments between its percent signs, of which there is at
// least one. The first begins the text and the last ends it, and each of the
// others may be taken where it is found first.
type likePattern []segment

type segment struct {
	text       string
	characters int
	blanks     bool // there are underscores in it
}

func newLikePattern(s string) likePattern {
	var p likePattern
	for text := range strings.SplitSeq(norm.NFC.String(s), "%") {
		p = append(p, segment{text, utf8.RuneCountInString(text), strings.Contains(text, "_")})
	}
	return p
}

// matchesString charges the bytes it looks at to the budget.
func (p likePattern) matchesString(s string, b *budget) (bool, error) {
	if err := b.spend(len(s)); err != nil {
		return false, err
	}
	return p.matches(norm.NFC.String(s), b)
}

// matchesBinary compares bytes as the code points below U+0100 (STIX 2.1
// §9.6.4).
func (p likePattern) matchesBinary(bytes []byte, b *budget) (bool, error) {
	if err := b.spend(len(bytes)); err != nil {
		return false, err
	}
	return p.matches(codePoints(bytes), b)
}

// codePoints returns the code points below U+0100 that bytes stand for.
func codePoints(bytes []byte) string {
	var text strings.Builder
	text.Grow(len(bytes))
	for _, c := range bytes {
		text.WriteRune(rune(c))
	}
	return text.String()
}

// matches tells whether the whole text is as p says. Without underscores it
// takes time linear in the text.
func (p likePattern) matches(text string, b *budget) (bool, error) {
	n := p[0].at(text)
	if len(p) == 1 || n < 0 {
		return n == len(text), nil
	}
	text = text[n:]
	last := &p[len(p)-1]
	end := last.before(text)
	if end < 0 {
		return false, nil
	}
	text = text[:end]
	for i := 1; i < len(p)-1; i++ {
		after, err := p[i].find(text, b)
		if err != nil || after < 0 {
			return false, err
		}
		text = text[after:]
	}
	return true, nil
}

// at returns how long the text is that s matches at the beginning of text, or
// -1.
func (s *segment) at(text string) int {
	if !s.blanks {
		if strings.HasPrefix(text, s.text) {
			return len(s.text)
		}
		return -1
	}
	n, _ := s.compare(text)
	return n
}

// compare is at for a segment with underscores. It returns as well how many
// characters it looked at.
func (s *segment) compare(text string) (n, looked int) {
	for _, r := range s.text {
		looked++
		c, size := utf8.DecodeRuneInString(text[n:])
		if size == 0 || r != '_' && r != c {
			return -1, looked
		}
		n += size
	}
	return n, looked
}

// before returns where the text begins that s matches at the end of text, or
// -1.
func (s *segment) before(text string) int {
	if !s.blanks {
		if strings.HasSuffix(text, s.text) {
			return len(text) - len(s.text)
		}
		return -1
	}
	start := len(text)
	for range s.characters {
		if start == 0 {
			return -1
		}
		_, size := utf8.DecodeLastRuneInString(text[:start])
		start -= size
	}
	if s.at(text[start:]) < 0 {
		return -1
	}
	return start
}

// find returns the end of what s matches first in text, or -1. With
// underscores it takes at most the product of both lengths, and pays for it.
func (s *segment) find(text string, b *budget) (int, error) {
	if !s.blanks {
		i := strings.Index(text, s.text)
		if i < 0 {
			return -1, nil
		}
		return i + len(s.text), nil
	}
	for start := 0; start < len(text); {
		n, looked := s.compare(text[start:])
		if err := b.spend(looked); err != nil {
			return -1, err
		}
		if n >= 0 {
			return start + n, nil
		}
		_, size := utf8.DecodeRuneInString(text[start:])
		start += size
	}
	return -1, nil
}
