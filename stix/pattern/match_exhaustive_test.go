package pattern

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// seen returns an observed-data of one object, x:v = value, seen number times
// between two seconds.
func seen(value, first, last, number int) Observed {
	x := &object{typ: "x", properties: map[string]any{"v": jsonNumber(value)}}
	return Observed{
		ID:    fmt.Sprintf("observed-data--%d", value),
		First: time.Unix(int64(first), 0), Last: time.Unix(int64(last), 0), Number: number,
		objects: []*object{x}, byID: map[string]*object{"x": x},
	}
}

func jsonNumber(n int) number { return number(strconv.Itoa(n)) }

// exhaustive finds every set of observations that meets an expression, by
// trying all. Observations are bits.
type exhaustive struct {
	observed []Observed
	of       []int // of each observation its observed-data
}

func newExhaustive(observed []Observed) *exhaustive {
	e := &exhaustive{observed: observed}
	for i := range observed {
		for range observed[i].Number {
			e.of = append(e.of, i)
		}
	}
	return e
}

func (e *exhaustive) sets(o *Observation) map[uint]bool {
	sets := map[uint]bool{}
	switch o.Op {
	case Test:
		values := map[string]bool{}
		for _, v := range o.Condition.Comparison.Values {
			values[v.Text] = true
		}
		for bit, i := range e.of {
			if values[string(e.observed[i].objects[0].properties["v"].(number))] {
				sets[1<<bit] = true
			}
		}
	case ObservationOr:
		for _, operand := range o.Operands {
			for s := range e.sets(operand) {
				sets[s] = true
			}
		}
	default:
		sets = e.sets(o.Operands[0])
		for _, operand := range o.Operands[1:] {
			sets = e.joined(sets, e.sets(operand), func(a, b uint) bool {
				from, _ := e.extent(a)
				_, to := e.extent(b)
				return o.Op != FollowedBy || !from.After(to)
			})
		}
	}
	for _, q := range o.Qualifiers {
		sets = e.qualified(sets, q)
	}
	return sets
}

func (e *exhaustive) joined(as, bs map[uint]bool, allowed func(a, b uint) bool) map[uint]bool {
	sets := map[uint]bool{}
	for a := range as {
		for b := range bs {
			if a&b == 0 && allowed(a, b) {
				sets[a|b] = true
			}
		}
	}
	return sets
}

func (e *exhaustive) qualified(sets map[uint]bool, q Qualifier) map[uint]bool {
	result := map[uint]bool{}
	switch q.Kind {
	case Repeats:
		result = sets
		for range q.Times - 1 {
			result = e.joined(result, sets, func(a, b uint) bool { return true })
		}
	case Within:
		for s := range sets {
			if from, to := e.extent(s); from.Sub(to).Seconds() < q.Seconds {
				result[s] = true
			}
		}
	case StartStop:
		start, _ := parseMoment(q.Start)
		stop, _ := parseMoment(q.Stop)
		for s := range sets {
			inside := true
			for bit, i := range e.of {
				if s>>bit&1 == 1 {
					x := &e.observed[i]
					inside = inside && x.First.Before(stop.time()) && !x.Last.Before(start.time())
				}
			}
			if inside {
				result[s] = true
			}
		}
	}
	return result
}

// extent returns the latest beginning and the earliest end within a set.
func (e *exhaustive) extent(set uint) (from, to time.Time) {
	to = time.Unix(1<<40, 0)
	from = time.Unix(-1<<40, 0)
	for ; set != 0; set &= set - 1 {
		x := &e.observed[e.of[bits.TrailingZeros(set)]]
		if x.First.After(from) {
			from = x.First
		}
		if x.Last.Before(to) {
			to = x.Last
		}
	}
	return from, to
}

func (e *exhaustive) binding(set uint) Binding {
	var b Binding
	for ; set != 0; set &= set - 1 {
		b = append(b, e.of[bits.TrailingZeros(set)])
	}
	return slices.Compact(b)
}

func drawTimed(t *rapid.T, depth int) *Observation {
	o := &Observation{}
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "shape") > 0 {
		o.Op = rapid.SampledFrom([]ObservationOp{ObservationAnd, ObservationOr, FollowedBy}).Draw(t, "operator")
		for range rapid.IntRange(2, 3).Draw(t, "operands") {
			o.Operands = append(o.Operands, drawTimed(t, depth-1))
		}
	} else {
		c := &Comparison{Op: In, Path: Path{Type: "x", Steps: []Step{{Kind: Property, Name: "v"}}}}
		for range rapid.IntRange(1, 3).Draw(t, "values") {
			v := rapid.IntRange(0, 4).Draw(t, "value")
			c.Values = append(c.Values, Value{Kind: Integer, Text: strconv.Itoa(v)})
		}
		o.Condition = &Condition{Op: Compare, Comparison: c}
	}
	for range rapid.IntRange(0, 2).Draw(t, "qualifiers") {
		q := Qualifier{Kind: rapid.SampledFrom([]QualifierKind{Within, Repeats, StartStop}).Draw(t, "kind")}
		q.Seconds = rapid.SampledFrom([]float64{0.5, 1, 2, 3.5}).Draw(t, "seconds")
		q.Times = rapid.IntRange(1, 3).Draw(t, "times")
		start := rapid.IntRange(0, 4).Draw(t, "start")
		q.Start = fmt.Sprintf("1970-01-01T00:00:%02dZ", start)
		q.Stop = fmt.Sprintf("1970-01-01T00:00:%02dZ", start+rapid.IntRange(1, 6).Draw(t, "length"))
		o.Qualifiers = append(o.Qualifiers, q)
	}
	return o
}

func TestMatchFindsABindingExactlyWhereTryingAllFindsOne(t *testing.T) {
	found, none := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var observed []Observed
		for total := 0; total < 6; {
			first := rapid.IntRange(0, 6).Draw(t, "first")
			length := rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "length")
			n := rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "number")
			observed = append(observed, seen(rapid.IntRange(0, 4).Draw(t, "value"), first, first+length, n))
			total += n
		}
		p := &Pattern{Root: drawTimed(t, 2)}
		e := newExhaustive(observed)
		sets := e.sets(p.Root)
		binding, matched, err := p.Match(t.Context(), observed)
		switch {
		case errors.Is(err, ErrUndecided):
			t.Fatalf("%s is undecided", p)
		case err != nil:
			t.Fatal(err)
		case matched != (len(sets) > 0):
			t.Fatalf("%s: matched is %v, of trying all come %d sets", p, matched, len(sets))
		case !matched:
			none++
			return
		}
		found++
		for s := range sets {
			if slices.Equal(e.binding(s), binding) {
				return
			}
		}
		t.Fatalf("%s: %v is no binding", p, binding)
	})
	t.Logf("%d patterns with a binding, %d without", found, none)
}
