package pattern

import (
	"math"
	"slices"
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

// prepare makes the tests of an expression. It returns nil if nothing can meet
// it; all is tested nonetheless, for what is said of the data in one part must
// not depend on another.
func (m *matching) prepare(e *expression) (*node, error) {
	n, err := m.unqualified(e)
	if err != nil {
		return nil, err
	}
	for i := range e.qualifiers {
		n = m.qualified(n, &e.qualifiers[i])
	}
	return n, nil
}

// qualified puts a qualifier on n; START and STOP are seen to at the leaves.
func (m *matching) qualified(n *node, q *Qualifier) *node {
	switch {
	case n == nil:
		return nil
	case q.Kind == Within && n.op != leafNode:
		return &node{op: withinNode, operands: []*node{n}, seconds: q.Seconds, least: n.least}
	case q.Kind == Repeats && q.Times > 1:
		return m.possible(&node{op: repeatNode, operands: []*node{n}, times: q.Times, least: product(n.least, q.Times)})
	}
	return n
}

func (m *matching) unqualified(e *expression) (*node, error) {
	if e.op == Test {
		return m.test(e)
	}
	operands := make([]*node, 0, len(e.operands))
	for _, operand := range e.operands {
		n, err := m.prepare(operand)
		if err != nil {
			return nil, err
		}
		operands = append(operands, n)
	}
	if e.op == ObservationOr {
		return alternatives(operands), nil
	}
	if slices.Contains(operands, nil) {
		return nil, nil
	}
	n := &node{op: bothNode, operands: operands}
	if e.op == FollowedBy {
		n.op = followedNode
	}
	for _, operand := range operands {
		n.least = sum(n.least, operand.least)
	}
	return m.possible(n), nil
}

func (m *matching) test(e *expression) (*node, error) {
	n := &node{op: leafNode, least: 1}
	for i := range m.observed {
		x := &m.observed[i]
		met, err := e.condition.met(x, &m.walk)
		if err != nil {
			return nil, err
		}
		if err := m.spend(1 + len(e.spans)); err != nil {
			return nil, err
		}
		if met && !slices.ContainsFunc(e.spans, func(s span) bool { return !s.overlaps(x) }) {
			n.candidates = append(n.candidates, i)
		}
	}
	if m.places += len(n.candidates); m.places > maxPlaces {
		return nil, errTooManyPlaces
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
