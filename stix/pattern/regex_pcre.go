package pattern

import (
	"regexp/syntax"
	"strings"
	"unicode"
)

// Go's \s lacks the vertical tab that PCRE's has. The blank is the first, so
// that a hyphen after \s in brackets begins no range.
const (
	spaces   = `\x20\t-\r`
	noSpaces = `\x00-\x08\x0e-\x1f!-\x{10FFFF}`
)

// withVerticalTab writes \s and \S out as what they are in PCRE.
func withVerticalTab(source string) string {
	if !strings.Contains(source, `\s`) && !strings.Contains(source, `\S`) {
		return source
	}
	var b strings.Builder
	brackets := false
	for i := 0; i < len(source); {
		n := 1
		rest := source[i:]
		switch {
		case strings.HasPrefix(rest, `\Q`) && !brackets:
			if n = strings.Index(rest, `\E`); n < 0 {
				n = len(rest)
			}
		case (strings.HasPrefix(rest, `\s`) || strings.HasPrefix(rest, `\S`)):
			set := spaces
			if rest[1] == 'S' {
				set = noSpaces
			}
			if !brackets {
				set = "[" + set + "]"
			}
			b.WriteString(set)
			i += 2
			continue
		case rest[0] == '\\':
			n = min(2, len(rest))
		case brackets && strings.HasPrefix(rest, "[:"):
			if end := strings.Index(rest[:min(len(rest), len("[:^xdigit:]"))], ":]"); end > 0 {
				n = end + 2
			}
		case brackets:
			brackets = rest[0] != ']'
		case rest[0] == '[':
			brackets = true
			n += len(rest[1:]) - len(strings.TrimPrefix(rest[1:], "^"))
			if strings.HasPrefix(rest[n:], "]") { // it stands for itself
				n++
			}
		}
		b.WriteString(source[i : i+n])
		i += n
	}
	return b.String()
}

// innerNewline stands for the newlines of a text but the last character, where
// a $ that is not last in its expression must tell them apart. It is no
// character, and in no text that is interchanged.
const innerNewline = '\U0010FFFF'

// hideNewlines puts innerNewline for every newline but one at the end.
func hideNewlines(text string) string {
	head, last := text, ""
	if strings.HasSuffix(text, "\n") {
		head, last = text[:len(text)-1], "\n"
	}
	return strings.ReplaceAll(head, "\n", string(innerNewline)) + last
}

// endBeforeNewline gives $ the meaning it has in PCRE, where it matches before
// a newline at the end of the text too. Go has nothing that looks ahead, but
// for its $ of (?m) before any newline. So it returns whether the text needs
// hideNewlines; where every $ is last it does not, for then it may take the
// newline along. That is so as well where (?m) is used in the same expression,
// though what follows $ then finds no newline.
func endBeforeNewline(re *syntax.Regexp) (hide bool) {
	hide = !endsLast(re, true) && !hasLines(re)
	replaceEnd(re, hide)
	return hide
}

func isDollar(re *syntax.Regexp) bool {
	return re.Op == syntax.OpEndText && re.Flags&syntax.WasDollar != 0
}

// endsLast tells whether nothing follows any $.
func endsLast(re *syntax.Regexp, last bool) bool {
	if isDollar(re) {
		return last
	}
	for i, sub := range re.Sub {
		here := last
		switch re.Op {
		case syntax.OpConcat:
			here = last && i == len(re.Sub)-1
		case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
			here = false
		}
		if !endsLast(sub, here) {
			return false
		}
	}
	return true
}

// hasLines tells whether ^ or $ are those of (?m) anywhere.
func hasLines(re *syntax.Regexp) bool {
	if re.Op == syntax.OpBeginLine || re.Op == syntax.OpEndLine {
		return true
	}
	for _, sub := range re.Sub {
		if hasLines(sub) {
			return true
		}
	}
	return false
}

// replaceEnd replaces every $ and, where newlines will be hidden, lets what
// matches a newline match a hidden one, and nothing else.
func replaceEnd(re *syntax.Regexp, hide bool) {
	for _, sub := range re.Sub {
		replaceEnd(sub, hide)
	}
	switch {
	case isDollar(re) && hide:
		*re = syntax.Regexp{Op: syntax.OpEndLine}
	case isDollar(re):
		newline := &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{'\n'}}
		*re = syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{
			{Op: syntax.OpQuest, Sub: []*syntax.Regexp{newline}},
			{Op: syntax.OpEndText},
		}}
	case !hide:
	case re.Op == syntax.OpCharClass:
		re.Rune = withHidden(re.Rune)
	case re.Op == syntax.OpAnyCharNotNL:
		*re = syntax.Regexp{Op: syntax.OpCharClass, Rune: []rune{0, '\n' - 1, '\n' + 1, innerNewline - 1}}
	case re.Op == syntax.OpLiteral:
		literalWithHidden(re)
	}
}

// withHidden takes a class of characters, in ranges that rise.
func withHidden(ranges []rune) []rune {
	newline := false
	var with []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		low, high := ranges[i], min(ranges[i+1], innerNewline-1)
		newline = newline || low <= '\n' && '\n' <= high
		if low <= high {
			with = append(with, low, high)
		}
	}
	switch end := len(with) - 1; {
	case !newline:
	case with[end] == innerNewline-1: // ranges do not touch
		with[end] = innerNewline
	default:
		with = append(with, innerNewline, innerNewline)
	}
	return with
}

func literalWithHidden(re *syntax.Regexp) {
	parts := []*syntax.Regexp{}
	for _, r := range re.Rune {
		part := &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags & syntax.FoldCase, Rune: []rune{r}}
		if r == '\n' {
			part = &syntax.Regexp{Op: syntax.OpCharClass, Rune: []rune{'\n', '\n', innerNewline, unicode.MaxRune}}
		}
		parts = append(parts, part)
	}
	*re = syntax.Regexp{Op: syntax.OpConcat, Sub: parts}
}
