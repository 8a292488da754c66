package pattern

import (
	"fmt"
	"slices"
	"time"
)

// Matcher is a pattern made ready to be matched any number of times. It does
// not change, and may be used by several goroutines at once.
type Matcher struct {
	root  *expression
	timed int // comparisons with timestamps
}

// Prepare makes the pattern ready to be matched. It is an error if a constant
// or qualifier is not valid, which parsing sees to but for days that the
// calendar does not have; if a set mixes types; if ISSUBSET or ISSUPERSET takes
// no address and no network; and if a regular expression is not one of RE2,
// which knows no lookaround and no back-references, or if all together are too
// large. Errors have at most 300 bytes. Time and memory are linear in the
// length of the pattern.
func (p *Pattern) Prepare() (*Matcher, error) {
	c := compiler{regex: maxRegexSize}
	root, err := c.expression(p.Root, nil)
	if err != nil {
		return nil, err
	}
	return &Matcher{root: root, timed: c.timed}, nil
}

// expression is an Observation made ready for use.
type expression struct {
	op         ObservationOp
	condition  *condition // of Test
	spans      []span     // of Test: every START and STOP that it stands under
	operands   []*expression
	qualifiers []Qualifier
}

// span is what START and STOP leave of time.
type span struct{ start, stop time.Time }

func (s span) overlaps(o *Observed) bool {
	return s.start.Before(s.stop) && o.First.Before(s.stop) && !o.Last.Before(s.start)
}

// compiler counts what is in a pattern while it is made ready.
type compiler struct {
	regex int // size of regular expressions that is left
	timed int // comparisons with timestamps
}

// expression makes an expression ready that stands under the spans.
func (c *compiler) expression(o *Observation, spans []span) (*expression, error) {
	for i := range o.Qualifiers {
		switch q := &o.Qualifiers[i]; {
		case q.Kind == StartStop:
			s, err := newSpan(q)
			if err != nil {
				return nil, err
			}
			spans = append(slices.Clip(spans), s)
		case q.Kind == Within && !(q.Seconds > 0):
			return nil, fmt.Errorf("byte %d: WITHIN takes a positive number of seconds", q.Pos)
		case q.Kind == Repeats && q.Times < 1:
			return nil, fmt.Errorf("byte %d: REPEATS takes a positive number of times", q.Pos)
		}
	}
	e := &expression{op: o.Op, qualifiers: o.Qualifiers}
	if o.Op == Test {
		var err error
		e.spans = spans
		e.condition, err = c.condition(o.Condition)
		return e, err
	}
	for _, operand := range o.Operands {
		x, err := c.expression(operand, spans)
		if err != nil {
			return nil, err
		}
		e.operands = append(e.operands, x)
	}
	return e, nil
}

func newSpan(q *Qualifier) (span, error) {
	start, ok := parseMoment(q.Start)
	stop, valid := parseMoment(q.Stop)
	if !ok || !valid {
		return span{}, fmt.Errorf("byte %d: START and STOP take timestamps", q.Pos)
	}
	return span{start.time(), stop.time()}, nil
}

func (c *compiler) condition(source *Condition) (*condition, error) {
	x := &condition{op: source.Op}
	if source.Op == Compare {
		var err error
		x.predicate, err = c.predicate(source.Comparison)
		return x, err
	}
	for _, operand := range source.Operands {
		y, err := c.condition(operand)
		if err != nil {
			return nil, err
		}
		x.operands = append(x.operands, y)
	}
	return x, nil
}
