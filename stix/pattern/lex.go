package pattern

import (
	"strings"
	"unicode/utf8"
)

// kind is the kind of a token.
type kind uint8

const (
	tokFailed kind = iota // the lexer has found what it has no token for
	tokEnd
	tokOpenBracket
	tokCloseBracket
	tokOpenParen
	tokCloseParen
	tokColon
	tokDot
	tokComma
	tokAsterisk
	tokEqualSign
	tokNotEqualSign
	tokGreaterSign
	tokLessSign
	tokGreaterOrEqualSign
	tokLessOrEqualSign
	tokName
	tokHyphenName // a name with a hyphen, which only types of objects may have
	tokInteger
	tokFloat
	tokText
	tokBoolean
	tokBinary
	tokHexadecimal
	tokTimestamp
	// Keywords from here on.
	wordAnd
	wordOr
	wordNot
	wordFollowedBy
	wordIn
	wordLike
	wordMatches
	wordIsSubset
	wordIsSuperset
	wordExists
	wordStart
	wordStop
	wordWithin
	wordSeconds
	wordRepeats
	wordTimes
	wordLast // reserved, and in no rule
)

// maxKeyword is the length of the longest keyword.
const maxKeyword = len("FOLLOWEDBY")

// keyword returns the kind of a name as it is written.
func keyword(s string) kind {
	switch s {
	case "AND":
		return wordAnd
	case "OR":
		return wordOr
	case "NOT":
		return wordNot
	case "FOLLOWEDBY":
		return wordFollowedBy
	case "IN":
		return wordIn
	case "LIKE":
		return wordLike
	case "MATCHES":
		return wordMatches
	case "ISSUBSET":
		return wordIsSubset
	case "ISSUPERSET":
		return wordIsSuperset
	case "EXISTS":
		return wordExists
	case "START":
		return wordStart
	case "STOP":
		return wordStop
	case "WITHIN":
		return wordWithin
	case "SECONDS":
		return wordSeconds
	case "REPEATS":
		return wordRepeats
	case "TIMES":
		return wordTimes
	case "LAST":
		return wordLast
	case "true", "false":
		return tokBoolean
	}
	return tokName
}

// class says what a token that begins with this byte can be.
type class uint8

const (
	other class = iota
	blank
	letter
	digit
	sign // of a number
	mark // a token by itself
)

// A byte in classes has its class; in parts it is non-zero where it goes on a
// name; in marks it has its kind.
var (
	classes [256]class
	parts   [256]bool
	marks   = [256]kind{
		'[': tokOpenBracket, ']': tokCloseBracket, '(': tokOpenParen, ')': tokCloseParen,
		':': tokColon, ',': tokComma, '*': tokAsterisk,
	}
)

func init() {
	for _, c := range " \t\r\n\v\f" {
		classes[c] = blank
	}
	for c := 'a'; c <= 'z'; c++ {
		classes[c], classes[c-'a'+'A'] = letter, letter
		parts[c], parts[c-'a'+'A'] = true, true
	}
	for c := '0'; c <= '9'; c++ {
		classes[c], parts[c] = digit, true
	}
	classes['_'], parts['_'] = letter, true
	classes['+'], classes['-'] = sign, sign
	for c, k := range marks {
		if k != tokFailed {
			classes[c] = mark
		}
	}
}

// A token is src[start:end].
type token struct {
	kind       kind
	escaped    bool // of text: it holds a backslash
	start, end int
}

// next reads the token after this one. Where there is none, it is failed and
// so is the parser.
func (p *parser) next() {
	src, i := p.src, p.tok.end
	for i < len(src) {
		c := src[i]
		switch classes[c] {
		case blank:
			i++
		case letter:
			p.name(i)
			return
		case mark:
			p.tok = token{kind: marks[c], start: i, end: i + 1}
			return
		case digit, sign:
			p.number(i)
			return
		default:
			if skipped := p.skip(i); skipped > 0 {
				i += skipped
				continue
			}
			if p.err == nil {
				p.special(i)
			}
			return
		}
	}
	p.tok = token{kind: tokEnd, start: len(src), end: len(src)}
}

// skip returns the length of the comment or blank beyond ASCII at i, or 0.
func (p *parser) skip(i int) int {
	rest := p.src[i:]
	switch {
	case strings.HasPrefix(rest, "//"):
		if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
			return n
		}
		return len(rest)
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest[2:], "*/")
		if n < 0 {
			p.fail(i, "this comment has no end: close it with */")
			return 0
		}
		return n + 4
	case rest[0] >= utf8.RuneSelf:
		if r, n := utf8.DecodeRuneInString(rest); isBlank(r) {
			return n
		}
	}
	return 0
}

// isBlank tells the blanks of the grammar that are not ASCII.
func isBlank(r rune) bool {
	switch r {
	case 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

// name reads a name, a keyword, or a constant that begins with a letter.
func (p *parser) name(i int) {
	src, k, n := p.src, tokName, i+1
	for ; n < len(src); n++ {
		if !parts[src[n]] {
			if src[n] != '-' {
				break
			}
			k = tokHyphenName
		}
	}
	if k == tokName && n-i <= maxKeyword {
		if n-i == 1 && n < len(src) && src[n] == '\'' && p.prefixed(i) {
			return
		}
		k = keyword(src[i:n])
	}
	p.tok = token{kind: k, start: i, end: n}
}

// special reads a token that none of the other ways reads.
func (p *parser) special(i int) {
	src := p.src
	c, after := src[i], byte(0)
	if i+1 < len(src) {
		after = src[i+1]
	}
	k, n := tokFailed, 1
	switch {
	case c == '\'':
		p.text(i)
		return
	case c == '.' && classes[after] == digit:
		p.number(i)
		return
	case c == '.':
		k = tokDot
	case c == '=' && after == '=':
		k, n = tokEqualSign, 2
	case c == '=':
		k = tokEqualSign
	case c == '!' && after == '=', c == '<' && after == '>':
		k, n = tokNotEqualSign, 2
	case c == '<' && after == '=':
		k, n = tokLessOrEqualSign, 2
	case c == '<':
		k = tokLessSign
	case c == '>' && after == '=':
		k, n = tokGreaterOrEqualSign, 2
	case c == '>':
		k = tokGreaterSign
	default:
		p.strange(i)
		return
	}
	p.tok = token{kind: k, start: i, end: i + n}
}
