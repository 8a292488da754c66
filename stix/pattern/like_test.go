package pattern

import (
	"context"
	"errors"
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
		if got, err := newLikePattern(like).matchesString(text, plenty(t)); got != want || err != nil {
			t.Fatalf("%q LIKE %q is %v, %v", text, like, got, err)
		}
	})
}

func TestLikeOfManyPercentSignsDoesNotExplode(t *testing.T) {
	p := newLikePattern(strings.Repeat("%a", 1000) + "b")
	if found, err := p.matchesString(strings.Repeat("a", 10_000), plenty(t)); found || err != nil {
		t.Error(found, err)
	}
}

// Between two percent signs text is sought, and nothing else: it costs no more
// than its length.
func TestLikeCostsTheLengthOfTheText(t *testing.T) {
	const length = 1 << 20
	p := newLikePattern("%" + strings.Repeat("a", length/2) + "b%")
	b := plenty(t)
	if found, err := p.matchesString(strings.Repeat("a", length), b); found || err != nil {
		t.Error(found, err)
	}
	if spent := maxSteps - b.left; spent > 2*length {
		t.Errorf("%d steps for %d bytes", spent, length)
	}
}

func TestLikeWithUnderscoresInLongTextIsGivenUp(t *testing.T) {
	p := newLikePattern("%" + strings.Repeat("a", 1<<18) + "_b%")
	if _, err := p.matchesString(strings.Repeat("a", 1<<20), plenty(t)); !errors.Is(err, ErrUndecided) {
		t.Error(err)
	}
}

// plenty returns the budget that a match begins with.
func plenty(t interface{ Context() context.Context }) *budget {
	return &budget{ctx: t.Context(), left: maxSteps}
}
