package pattern

import "strings"

// number reads an integer or, where digits follow a point, a float.
func (p *parser) number(i int) {
	src, n := p.src, i
	if classes[src[n]] == sign {
		n++
	}
	first := n
	n = p.digits(n)
	if n+1 < len(src) && src[n] == '.' && classes[src[n+1]] == digit {
		p.tok = token{kind: tokFloat, start: i, end: p.digits(n + 1)}
		return
	}
	switch {
	case n == first:
		p.fail(i, "a number is expected after %c", src[i])
	case n-first > 1 && src[first] == '0':
		p.fail(first, "a number has no leading 0: leave it out")
	default:
		p.tok = token{kind: tokInteger, start: i, end: n}
	}
}

// digits returns where the digits from i on end.
func (p *parser) digits(i int) int {
	for i < len(p.src) && classes[p.src[i]] == digit {
		i++
	}
	return i
}

// text reads a string from its opening quote. A backslash stands before a
// quote or another backslash and nowhere else.
func (p *parser) text(i int) {
	src, escaped := p.src, false
	for n := i + 1; n < len(src); n++ {
		switch src[n] {
		case '\'':
			p.tok = token{kind: tokText, escaped: escaped, start: i, end: n + 1}
			return
		case '\\':
			escaped = true
			n++
			if n < len(src) && src[n] != '\'' && src[n] != '\\' {
				p.fail(n-1, `a backslash stands only before ' or another backslash: write \\ for one backslash`)
				return
			}
		}
	}
	p.fail(i, `this string has no end: close it with ', and write \' for a quote inside it`)
}

// unescape returns what is written between the quotes of a string.
func unescape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// prefixed reads the constant whose prefix is the letter at i and reports
// whether the letter is such a prefix at all.
func (p *parser) prefixed(i int) bool {
	prefix := p.src[i]
	if prefix != 't' && prefix != 'h' && prefix != 'b' {
		return false
	}
	from := i + 2
	n := strings.IndexByte(p.src[from:], '\'')
	if n < 0 {
		p.fail(i, "this constant has no end: close it with '")
		return true
	}
	s := p.src[from : from+n]
	p.tok = token{start: i, end: from + n + 1}
	switch {
	case prefix == 't' && isTimestamp(s):
		p.tok.kind = tokTimestamp
	case prefix == 't':
		p.fail(i, "this is no timestamp: write it as t'2016-05-12T08:17:27.000Z', in UTC")
	case prefix == 'h' && isHex(s):
		p.tok.kind = tokHexadecimal
	case prefix == 'h':
		p.fail(i, "this is no hex: write two of 0-9, a-f for every byte, as in h'ffd8'")
	case isBase64(s):
		p.tok.kind = tokBinary
	default:
		p.fail(i, "this is no base64: write it in fours, padded with =, as in b'AQIDBA=='")
	}
	return true
}

// isTimestamp tells whether s is a timestamp to the grammar, which takes every
// month to have 31 days and every minute a leap second.
func isTimestamp(s string) bool {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(s) <= len(form) || s[len(s)-1] != 'Z' {
		return false
	}
	for i := range len(form) {
		if form[i] == 'd' {
			if classes[s[i]] != digit {
				return false
			}
		} else if s[i] != form[i] {
			return false
		}
	}
	if fraction := s[len(form) : len(s)-1]; fraction != "" {
		if fraction[0] != '.' || fraction == "." {
			return false
		}
		for i := 1; i < len(fraction); i++ {
			if classes[fraction[i]] != digit {
				return false
			}
		}
	}
	month, day, hour, minute, second := s[5:7], s[8:10], s[11:13], s[14:16], s[17:19]
	return month >= "01" && month <= "12" && day >= "01" && day <= "31" &&
		hour <= "23" && minute <= "59" && second <= "60"
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if classes[c] != digit && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return len(s)%2 == 0
}

// isBase64 tells whether s is base64 of one byte or more (RFC 4648 §4). Line
// feeds may stand anywhere in it (STIX 2.1 §9.2), after carriage returns too.
func isBase64(s string) bool {
	digits, padding := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n' || c == '\r':
		case c == '=':
			padding++
		case padding > 0 || c == '_' || c == '-' || !parts[c] && c != '+' && c != '/':
			return false
		default:
			digits++
		}
	}
	return digits > 0 && padding <= 2 && (digits+padding)%4 == 0
}
