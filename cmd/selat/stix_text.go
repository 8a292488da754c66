package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable makes text from an object fit for a terminal: what is not seen, or
// would move the cursor, is written as an escape.
func printable(s string) string {
	seen := func(r rune) bool {
		return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != unicode.ReplacementChar
	}
	if strings.IndexFunc(s, func(r rune) bool { return !seen(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case seen(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// printableLines is printable but for the ends of lines, further lines indented.
// Tabs, which usage errors have, become spaces.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(strings.ReplaceAll(line, "\t", "  "))
	}
	return strings.Join(lines, "\n  ")
}

// plainJSON passes JSON on with what is not seen written as escapes of JSON,
// which mean the same to whoever reads it. Each Write is whole JSON, as an
// encoder makes it: only its strings have such characters.
type plainJSON struct{ out io.Writer }

func (p plainJSON) Write(text []byte) (int, error) {
	if _, err := p.out.Write(plainText(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// plainText escapes in JSON what an encoder leaves: DEL, the controls above it,
// and what turns the direction of writing.
func plainText(text []byte) []byte {
	unseen := func(r rune) bool { return r >= 0x7F && !unicode.IsGraphic(r) }
	var out []byte
	from := 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if unseen(r) {
			out = append(out, text[from:i]...)
			if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
				out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			from = i + size
		}
		i += size
	}
	if from == 0 {
		return text
	}
	return append(out, text[from:]...)
}
