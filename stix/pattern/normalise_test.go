package pattern

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func checkSame(t rapid.TB, want, got *Pattern) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("patterns differ: %s", d)
	}
}

// drawFewConditions draws from few comparisons, so that some are equal.
func drawFewConditions(t *rapid.T, depth int) *Condition {
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return &Condition{Comparison: drawFewComparisons(t)}
	}
	c := &Condition{Op: rapid.SampledFrom([]ConditionOp{And, Or}).Draw(t, "op")}
	for range rapid.IntRange(2, 3).Draw(t, "operands") {
		c.Operands = append(c.Operands, drawFewConditions(t, depth-1))
	}
	return c
}

func drawFewComparisons(t *rapid.T) *Comparison {
	property := func(names ...string) (steps []Step) {
		for _, name := range names {
			steps = append(steps, Step{Kind: Property, Name: name})
		}
		return steps
	}
	c := &Comparison{
		Op:  rapid.SampledFrom([]Operator{Equal, Equal, NotEqual, In, IsSubset, Like}).Draw(t, "operator"),
		Not: rapid.IntRange(0, 4).Draw(t, "not") == 0,
	}
	texts := []string{"192.0.2.1", "192.0.2.1/32", "192.0.2.9/24", "192.0.2.0/24", "x"}
	switch rapid.IntRange(0, 3).Draw(t, "path") {
	case 0:
		c.Path = Path{Type: "url", Steps: property("value")}
		texts = []string{"http://example.com/", "http://example.org/"}
	case 1:
		c.Path = Path{Type: "windows-registry-key", Steps: property("key")}
		texts = []string{"hklm", "HKLM"}
	default:
		c.Path = Path{Type: "ipv4-addr", Steps: property("value")}
	}
	count := 1
	if c.Op == In {
		count = rapid.IntRange(1, 3).Draw(t, "values")
	}
	for range count {
		c.Values = append(c.Values, Value{Kind: String, Text: rapid.SampledFrom(texts).Draw(t, "text")})
	}
	return c
}

func drawFewObservations(t *rapid.T, depth int) *Observation {
	o := &Observation{}
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "test") == 0 {
		o.Condition = drawFewConditions(t, 2)
	} else {
		o.Op = rapid.SampledFrom([]ObservationOp{ObservationAnd, ObservationOr, FollowedBy}).Draw(t, "op")
		for range rapid.IntRange(2, 3).Draw(t, "operands") {
			o.Operands = append(o.Operands, drawFewObservations(t, depth-1))
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "qualified") == 0 {
		o.Qualifiers = []Qualifier{drawQualifier(t)}
	}
	return o
}

func drawQualifier(t *rapid.T) Qualifier {
	return rapid.SampledFrom([]Qualifier{
		{Kind: Repeats, Times: 1},
		{Kind: Repeats, Times: 2},
		{Kind: Within, Seconds: 5},
		{Kind: StartStop, Start: "2020-01-01T00:00:00Z", Stop: "2021-01-01T00:00:00.000Z"},
	}).Draw(t, "qualifier")
}

func drawFromFew(t *rapid.T) *Pattern { return &Pattern{Root: drawFewObservations(t, 3)} }

func TestTheNormalFormIsNormal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		once := p.Normalise()
		checkSame(t, once, once.Normalise())
		if !Equivalent(p, p) || !Equivalent(p, once) || !Equivalent(once, p) {
			t.Fatal("a pattern is not equivalent to itself or its normal form")
		}
	})
}

func TestEquivalenceIsSymmetricAndHoldsWhereTheNormalFormsAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawFromFew(t), drawFromFew(t)
		if rapid.Bool().Draw(t, "related") {
			b = &Pattern{Root: shuffled(t, a.Root)}
		}
		got := Equivalent(a, b)
		if got != Equivalent(b, a) {
			t.Fatal("not symmetric")
		}
		if same := cmp.Equal(a.Normalise(), b.Normalise()); same != got {
			t.Fatalf("equivalent: %v, normal forms are the same: %v", got, same)
		}
	})
}

// shuffled returns o with the operands of AND and OR in another order, some of
// them in parentheses, and some under OR and in conditions twice.
func shuffled(t *rapid.T, o *Observation) *Observation {
	s := *o
	if o.Op == Test {
		s.Condition = shuffledCondition(t, o.Condition)
		return &s
	}
	s.Operands = nil
	for _, operand := range o.Operands {
		s.Operands = append(s.Operands, shuffled(t, operand))
	}
	if o.Op != FollowedBy {
		s.Operands = rapid.Permutation(s.Operands).Draw(t, "order")
	}
	if o.Op == ObservationOr && rapid.Bool().Draw(t, "twice") {
		s.Operands = append(s.Operands, s.Operands[0])
	}
	if len(s.Operands) > 2 && rapid.Bool().Draw(t, "nested") {
		s.Operands = []*Observation{s.Operands[0], {Op: o.Op, Operands: s.Operands[1:]}}
	}
	return &s
}

func shuffledCondition(t *rapid.T, c *Condition) *Condition {
	s := *c
	if c.Op == Compare {
		return &s
	}
	s.Operands = nil
	for _, operand := range c.Operands {
		s.Operands = append(s.Operands, shuffledCondition(t, operand))
	}
	s.Operands = rapid.Permutation(s.Operands).Draw(t, "order")
	if rapid.Bool().Draw(t, "twice") {
		s.Operands = append(s.Operands, s.Operands[0])
	}
	if len(s.Operands) > 2 && rapid.Bool().Draw(t, "nested") {
		s.Operands = []*Condition{s.Operands[0], {Op: c.Op, Operands: s.Operands[1:]}}
	}
	return &s
}

func TestOrderNestingAndDuplicatesDoNotCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		if other := (&Pattern{Root: shuffled(t, p.Root)}); !Equivalent(p, other) {
			t.Fatal("the shuffled pattern is not equivalent")
		}
	})
}

func TestAQualifierAddedCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		qualified := *p.Root
		qualified.Qualifiers = append(slices.Clone(p.Root.Qualifiers), drawQualifier(t))
		if Equivalent(p, &Pattern{Root: &qualified}) {
			t.Fatal("a qualifier more does not count")
		}
	})
}

func TestTheNormalFormIsWhatItsDescriptionSays(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"conditions are alternatives of conjunctions", "[a:b=3 AND (a:b=2 OR a:b=1)]", "[(a:b=1 AND a:b=3) OR (a:b=2 AND a:b=3)]"},
		{"observations too", "[a:b=3] AND ([a:b=2] OR [a:b=1])", "([a:b=1] AND [a:b=3]) OR ([a:b=2] AND [a:b=3])"},
		{"FOLLOWEDBY keeps its order", "[a:b=3] FOLLOWEDBY ([a:b=2] OR [a:b=1])", "([a:b=3] FOLLOWEDBY [a:b=1]) OR ([a:b=3] FOLLOWEDBY [a:b=2])"},
		{"qualifiers hold an expression together", "([a:b=2] OR [a:b=1]) WITHIN 5.0 SECONDS AND [a:b=0]", "[a:b=0] AND ([a:b=1] OR [a:b=2]) WITHIN 5 SECONDS"},
		{"IN is in order", "[a:b IN (3, 1.0, 2)]", "[a:b IN (1, 2, 3)]"},
		{"constants are spelt one way", "[ipv6-addr:value = '2001:DB8::7/64']", "[ipv6-addr:value = '2001:db8::/64']"},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkSame(t, withoutPositions(parsed(t, c.want)), parsed(t, c.source).Normalise())
		})
	}
}

func withoutPositions(p *Pattern) *Pattern {
	var observation func(o *Observation)
	var condition func(c *Condition)
	condition = func(c *Condition) {
		c.Pos = 0
		if c.Op == Compare {
			c.Comparison.Pos, c.Comparison.Path.Pos = 0, 0
			for i := range c.Comparison.Values {
				c.Comparison.Values[i].Pos = 0
			}
		}
		for _, operand := range c.Operands {
			condition(operand)
		}
	}
	observation = func(o *Observation) {
		o.Pos = 0
		for i := range o.Qualifiers {
			o.Qualifiers[i].Pos = 0
		}
		if o.Op == Test {
			condition(o.Condition)
		}
		for _, operand := range o.Operands {
			observation(operand)
		}
	}
	observation(p.Root)
	return &Pattern{Root: p.Root}
}

func TestPatternsThatAreTooLargeToDistributeStayAsTheyAreButForOrder(t *testing.T) {
	var source string
	for i := range 40 {
		source += fmt.Sprintf(" AND (a:b=%[1]d OR a:a=%[1]d OR a:b=%[1]d.0)", i)
	}
	got := parsed(t, "[a:z=1"+source+" AND (a:b=1 OR a:z=1)]").Normalise().Root.Condition
	if got.Op != And || len(got.Operands) != 41 {
		t.Fatalf("it has %d operands under operator %d", len(got.Operands), got.Op)
	}
	if either := got.Operands[1]; either.Op != Or || len(either.Operands) != 2 || either.Operands[0].Comparison.Path.Steps[0].Name != "a" {
		t.Errorf("its second operand is %+v", either)
	}
}
