package pattern

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxRegexSize bounds the regular expressions of a pattern together, with their
// repetitions written out, in parts of their syntax. One takes about 100 bytes.
const maxRegexSize = 10_000

var errRegexSize = fmt.Errorf("the regular expressions are too large: with repetitions written out they have over %d parts", maxRegexSize)

// search is the constant of MATCHES (STIX 2.1 §9.6.1): found anywhere in the
// value, the dot standing for any character. It is matched by RE2, in time
// linear in the value, and so knows of PCRE's syntax only what RE2 does: no
// lookaround, no references back, no atomic groups and possessive quantifiers,
// no recursion. \w, \d, \s and \b mean ASCII, as in PCRE without UCP.
type search struct {
	expression *regexp.Regexp
	binary     bool // a byte string can match
	hide       bool // newlines inside the text are to be hidden
	cost       int  // steps for a byte
}

// partsPerStep is how many parts of an expression a byte of text is held
// against in the time of one step.
const partsPerStep = 8

// newSearch takes the size of the expression from what is left of
// maxRegexSize.
func newSearch(source string, left *int) (*search, error) {
	source = norm.NFC.String(source)
	tree, err := syntax.Parse(withVerticalTab(source), syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, regexError(err)
	}
	size := regexSize(tree)
	if *left -= size; *left < 0 {
		return nil, errRegexSize
	}
	hide := endBeforeNewline(tree)
	re, err := regexp.Compile(tree.String())
	if err != nil {
		return nil, regexError(err)
	}
	_, binary := latin1(source)
	return &search{expression: re, binary: binary, hide: hide, cost: 1 + size/partsPerStep}, nil
}

// regexError leaves out the piece of the expression that err repeats.
func regexError(err error) error {
	code := syntax.ErrorCode("it does not parse")
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		code = e.Code
	}
	return fmt.Errorf("the regular expression is not one of RE2 (which has no lookaround, no back-references, no atomic groups or possessive quantifiers): %s", code)
}

// regexSize counts the parts of an expression with repetitions written out.
func regexSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += regexSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxRegexSize+1)
}

// findsIn charges the text to the budget before it looks.
func (s *search) findsIn(text string, b *budget) (bool, error) {
	if err := b.spend(product(len(text), s.cost)); err != nil {
		return false, err
	}
	return s.finds(norm.NFC.String(text)), nil
}

// findsInBinary matches bytes as the code points below U+0100 (STIX 2.1 §9.6.4).
func (s *search) findsInBinary(bytes []byte, b *budget) (bool, error) {
	if !s.binary {
		return false, nil
	}
	if err := b.spend(product(len(bytes), s.cost)); err != nil {
		return false, err
	}
	return s.finds(codePoints(bytes)), nil
}

func (s *search) finds(text string) bool {
	if s.hide {
		text = hideNewlines(text)
	}
	return s.expression.MatchString(text)
}

// latin1 returns the bytes of a string whose code points are all below U+0100
// (STIX 2.1 §9.6.4).
func latin1(s string) ([]byte, bool) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, utf8.ValidString(s)
}
