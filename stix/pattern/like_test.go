package pattern

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLikeSaysWhatTheRegularExpressionForItSays(t *testing.T) {
	expression := strings.NewReplacer("%", ".*", "_", ".")
	rapid.Check(t, func(t *rapid.T) {
		like := rapid.StringOfN(rapid.RuneFrom([]rune("ab%_é")), 0, 8, -1).Draw(t, "like")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("abé\n")), 0, 12, -1).Draw(t, "text")
		want := regexp.MustCompile(`(?s)\A` + expression.Replace(like) + `\z`).MatchString(text)
		if got := newLikePattern(like).matchesString(text); got != want {
			t.Fatalf("%q LIKE %q is %v", text, like, got)
		}
	})
}

func TestLikeOfManyPercentSignsDoesNotExplode(t *testing.T) {
	p := newLikePattern(strings.Repeat("%a", 1000) + "b")
	if p.matchesString(strings.Repeat("a", 10_000)) {
		t.Error("it matches")
	}
}
