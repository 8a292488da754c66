package pattern

import "errors"

// plan is a pattern with every OR decided and every repetition written out: the
// leaves to find observations for, and what must hold between their times.
//
// All that FOLLOWEDBY and WITHIN ask is put as a pivot, a point in time T not
// known yet. a FOLLOWEDBY b holds if for some T all of a begin by T and all of b
// end at T or later. WITHIN holds if for some T all end at T or later and begin
// in the window from T. So once every pivot has its time each leaf merely has
// bounds of its own, and what is left is to hand out observations.
type plan struct {
	m      *matching
	leaves []need
	pivots []pivot
	orders []order
	places int // candidates of all leaves
	least  int // the fewest observations that meet it as far as it is decided
}

// need is a leaf, to be met by so many observations.
type need struct {
	candidates []int
	count      int
	limits     []limit
}

// limit is what a pivot asks of a leaf.
type limit struct {
	pivot int
	side  side
}

type side uint8

const (
	before side = iota // begins by the time of the pivot
	after              // ends at it or later
	inside             // ends at it or later and begins in the window from there
)

// pivot is a point in time to be found.
type pivot struct {
	seconds float64 // of WITHIN, else 0
}

// order says that one pivot is not later than another, numbered higher: in a
// chain of FOLLOWEDBY, where it is part of what is asked, and between the copies
// of a repetition, where it only spares trying them in every order.
type order struct {
	earlier, later int
	copies         bool
}

// newPlan returns nil if what was chosen takes more observations than there
// are, and has then not asked for what remains to be chosen.
func newPlan(m *matching, root *node, c *choices) (*plan, error) {
	p := &plan{m: m, least: root.least}
	c.position = 0
	if err := m.spend(32); err != nil {
		return nil, err
	}
	err := p.add(root, c)
	if errors.Is(err, errTooFew) {
		return nil, nil
	}
	return p, err
}

var errTooFew = errors.New("there are too few observations")

func (p *plan) add(n *node, c *choices) error {
	switch n.op {
	case leafNode:
		if len(p.leaves) == maxLeaves {
			return errTooManyTests
		}
		if p.places += len(n.candidates); p.places > maxPlaces {
			return errTooManyPlaces
		}
		p.leaves = append(p.leaves, need{candidates: n.candidates, count: 1})
		return p.m.spend(1)
	case eitherNode:
		part := n.operands[c.choose(len(n.operands))]
		if err := p.m.spend(1); err != nil {
			return err
		}
		if p.least = sum(p.least-n.least, part.least); p.least > p.m.total {
			return errTooFew
		}
		return p.add(part, c)
	case followedNode:
		return p.addFollowed(n, c)
	case repeatNode:
		return p.addRepeated(n, c)
	case withinNode:
		from := len(p.leaves)
		if err := p.add(n.operands[0], c); err != nil {
			return err
		}
		if len(p.leaves)-from == 1 && p.leaves[from].count == 1 {
			return nil
		}
		p.pivots = append(p.pivots, pivot{seconds: n.seconds})
		p.limit(from, limit{len(p.pivots) - 1, inside})
		return nil
	}
	for _, operand := range n.operands {
		if err := p.add(operand, c); err != nil {
			return err
		}
	}
	return nil
}

// limit puts a limit on the leaves from the given one on.
func (p *plan) limit(from int, l limit) {
	for i := from; i < len(p.leaves); i++ {
		p.leaves[i].limits = append(p.leaves[i].limits, l)
	}
}

// addFollowed puts a pivot into each gap between operands, each not earlier than
// the one before it.
func (p *plan) addFollowed(n *node, c *choices) error {
	previous := -1
	for i, operand := range n.operands {
		from := len(p.leaves)
		if err := p.add(operand, c); err != nil {
			return err
		}
		if previous >= 0 {
			p.limit(from, limit{previous, after})
		}
		if i == len(n.operands)-1 {
			break
		}
		p.pivots = append(p.pivots, pivot{})
		gap := len(p.pivots) - 1
		p.limit(from, limit{gap, before})
		if previous >= 0 {
			p.orders = append(p.orders, order{earlier: previous, later: gap})
		}
		previous = gap
	}
	return nil
}

// addRepeated writes out a repetition. Where nothing is to be decided or timed
// within it, its leaves need so many times more observations and no copies.
// Copies may change places, so only those are tried whose first decisions, or
// last pivots, are in order.
func (p *plan) addRepeated(n *node, c *choices) error {
	leaves, pivots, decision := len(p.leaves), len(p.pivots), c.position
	if err := p.add(n.operands[0], c); err != nil {
		return err
	}
	decided := c.position > decision
	if !decided && len(p.pivots) == pivots {
		for i := leaves; i < len(p.leaves); i++ {
			p.leaves[i].count = product(p.leaves[i].count, n.times)
		}
		return nil
	}
	for range n.times - 1 {
		last := len(p.pivots) - 1
		if decided {
			c.least(c.made[decision].value)
			decision = c.position
		}
		if err := p.add(n.operands[0], c); err != nil {
			return err
		}
		if !decided {
			p.orders = append(p.orders, order{earlier: last, later: len(p.pivots) - 1, copies: true})
		}
	}
	return nil
}

// choices runs through the ways of deciding every OR of a pattern, the left
// sides first. A plan is written out anew for each, and asks in the same order.
type choices struct {
	made     []choice
	position int // the next to be asked for
	minimum  int // of the next that is not made yet
}

type choice struct{ value, last int }

// choose returns which of n alternatives is taken.
func (c *choices) choose(n int) int {
	if c.position == len(c.made) {
		c.made = append(c.made, choice{value: c.minimum, last: n - 1})
	}
	c.minimum = 0
	c.position++
	return c.made[c.position-1].value
}

// least has the next choice begin at a value.
func (c *choices) least(value int) { c.minimum = value }

// next goes on to the next way, or returns false after the last.
func (c *choices) next() bool {
	for len(c.made) > 0 {
		if last := &c.made[len(c.made)-1]; last.value < last.last {
			last.value++
			return true
		}
		c.made = c.made[:len(c.made)-1]
	}
	return false
}
