package pattern

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestRegularExpressionsAreReadAsInPCRE(t *testing.T) {
	for _, c := range []struct {
		source, text string
		want         bool
	}{
		{"b", "abc", true},
		{"a.c", "a\nc", true},
		{"^b", "a\nb", false},
		{"(?m)^b$", "a\nb\nc", true},
		{"a$", "a\n", true},
		{"a$", "a\n\n", false},
		{`a\z`, "a\n", false},
		{"a$|b", "b", true},
		{"(?:x|a$)", "a\n", true},
		{"^a$\n$", "a\n", true},
		{"^a$\n$", "a\nb", false},
		{"^a$\n$", "a\n\n", false},
		{"^a\nb$\\n", "a\nb\n", true},
		{"^a[^x]b$\\s\\z", "a\nb\n", true},
		{"^a[^\n]b$\\s", "a\nb\n", false},
		{"(?-s:^a.b$)\\s", "a\nb\n", false},
		{"(?-s:^a.b$)\\s", "a-b\n", true},
		{"a$b", "a\nb", false},
		{"(a$\\n?)+b?", "a\n", true},
		{"(?i)^A\nb$()", "a\nB", true},
		{`^\s\S$`, "\va", true},
		{`^[\s-x][\S]$`, "-a", true},
		{`^[^\s]$`, "\v", false},
		{`^[]\s]$`, "]", true},
		{`^[[:alpha:]\s]$`, "\v", true},
		{`^\S$`, "\v", false},
		{`^[^\S]$`, "\v", true},
		{`^\\s$`, `\s`, true},
		{`^\Q\s\E\s$`, `\s `, true},
		{"", "", true},
		{`\d+\s\w`, "12 x", true},
		{`\w`, "é", false},
		{"é", "e\u0301", true},
		{`\x{e9}`, "e\u0301", true},
		{"(?i)ABC", "abc", true},
		{"(?<name>a)b", "ab", true},
	} {
		s, err := newSearch(c.source, allowance())
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		if got, err := s.findsIn(c.text, plenty(t)); got != c.want || err != nil {
			t.Errorf("%q MATCHES %q is %v, %v", c.text, c.source, got, err)
		}
	}
}

func TestRegularExpressionsThatREDoesNotKnowAreRefusedByName(t *testing.T) {
	for _, source := range []string{"(?=a)", "(?<!a)b", `(a)\1`, "a++", "(?>a)", "(?R)", "(", "a{2000}", "((a{10}){10}){1000}", "((((a{900}){900}){900}){900})"} {
		_, err := newSearch(source, allowance())
		if err == nil {
			t.Errorf("%s is taken", source)
			continue
		}
		if s := err.Error(); !strings.Contains(s, "RE2") && !strings.Contains(s, "too large") || len(s) > 300 {
			t.Errorf("%s: %s", source, s)
		}
	}
}

func TestBytesAreSearchedAsCodePointsBelowU0100(t *testing.T) {
	s, err := newSearch(`^\xff[\x80-\x90]$`, allowance())
	if err != nil {
		t.Fatal(err)
	}
	for last, want := range map[byte]bool{0x85: true, 0x91: false} {
		if found, err := s.findsInBinary([]byte{0xff, last}, plenty(t)); found != want || err != nil {
			t.Errorf("%x: %v, %v", last, found, err)
		}
	}
}

func TestTheSizeOfAllRegularExpressionsTogetherIsBounded(t *testing.T) {
	left := allowance()
	var err error
	for i := 0; err == nil && i < 100; i++ {
		_, err = newSearch("a{900}", left)
	}
	if err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

func allowance() *int {
	left := maxRegexSize
	return &left
}

func FuzzRegularExpressionsOfPCRE(f *testing.F) {
	f.Add(`^a$\n$|[[:^xdigit:]\S]`, "a\n")
	f.Add(`(?-s:.[^b]$)*\s\Q\s`, "\v\n\n")
	f.Fuzz(func(t *testing.T, source, text string) {
		s, err := newSearch(source, allowance())
		if err != nil {
			return
		}
		if _, err := s.findsIn(text, plenty(t)); err != nil && !errors.Is(err, ErrUndecided) {
			t.Error(err)
		}
		// What begins no PCRE construct is searched as Go does.
		plain, err := regexp.Compile("(?s:" + source + ")")
		if err != nil || strings.ContainsAny(source, `$\`) || !norm.NFC.IsNormalString(source+text) {
			return
		}
		if got, err := s.findsIn(text, plenty(t)); err == nil && got != plain.MatchString(text) {
			t.Errorf("%q MATCHES %q is %v", text, source, got)
		}
	})
}
