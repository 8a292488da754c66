package pattern

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// node is an observation expression with its tests already made: of each is
// left what passed it.
type node struct {
	op         nodeOp
	candidates []int   // of leaf: indices of observed-data, the preferred first
	operands   []*node // of the others; one of repeats and within
	times      int     // of repeats, 2 or more
	seconds    float64 // of within
	least      int     // the fewest observations that meet it
}

type nodeOp uint8

const (
	leafNode nodeOp = iota
	bothNode
	eitherNode
	followedNode
	repeatNode
	withinNode
)

// span is what START and STOP leave of time.
type span struct{ start, stop time.Time }

func (s span) overlaps(o *Observed) bool {
	return s.start.Before(s.stop) && o.First.Before(s.stop) && !o.Last.Before(s.start)
}

// prepare makes the tests of an expression that stands under the spans. It
// returns nil if nothing can meet it; all is tested nonetheless, for what is
// wrong in one part must not depend on another.
func (m *matching) prepare(o *Observation, spans []span) (*node, error) {
	for i := range o.Qualifiers {
		if q := &o.Qualifiers[i]; q.Kind == StartStop {
			s, err := newSpan(q)
			if err != nil {
				return nil, err
			}
			spans = append(slices.Clip(spans), s)
		}
	}
	n, err := m.unqualified(o, spans)
	if err != nil {
		return nil, err
	}
	for i := range o.Qualifiers {
		if n, err = m.qualified(n, &o.Qualifiers[i]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func newSpan(q *Qualifier) (span, error) {
	start, ok := parseMoment(q.Start)
	stop, valid := parseMoment(q.Stop)
	if !ok || !valid {
		return span{}, fmt.Errorf("byte %d: START and STOP take timestamps", q.Pos)
	}
	return span{start.time(), stop.time()}, nil
}

// qualified puts a qualifier on n; START and STOP were seen to at the leaves.
func (m *matching) qualified(n *node, q *Qualifier) (*node, error) {
	switch q.Kind {
	case Within:
		if !(q.Seconds > 0) {
			return nil, fmt.Errorf("byte %d: WITHIN takes a positive number of seconds", q.Pos)
		}
		if n == nil || n.op == leafNode {
			return n, nil
		}
		return &node{op: withinNode, operands: []*node{n}, seconds: q.Seconds, least: n.least}, nil
	case Repeats:
		if q.Times < 1 {
			return nil, fmt.Errorf("byte %d: REPEATS takes a positive number of times", q.Pos)
		}
		if n == nil || q.Times == 1 {
			return n, nil
		}
		return m.possible(&node{op: repeatNode, operands: []*node{n}, times: q.Times, least: product(n.least, q.Times)}), nil
	}
	return n, nil
}

func (m *matching) unqualified(o *Observation, spans []span) (*node, error) {
	if o.Op == Test {
		return m.test(o, spans)
	}
	operands := make([]*node, 0, len(o.Operands))
	for _, operand := range o.Operands {
		n, err := m.prepare(operand, spans)
		if err != nil {
			return nil, err
		}
		operands = append(operands, n)
	}
	if o.Op == ObservationOr {
		return alternatives(operands), nil
	}
	if slices.Contains(operands, nil) {
		return nil, nil
	}
	n := &node{op: bothNode, operands: operands}
	if o.Op == FollowedBy {
		n.op = followedNode
	}
	for _, operand := range operands {
		n.least = sum(n.least, operand.least)
	}
	return m.possible(n), nil
}

func (m *matching) test(o *Observation, spans []span) (*node, error) {
	c, err := newCondition(o.Condition, &m.regex)
	if err != nil {
		return nil, err
	}
	w := walk{known: make(map[arrival]bool)}
	n := &node{op: leafNode, least: 1}
	for i := range m.observed {
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		x := &m.observed[i]
		met, err := c.met(x, &w)
		if err != nil {
			return nil, err
		}
		if met && !slices.ContainsFunc(spans, func(s span) bool { return !s.overlaps(x) }) {
			n.candidates = append(n.candidates, i)
		}
	}
	if m.places += len(n.candidates); m.places > maxPlaces {
		return nil, errTooManyTests
	}
	if len(n.candidates) == 0 {
		return nil, nil
	}
	return n, nil
}

// alternatives is an OR of what is possible. Tests next to each other are one,
// which the candidates of all pass.
func alternatives(operands []*node) *node {
	var parts []*node
	var tests *node
	var have map[int]bool
	for _, n := range operands {
		switch {
		case n == nil:
			continue
		case n.op != leafNode:
			tests = nil
			parts = append(parts, n)
			continue
		case tests == nil:
			tests, have = &node{op: leafNode, least: 1}, make(map[int]bool)
			parts = append(parts, tests)
		}
		for _, i := range n.candidates {
			if !have[i] {
				have[i] = true
				tests.candidates = append(tests.candidates, i)
			}
		}
	}
	switch len(parts) {
	case 0:
		return nil
	case 1:
		return parts[0]
	}
	n := &node{op: eitherNode, operands: parts, least: math.MaxInt}
	for _, part := range parts {
		n.least = min(n.least, part.least)
	}
	return n
}

// possible returns nil for what takes more observations than there are.
func (m *matching) possible(n *node) *node {
	if n.least > m.total {
		return nil
	}
	return n
}

func sum(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func product(a, b int) int {
	if a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
