package pattern

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// series returns n observed-data at the given seconds, of values from 0 to
// values-1 by turns.
func series(n, values int, second func(i int) int) []Observed {
	observed := make([]Observed, n)
	for i := range observed {
		observed[i] = seen(i%values, second(i), second(i), 1)
	}
	return observed
}

func rising(i int) int  { return i }
func falling(i int) int { return 100_000 - i }
func mixed(i int) int   { return i * 7919 % 1009 }

func mustParse(t testing.TB, source string) *Pattern {
	t.Helper()
	p, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// chain joins n tests x:v = 0, 1, ... by an operator.
func chain(n int, operator string, value func(i int) int) string {
	tests := make([]string, n)
	for i := range tests {
		tests[i] = fmt.Sprintf("[x:v = %d]", value(i))
	}
	return strings.Join(tests, " "+operator+" ")
}

func zero(int) int { return 0 }

func TestPatternsMadeToExplodeAreDecidedOrGivenUp(t *testing.T) {
	tangled := make([]Observed, 60)
	for i := range tangled {
		first := mixed(i) % 50
		tangled[i] = seen(i%3, first, first+mixed(i+7)%20, 1)
	}
	for name, c := range map[string]struct {
		pattern  string
		observed []Observed
		want     string // yes, no, or either where it may be given up as well
	}{
		"ten FOLLOWEDBYs over hundreds":        {chain(11, "FOLLOWEDBY", zero), series(400, 1, rising), "yes"},
		"over hundreds that come latest first": {chain(11, "FOLLOWEDBY", zero), series(400, 1, falling), "yes"},
		"over hundreds in no order":            {chain(40, "FOLLOWEDBY", zero), series(400, 1, mixed), "yes"},
		"with one observation too few":         {chain(11, "FOLLOWEDBY", zero), series(10, 1, falling), "no"},
		"whose last has come before all others": {chain(12, "FOLLOWEDBY", func(i int) int { return i / 11 }),
			append(series(300, 1, rising), seen(1, -5, -5, 1)), "no"},
		"that a value by turns can follow":    {chain(150, "FOLLOWEDBY", func(i int) int { return i % 2 }), series(400, 2, rising), "yes"},
		"that a value by turns cannot follow": {chain(150, "FOLLOWEDBY", func(i int) int { return i % 2 }), series(149, 2, rising), "no"},
		"that intervals leave open":           {chain(20, "FOLLOWEDBY", func(i int) int { return i % 3 }), tangled, "yes"},
		"REPEATS 1000 over hundreds":          {"[x:v = 0] REPEATS 1000 TIMES", series(999, 1, rising), "no"},
		"REPEATS 1000 over a thousand":        {"[x:v = 0] REPEATS 1000 TIMES", series(1000, 1, rising), "yes"},
		"REPEATS a billion of one":            {"[x:v = 0] REPEATS 999999999 TIMES", []Observed{seen(0, 0, 9, 999_999_999)}, "yes"},
		"REPEATS a billion and one more":      {"[x:v = 0] REPEATS 999999999 TIMES AND [x:v = 0]", []Observed{seen(0, 0, 9, 999_999_999)}, "no"},
		"REPEATS beyond all numbers":          {"([x:v = 0] REPEATS 2000000000 TIMES AND [x:v = 0]) REPEATS 2000000000 TIMES", series(300, 1, rising), "no"},
		"pairs REPEATS 150":                   {"([x:v = 0] FOLLOWEDBY [x:v = 1]) REPEATS 150 TIMES", series(300, 2, rising), "yes"},
		"pairs that are all but one":          {"([x:v = 0] FOLLOWEDBY [x:v = 1]) REPEATS 150 TIMES", series(299, 2, rising), "no"},
		"pairs the wrong way round":           {"([x:v = 1] FOLLOWEDBY [x:v = 0]) REPEATS 20 TIMES", series(40, 2, rising), "either"},
		"pairs WITHIN a second":               {"([x:v = 0] AND [x:v = 1]) WITHIN 1.5 SECONDS REPEATS 50 TIMES", series(100, 2, rising), "yes"},
		"pairs never WITHIN a second":         {"([x:v = 0] AND [x:v = 1]) WITHIN 1 SECONDS REPEATS 50 TIMES", series(100, 2, rising), "no"},
		"many WITHIN a window":                {"[x:v = 0] REPEATS 100 TIMES WITHIN 99.5 SECONDS", series(400, 1, falling), "yes"},
		"many not WITHIN a window":            {"[x:v = 0] REPEATS 100 TIMES WITHIN 99 SECONDS", series(400, 1, falling), "no"},
		"thirty ANDs in a pigeonhole":         {chain(30, "AND", zero), series(29, 1, rising), "no"},
		"thirty ORs of pairs": {strings.Repeat("(([x:v = 0] AND [x:v = 0]) OR [x:v = 1] REPEATS 2 TIMES) AND ", 30) + "[x:v = 2]",
			append(series(40, 2, rising), seen(2, 0, 0, 1)), "either"},
		"pairs of either kind that one is lacking for": {strings.Repeat("(([x:v = 0] AND [x:v = 0]) OR ([x:v = 1] AND [x:v = 1])) AND ", 20) +
			"(([x:v = 0] AND [x:v = 0]) OR ([x:v = 1] AND [x:v = 1]))", series(42, 2, rising), "either"},
		"pairs one after another that one is lacking for": {strings.Repeat("([x:v = 0] FOLLOWEDBY [x:v = 1]) AND ", 30) + "([x:v = 0] FOLLOWEDBY [x:v = 1])",
			append(series(62, 2, mixed), seen(1, -1, -1, 1)), "either"},
		"windows that one is lacking for": {strings.Repeat("([x:v = 0] AND [x:v = 0] AND [x:v = 1]) WITHIN 30 SECONDS AND ", 20) + "[x:v = 1]",
			series(80, 2, mixed), "either"},
		"an OR of pairs REPEATS 30": {"(([x:v = 0] AND [x:v = 0]) OR ([x:v = 1] AND [x:v = 1])) REPEATS 30 TIMES",
			series(59, 2, rising), "no"},
		"tests of all values in a tangle": {"(" + chain(10, "FOLLOWEDBY", func(i int) int { return i % 3 }) + ") WITHIN 3 SECONDS", tangled, "either"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding, matched, err := mustParse(t, c.pattern).Match(t.Context(), c.observed)
			switch {
			case errors.Is(err, ErrUndecided):
				if c.want != "either" {
					t.Error("this is given up")
				}
				t.Log("given up")
			case err != nil:
				t.Error(err)
			case c.want != "either" && matched != (c.want == "yes"):
				t.Errorf("matched is %v", matched)
			default:
				t.Logf("matched is %v, binding of %d", matched, len(binding))
			}
		})
	}
}

func TestARepetitionOfOperatorsThatIsTooLongIsGivenUp(t *testing.T) {
	p := mustParse(t, "([x:v = 0] FOLLOWEDBY [x:v = 0]) REPEATS 100000 TIMES")
	_, _, err := p.Match(t.Context(), []Observed{seen(0, 0, 9, 999_999_999)})
	if !errors.Is(err, ErrUndecided) {
		t.Errorf("got %v", err)
	}
}

// wide returns an observed-data of n files without a name.
func wide(n int) []Observed {
	x := &object{typ: "file", properties: map[string]any{"name": strings.Repeat("a", 1000)}}
	return []Observed{{First: time.Unix(0, 0), Last: time.Unix(0, 0), Number: 1, objects: slices.Repeat([]*object{x}, n)}}
}

func TestComparisonsBeyondTheBoundAreGivenUp(t *testing.T) {
	for name, source := range map[string]string{
		"many comparisons":            "[file:size = 1" + strings.Repeat(" OR file:size = 1", 20_000) + "]",
		"a set of bytes":              "[file:name IN (h'61'" + strings.Repeat(", h'61'", 20_000) + ")]",
		"a large regular expression":  "[file:name MATCHES '" + strings.Repeat("a{900}", 3) + "b']",
		"a long segment to be sought": "[file:name LIKE '%" + strings.Repeat("a", 500) + "_b%']",
	} {
		_, _, err := mustParse(t, source).Match(t.Context(), wide(5000))
		if !errors.Is(err, ErrUndecided) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASetOfStringsIsLookedUp(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "'%d', ", i)
	}
	p := mustParse(t, "[file:name IN ("+b.String()+"'a')]")
	if _, matched, err := p.Match(t.Context(), wide(100_000)); matched || err != nil {
		t.Error(matched, err)
	}
}

func TestAMatcherServesManyGoroutines(t *testing.T) {
	m, err := mustParse(t, "[x:v = 2] FOLLOWEDBY [x:v IN (0, 1)] REPEATS 2 TIMES").Prepare()
	if err != nil {
		t.Fatal(err)
	}
	observed := series(60, 3, rising)
	want, _, err := m.Match(t.Context(), observed)
	if err != nil || want == nil {
		t.Fatal(want, err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, _, err := m.Match(t.Context(), observed); err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, %v, want %v", got, err, want)
			}
		})
	}
	all.Wait()
}

func TestTheAnswerDoesNotChangeFromRunToRun(t *testing.T) {
	observed := series(60, 3, mixed)
	p := mustParse(t, "([x:v = 0] OR [x:v = 1]) FOLLOWEDBY [x:v = 2] REPEATS 3 TIMES FOLLOWEDBY [x:v != 2]")
	first, matched, err := p.Match(t.Context(), observed)
	if err != nil || !matched {
		t.Fatal(matched, err)
	}
	for range 20 {
		if again, _, _ := p.Match(t.Context(), observed); !slices.Equal(first, again) {
			t.Fatalf("%v and then %v", first, again)
		}
	}
}

func TestReferencesWithoutEndAreFollowedInLinearTime(t *testing.T) {
	const n = 200
	var b strings.Builder
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf(`"person--%d"`, i)
	}
	all := strings.Join(ids, ",")
	fmt.Fprintf(&b, `{"type":"observed-data","id":"observed-data--1","first_observed":"2020-01-01T00:00:00Z","last_observed":"2020-01-01T00:00:00Z","number_observed":1,"object_refs":[%s]}`, all)
	for _, id := range ids {
		fmt.Fprintf(&b, `{"type":"person","id":%s,"knows_refs":[%s]}`, id, all)
	}
	observed, err := Observations([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, "[person:"+strings.Repeat("knows_refs[*].", 20)+"name = 'nobody']")
	if _, matched, err := p.Match(t.Context(), observed); matched || err != nil {
		t.Errorf("matched is %v, %v", matched, err)
	}
}

func TestAMatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := mustParse(t, "[x:v = 0]").Match(ctx, series(3, 1, rising))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
