package pattern

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainProperties are what drawPlain compares, with constants in spellings that
// Match holds to be the same or not, and with operators.
var plainProperties = []struct {
	steps     []Step
	constants []Value
	operators []Operator
}{
	{[]Step{{Kind: Property, Name: "n"}},
		[]Value{{Kind: Integer, Text: "1"}, {Kind: Float, Text: "1.0"}, {Kind: Integer, Text: "2"}, {Kind: Float, Text: "-0.50"}},
		[]Operator{Equal, NotEqual, Greater, Less, GreaterOrEqual, LessOrEqual, In, Exists}},
	{[]Step{{Kind: Property, Name: "t"}},
		[]Value{{Kind: Timestamp, Text: "2024-01-01T00:00:00Z"}, {Kind: Timestamp, Text: "2024-01-01T00:00:00.000Z"}, {Kind: Timestamp, Text: "2024-01-01T00:00:00.10Z"}},
		[]Operator{Equal, NotEqual, Greater, LessOrEqual, In}},
	{[]Step{{Kind: Property, Name: "l"}, {Kind: AnyIndex}},
		[]Value{{Text: "a"}, {Text: "A"}, {Text: "b"}},
		[]Operator{Equal, NotEqual, In, Like, Matches, Less, Exists}},
	{[]Step{{Kind: Property, Name: "b_bin"}},
		[]Value{{Kind: Hex, Text: "4D5A"}, {Kind: Hex, Text: "4d5a"}, {Kind: Hex, Text: "00"}},
		[]Operator{Equal, NotEqual, In, Greater}},
	{[]Step{{Kind: Property, Name: "value"}},
		[]Value{{Text: "192.0.2.7"}, {Text: "192.0.2.7/32"}, {Text: "192.0.2.7/24"}, {Text: "192.0.2.0/24"}},
		[]Operator{NotEqual, Less, Like, IsSubset, IsSuperset}},
}

// drawPlain draws a pattern that names no address and no registry key behind =
// or IN. Its objects are of the type ipv4-addr or x.
func drawPlain(t *rapid.T) *Pattern {
	p := &Pattern{Root: drawFewObservations(t, 2)}
	eachComparison(p.Root, true, func(c *Comparison, _ bool) {
		property := rapid.SampledFrom(plainProperties).Draw(t, "property")
		c.Path = Path{Type: rapid.SampledFrom([]string{"ipv4-addr", "ipv4-addr", "x"}).Draw(t, "type"), Steps: property.steps}
		c.Op = rapid.SampledFrom(property.operators).Draw(t, "operator")
		c.Values = nil
		count := 1
		switch c.Op {
		case In:
			count = rapid.IntRange(1, 3).Draw(t, "values")
		case Exists:
			count = 0
		}
		for range count {
			c.Values = append(c.Values, rapid.SampledFrom(property.constants).Draw(t, "constant"))
		}
	})
	return p
}

func drawPlainObserved(t *rapid.T) []Observed {
	var observed []Observed
	for range rapid.IntRange(1, 4).Draw(t, "observations") {
		first := time.Date(2020, 1, 1, 0, 0, rapid.IntRange(-2, 8).Draw(t, "second"), 0, time.UTC)
		o := Observed{First: first, Last: first.Add(time.Second * time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds"))),
			Number: rapid.IntRange(1, 2).Draw(t, "number"), byID: map[string]*object{}}
		for range rapid.IntRange(1, 2).Draw(t, "objects") {
			properties := map[string]any{
				"n":     rapid.SampledFrom([]any{number("1"), number("2.0"), number("-0.5"), "1"}).Draw(t, "n"),
				"t":     rapid.SampledFrom([]any{"2024-01-01T00:00:00.0Z", "2024-01-01T00:00:00.1Z"}).Draw(t, "t"),
				"l":     rapid.SampledFrom([]any{[]any{"a"}, []any{"A", "b"}, []any{}}).Draw(t, "l"),
				"b_bin": rapid.SampledFrom([]any{"TVo=", "AA=="}).Draw(t, "b"),
				"value": rapid.SampledFrom([]any{"192.0.2.7", "192.0.2.7/32", "192.0.2.0/24", "192.0.0.0/16"}).Draw(t, "value"),
			}
			typ := rapid.SampledFrom([]string{"ipv4-addr", "x"}).Draw(t, "type")
			o.objects = append(o.objects, &object{typ: typ, properties: properties})
		}
		observed = append(observed, o)
	}
	return observed
}

func TestMatchFindsTheSameForANormalFormWithoutAddressesAndKeys(t *testing.T) {
	met, unmet := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, observed := drawPlain(t), drawPlainObserved(t)
		normal := p.Normalise()
		_, want, err := p.Match(t.Context(), observed)
		_, got, errNormal := normal.Match(t.Context(), observed)
		if errors.Is(err, ErrUndecided) || errors.Is(errNormal, ErrUndecided) {
			return
		}
		if err != nil || errNormal != nil {
			t.Fatalf("%s: %v, of the normal form %v", p, err, errNormal)
		}
		if got != want {
			t.Fatalf("%s is met: %v; its normal form %s: %v", p, want, normal, got)
		}
		if want {
			met++
		} else {
			unmet++
		}
	})
	t.Logf("%d patterns are met, %d are not", met, unmet)
}

func TestMatchFindsTheSameForEquivalentPatternsWithoutAddressesAndKeys(t *testing.T) {
	equivalent := 0
	rapid.Check(t, func(t *rapid.T) {
		a := drawPlain(t)
		b := &Pattern{Root: shuffled(t, a.Root)}
		if rapid.Bool().Draw(t, "another") {
			b = drawPlain(t)
		}
		if !Equivalent(a, b) {
			return
		}
		equivalent++
		observed := drawPlainObserved(t)
		_, want, err := a.Match(t.Context(), observed)
		_, got, errB := b.Match(t.Context(), observed)
		if err == nil && errB == nil && got != want {
			t.Fatalf("%s is met: %v; %s: %v", a, want, b, got)
		}
	})
	t.Logf("%d pairs are equivalent", equivalent)
}
