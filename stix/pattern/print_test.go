package pattern

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// sameTree compares trees but for positions.
var sameTree = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(Pattern{}, "Source"),
	cmpopts.IgnoreFields(Observation{}, "Pos"),
	cmpopts.IgnoreFields(Condition{}, "Pos"),
	cmpopts.IgnoreFields(Comparison{}, "Pos"),
	cmpopts.IgnoreFields(Path{}, "Pos"),
	cmpopts.IgnoreFields(Value{}, "Pos"),
	cmpopts.IgnoreFields(Qualifier{}, "Pos"),
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkRoundTrip holds a pattern that parses to what String promises.
func checkRoundTrip(t failer, source string) {
	t.Helper()
	p, err := Parse(source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	checkCanonical(t, p)
	if len(problemsOf(source)) == 0 {
		for _, problem := range problemsOf(p.String()) {
			t.Fatalf("%s is sound, and printed is not: %v", source, problem)
		}
	}
}

func checkCanonical(t failer, p *Pattern) {
	t.Helper()
	printed := p.String()
	again, err := Parse(printed)
	if err != nil {
		t.Fatalf("%s, printed from %s: %v", printed, p.Source, err)
	}
	if d := cmp.Diff(p, again, sameTree); d != "" {
		t.Fatalf("%s: printed and parsed again it is another tree: -want +got\n%s", printed, d)
	}
	if twice := again.String(); twice != printed {
		t.Fatalf("%s is printed as %s", printed, twice)
	}
}

func TestEveryTreeIsPrintedSoThatItParsesToItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkCanonical(t, &Pattern{Root: drawObservation(t, 2)})
	})
}

// The generators of texts. They take long to make.
var (
	typeNames  = rapid.StringMatching(`[a-z_][a-zA-Z0-9_-]{0,8}`).Filter(func(s string) bool { return keyword(s) == tokName })
	integers   = rapid.StringMatching(`[+-]?(0|[1-9][0-9]{0,20})`)
	floats     = rapid.StringMatching(`[+-]?[0-9]{0,20}\.[0-9]{1,20}`)
	binaries   = rapid.StringMatching(`([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)`)
	hexes      = rapid.StringMatching(`([0-9a-fA-F]{2}){0,8}`)
	timestamps = rapid.StringMatching(`[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,12})?Z`)
	ordered    = rapid.Custom(drawValue).Filter(func(v Value) bool { return v.Kind != Boolean })
	// Strings that are easily confused with something else, and others.
	texts = rapid.OneOf(
		rapid.SampledFrom([]string{"", "name", "IN", "LAST", "true", "SHA-256", "windows-pebinary-ext", "a.b", `'`, `\`, `\'`, "*/", "//", "1st", "_", "日本"}),
		rapid.StringMatching(`[a-z_]{1,6}`),
		rapid.Map(rapid.String(), func(s string) string { return strings.ToValidUTF8(s, "") }),
	)
)

func drawObservation(t *rapid.T, depth int) *Observation {
	o := &Observation{}
	if depth > 0 {
		o.Op = rapid.SampledFrom([]ObservationOp{Test, ObservationAnd, ObservationOr, FollowedBy}).Draw(t, "op")
	}
	if o.Op == Test {
		o.Condition = drawCondition(t, 2)
	} else {
		for range rapid.IntRange(2, 3).Draw(t, "operands") {
			o.Operands = append(o.Operands, drawObservation(t, depth-1))
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "qualifiers") {
		q := Qualifier{Kind: rapid.SampledFrom([]QualifierKind{Within, Repeats, StartStop}).Draw(t, "qualifier")}
		switch q.Kind {
		case Within:
			q.Seconds = rapid.Float64Range(1e-9, 1e18).Draw(t, "seconds")
		case Repeats:
			q.Times = rapid.IntRange(1, MaxIndex).Draw(t, "times")
		case StartStop:
			q.Start, q.Stop = timestamps.Draw(t, "start"), timestamps.Draw(t, "stop")
		}
		o.Qualifiers = append(o.Qualifiers, q)
	}
	return o
}

func drawCondition(t *rapid.T, depth int) *Condition {
	c := &Condition{}
	if depth > 0 {
		c.Op = rapid.SampledFrom([]ConditionOp{Compare, And, Or}).Draw(t, "op")
	}
	if c.Op == Compare {
		c.Comparison = drawComparison(t)
		return c
	}
	for range rapid.IntRange(2, 3).Draw(t, "operands") {
		c.Operands = append(c.Operands, drawCondition(t, depth-1))
	}
	return c
}

func drawComparison(t *rapid.T) *Comparison {
	c := &Comparison{
		Path: Path{Type: typeNames.Draw(t, "type"), Steps: []Step{{Name: texts.Draw(t, "text")}}},
		Op:   Operator(rapid.IntRange(0, int(Exists)).Draw(t, "operator")),
		Not:  rapid.Bool().Draw(t, "not"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		s := Step{Kind: rapid.SampledFrom([]StepKind{Property, Index, AnyIndex}).Draw(t, "step")}
		switch s.Kind {
		case Property:
			s.Name = texts.Draw(t, "text")
		case Index:
			s.Index = rapid.IntRange(0, MaxIndex).Draw(t, "index")
		}
		c.Path.Steps = append(c.Path.Steps, s)
	}
	switch c.Op {
	case Exists:
	case In:
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			c.Values = append(c.Values, drawValue(t))
		}
	case Like, Matches, IsSubset, IsSuperset:
		c.Values = []Value{{Kind: String, Text: texts.Draw(t, "text")}}
	case Greater, Less, GreaterOrEqual, LessOrEqual:
		c.Values = []Value{ordered.Draw(t, "value")}
	default:
		c.Values = []Value{drawValue(t)}
	}
	return c
}

func drawValue(t *rapid.T) Value {
	v := Value{Kind: ValueKind(rapid.IntRange(0, int(Timestamp)).Draw(t, "kind"))}
	switch v.Kind {
	case String:
		v.Text = texts.Draw(t, "text")
	case Integer:
		v.Text = integers.Draw(t, "integer")
	case Float:
		v.Text = floats.Draw(t, "float")
	case Boolean:
		v.Text = rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case Binary:
		v.Text = binaries.Draw(t, "binary")
	case Hex:
		v.Text = hexes.Draw(t, "hex")
	case Timestamp:
		v.Text = timestamps.Draw(t, "timestamp")
	}
	return v
}

func TestACanonicalPatternHasNoMoreThanItNeeds(t *testing.T) {
	for source, want := range map[string]string{
		"[ a:b==1 ]":                            "[a:b = 1]",
		"[a:b<>1]":                              "[a:b != 1]",
		"(([((a:b=1))]))":                       "[a:b = 1]",
		"[a:'b'=1 AND a:'b-c'.'IN'=1]":          "[a:b = 1 AND a:'b-c'.'IN' = 1]",
		`[a:b='\'\\']`:                          `[a:b = '\'\\']`,
		"[a:b IN(1,2)]":                         "[a:b IN (1, 2)]",
		"[a:b=1 OR (a:b=2 AND a:b=3)]":          "[a:b = 1 OR a:b = 2 AND a:b = 3]",
		"[(a:b=1 OR a:b=2) AND a:b=3]":          "[(a:b = 1 OR a:b = 2) AND a:b = 3]",
		"[a:b=1 AND (a:b=2 AND a:b=3)]":         "[a:b = 1 AND (a:b = 2 AND a:b = 3)]",
		"[a:b=1]AND([a:b=2]OR[a:b=3])":          "[a:b = 1] AND ([a:b = 2] OR [a:b = 3])",
		"([a:b=1]AND[a:b=2])OR[a:b=3]":          "[a:b = 1] AND [a:b = 2] OR [a:b = 3]",
		"([a:b=1])WITHIN 05.50 SECONDS":         "[a:b = 1] WITHIN 5.5 SECONDS",
		"([a:b=1]OR[a:b=2])REPEATS+2TIMES":      "([a:b = 1] OR [a:b = 2]) REPEATS 2 TIMES",
		"([a:b=1]REPEATS 2TIMES)REPEATS 3TIMES": "([a:b = 1]) REPEATS 2 TIMES REPEATS 3 TIMES",
		"[a:b=1/* ] */]// OR":                   "[a:b = 1]",
		"[NOT\u2003EXISTS a:b[*][0].c]":         "[NOT EXISTS a:b[*][0].c]",
		"[a:b NOT=true]":                        "[a:b NOT = true]",
	} {
		p, err := Parse(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%s is printed as %s, want %s", source, got, want)
		}
		checkRoundTrip(t, source)
	}
}
