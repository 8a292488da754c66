package pattern

import (
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An imagined observation holds one object, of which some comparisons are true.
type imagined struct {
	object string
	truth  map[string]bool // by comparisonText
	second int
}

func (o imagined) meets(c *Condition) bool {
	switch c.Op {
	case And:
		return !slices.ContainsFunc(c.Operands, func(c *Condition) bool { return !o.meets(c) })
	case Or:
		return slices.ContainsFunc(c.Operands, o.meets)
	}
	return c.Comparison.Path.Type == o.object && o.truth[comparisonText(canonicalComparison(c.Comparison))]
}

// bindings returns the sets of observations, in order of time, that meet o, as
// bits (STIX 2.1 §9.5.1, §9.5.2).
func bindings(o *Observation, world []imagined) map[uint]bool {
	found := map[uint]bool{}
	switch o.Op {
	case Test:
		for i := range world {
			if world[i].meets(o.Condition) {
				found[1<<i] = true
			}
		}
	case ObservationOr:
		for _, operand := range o.Operands {
			for b := range bindings(operand, world) {
				found[b] = true
			}
		}
	default:
		found = bindings(o.Operands[0], world)
		for _, operand := range o.Operands[1:] {
			found = together(found, bindings(operand, world), func(a, b uint) bool {
				return o.Op == ObservationAnd || world[bits.Len(a)-1].second <= world[bits.TrailingZeros(b)].second
			})
		}
	}
	for _, q := range o.Qualifiers {
		once := found
		for range q.Times - 1 {
			found = together(found, once, func(a, b uint) bool { return true })
		}
		for b := range found {
			first, last := world[bits.TrailingZeros(b)].second, world[bits.Len(b)-1].second
			if q.Kind == Within && last-first >= int(q.Seconds) || q.Kind == StartStop && (first < 2 || last >= 20) {
				delete(found, b)
			}
		}
	}
	return found
}

func together(as, bs map[uint]bool, allowed func(a, b uint) bool) map[uint]bool {
	found := map[uint]bool{}
	for a := range as {
		for b := range bs {
			if a&b == 0 && allowed(a, b) {
				found[a|b] = true
			}
		}
	}
	return found
}

func comparisonsOf(o *Observation) (texts []string) {
	var condition func(c *Condition)
	condition = func(c *Condition) {
		if c.Op == Compare {
			texts = append(texts, comparisonText(canonicalComparison(c.Comparison)))
		}
		for _, operand := range c.Operands {
			condition(operand)
		}
	}
	if o.Op == Test {
		condition(o.Condition)
	}
	for _, operand := range o.Operands {
		texts = append(texts, comparisonsOf(operand)...)
	}
	return texts
}

func drawImagined(t *rapid.T, texts []string) []imagined {
	var world []imagined
	second := 0
	for range rapid.IntRange(1, 5).Draw(t, "observations") {
		second += rapid.SampledFrom([]int{0, 1, 3, 10}).Draw(t, "later")
		o := imagined{truth: map[string]bool{}, second: second}
		o.object = rapid.SampledFrom([]string{"ipv4-addr", "ipv4-addr", "url", "windows-registry-key"}).Draw(t, "object")
		for _, text := range texts {
			o.truth[text] = rapid.Bool().Draw(t, "truth")
		}
		world = append(world, o)
	}
	return world
}

func TestTheNormalFormMatchesWhatThePatternDoes(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawFromFew(t)
		normal := p.Normalise()
		world := drawImagined(t, comparisonsOf(p.Root))
		want := len(bindings(p.Root, world)) > 0
		if got := len(bindings(normal.Root, world)) > 0; got != want {
			t.Fatalf("the pattern matches: %v, its normal form: %v", want, got)
		}
		if want {
			matched++
		}
	})
	if matched == 0 {
		t.Error("no pattern matched anything")
	}
}
