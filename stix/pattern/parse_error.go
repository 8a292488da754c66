package pattern

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says why a text is no pattern, and where. It may quote a few
// characters of it.
type SyntaxError struct {
	Pos          int // byte offset
	Line, Column int // from 1; columns count characters
	Message      string

	code, section string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// fail records what is wrong at pos. Only the first failure counts, for the
// rest may follow from it.
func (p *parser) fail(pos int, format string, args ...any) {
	p.tok = token{kind: tokFailed, start: pos, end: len(p.src)}
	if p.err != nil {
		return
	}
	line, column := position(p.src, pos)
	p.err = &SyntaxError{
		Pos: pos, Line: line, Column: column, Message: fmt.Sprintf(format, args...),
		code: codeInvalidPattern, section: "STIX 2.1 §9",
	}
}

// position returns the line and the column, both from 1, of byte pos of src.
func position(src string, pos int) (line, column int) {
	before := src[:pos]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// maxQuote is how many bytes of a pattern a message repeats at once.
const maxQuote = 40

// quote returns what is at src[from:to], cut where it is long, and with
// question marks for what a terminal would obey and not show.
func (p *parser) quote(from, to int) string { return cut(p.src[from:to]) }

func cut(s string) string {
	dots := ""
	if len(s) > maxQuote {
		s, dots = strings.ToValidUTF8(s[:maxQuote], ""), "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s) + dots
}

// expected records that the current token should have been another one.
func (p *parser) expected(what string) {
	if p.err != nil {
		return
	}
	t := p.tok
	found := "the end"
	if t.kind != tokEnd {
		found = p.quote(t.start, t.end)
	}
	message := fmt.Sprintf("%s is expected, not %s", what, found)
	if hint := p.hint(); hint != "" {
		message += ": " + hint
	}
	p.fail(t.start, "%s", message)
}

// hint says how to mend the slips that are made most.
func (p *parser) hint() string {
	t := p.tok
	s := p.src[t.start:t.end]
	if t.kind == tokName && len(s) <= maxKeyword {
		upper := strings.ToUpper(s)
		if upper == "TRUE" || upper == "FALSE" {
			return "write true and false in lower case"
		}
		if keyword(upper) != tokName {
			return "keywords are written in capitals: " + upper
		}
	}
	return ""
}

// strange records that the character at i begins no token.
func (p *parser) strange(i int) {
	r, _ := utf8.DecodeRuneInString(p.src[i:])
	switch {
	case strings.ContainsRune("\"`´‘’‚“”„", r):
		p.fail(i, "%c is no quote in a pattern: put strings between two ' (U+0027)", r)
	case r == '/':
		p.fail(i, "/ begins nothing but a comment: put a regular expression between two '")
	case !unicode.IsPrint(r):
		p.fail(i, "the character U+%04X, which does not show, has no meaning here: remove it", r)
	default:
		p.fail(i, "%c has no meaning here: remove it, or put it in a string between two '", r)
	}
}
