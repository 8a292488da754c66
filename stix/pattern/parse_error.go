package pattern

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says why a text is no pattern, and where. It repeats nothing of it
// but words and signs of the language.
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

// found says what the current token is. It repeats only what belongs to the
// language: a message may be passed on to those who must not see the pattern.
func (p *parser) found() string {
	t := p.tok
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokName, tokHyphenName:
		if p.hint() == "" {
			return "a name"
		}
	case tokInteger, tokFloat:
		return "a number"
	case tokText:
		return "a string"
	case tokBinary:
		return "a binary constant"
	case tokHexadecimal:
		return "a hex constant"
	case tokTimestamp:
		return "a timestamp"
	}
	return p.src[t.start:t.end]
}

// expected records that the current token should have been another one.
func (p *parser) expected(what string) {
	if p.err != nil {
		return
	}
	message := fmt.Sprintf("%s is expected, not %s", what, p.found())
	if hint := p.hint(); hint != "" {
		message += ": " + hint
	}
	p.fail(p.tok.start, "%s", message)
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
	case unicode.IsLetter(r) || unicode.IsNumber(r):
		p.fail(i, "a name is of a-z, A-Z, 0-9 and _: put anything else in a string between two '")
	default:
		p.fail(i, "%c has no meaning here: remove it, or put it in a string between two '", r)
	}
}
