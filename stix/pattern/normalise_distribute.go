package pattern

import (
	"cmp"
	"slices"
)

// distribute returns the disjunctive normal form of a flat observation: an OR
// of what holds no OR but inside qualifiers and brackets, where there is one of
// its own. It is false where that would cost more than the bounds.
func (n *normaliser) distribute(t *term) (*term, bool) {
	alternatives, ok := n.alternatives(t)
	if !ok {
		return nil, false
	}
	return n.oneOf(t, alternatives), true
}

// oneOf joins alternatives of t by the OR of its kind.
func (n *normaliser) oneOf(t *term, alternatives []*term) *term {
	if t.op <= conditionOr {
		return n.join(conditionOr, alternatives)
	}
	return n.join(observationOr, alternatives)
}

// alternatives returns expressions without OR of which one holds exactly when
// t does, none of them idle.
func (n *normaliser) alternatives(t *term) ([]*term, bool) {
	if len(t.qualifiers) > 0 {
		inner, ok := n.distribute(n.compound(t.op, t.parts, nil))
		if !ok {
			return nil, false
		}
		return []*term{n.qualify(inner, t.qualifiers)}, true
	}
	switch t.op {
	case comparison:
		return []*term{t}, true
	case test:
		condition, ok := n.distribute(t.parts[0])
		if !ok {
			return nil, false
		}
		return []*term{n.compound(test, []*term{condition}, nil)}, true
	case conditionOr, observationOr:
		var all []*term
		for _, part := range t.parts {
			some, ok := n.alternatives(part)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return n.minimal(all)
	}
	factors, ok := n.factors(t)
	if !ok {
		return nil, false
	}
	products, ok := n.product(t.op, factors, t.op == conditionAnd)
	if ok && len(products) == 0 {
		return n.product(t.op, factors, false)
	}
	return products, ok
}

// factors returns the alternatives of each operand of an AND or FOLLOWEDBY.
// Operands with only one are put together as far as their order allows, since
// multiplying by them one by one would copy the product each time.
func (n *normaliser) factors(t *term) ([][]*term, bool) {
	var factors [][]*term
	var run []*term
	for _, part := range t.parts {
		some, ok := n.alternatives(part)
		if !ok {
			return nil, false
		}
		if len(some) == 1 {
			run = append(run, some[0])
			continue
		}
		if t.op == followedBy && len(run) > 0 {
			factors = append(factors, []*term{n.join(t.op, run)})
			run = nil
		}
		factors = append(factors, some)
	}
	if len(run) > 0 {
		factors = append(factors, []*term{n.join(t.op, run)})
	}
	return factors, true
}

// product returns every choice of one alternative from each factor. With
// oneType, those that ask for objects of several types are left out.
func (n *normaliser) product(op termOp, factors [][]*term, oneType bool) ([]*term, bool) {
	products := factors[0]
	if oneType {
		products = slices.DeleteFunc(slices.Clone(products), func(t *term) bool { return t.object == severalTypes })
	}
	for _, factor := range factors[1:] {
		var next []*term
		for _, a := range products {
			for _, b := range factor {
				if oneType && (a.object != b.object || b.object == severalTypes) {
					n.steps--
					continue
				}
				n.bytes -= a.size + b.size
				if n.bytes < 0 {
					return nil, false
				}
				next = append(next, n.join(op, []*term{a, b}))
			}
			if n.steps < 0 {
				return nil, false
			}
		}
		var ok bool
		if products, ok = n.minimal(next); !ok {
			return nil, false
		}
	}
	return products, true
}

// minimal orders alternatives, and drops those that another one makes idle:
// whenever A AND B AND C holds, A AND B does, and A; whenever
// A FOLLOWEDBY B FOLLOWEDBY C does, A FOLLOWEDBY C does. Operands of AND being
// in order, both are the same question: are the operands of the one found in
// the other, each once and in that order?
func (n *normaliser) minimal(alternatives []*term) ([]*term, bool) {
	slices.SortFunc(alternatives, compareTerms)
	alternatives = slices.Compact(alternatives)
	if len(alternatives) > 1 && alternatives[0].op <= conditionOr {
		alternatives = absorbedBySiblings(conditionOr, alternatives)
	} else if len(alternatives) > 1 {
		alternatives = absorbedBySiblings(observationOr, alternatives)
	}
	var joined []*term // fewest operands first
	often := map[*term]int{}
	for _, t := range alternatives {
		if t.opens(conditionAnd) || t.opens(observationAnd) || t.opens(followedBy) {
			joined = append(joined, t)
			for _, part := range t.parts {
				often[part]++
			}
		}
	}
	slices.SortStableFunc(joined, func(a, b *term) int { return cmp.Compare(len(a.parts), len(b.parts)) })

	// What could absorb t is filed under its rarest operand, which t must hold.
	// Of the same length it would be t itself.
	filed := map[*term][]*term{}
	toFile := joined
	idle := map[*term]bool{}
	for _, t := range joined {
		for len(toFile[0].parts) < len(t.parts) {
			s := toFile[0]
			rarest := slices.MinFunc(s.parts, func(a, b *term) int { return cmp.Compare(often[a], often[b]) })
			filed[rarest] = append(filed[rarest], s)
			toFile = toFile[1:]
		}
		for _, part := range t.parts {
			for _, s := range filed[part] {
				if !idle[t] && s.op == t.op && n.holds(t, s) {
					idle[t] = true
				}
				n.steps--
			}
			if n.steps < 0 {
				return nil, false
			}
		}
	}
	return slices.DeleteFunc(alternatives, func(t *term) bool { return idle[t] }), true
}

// holds reports whether the operands of s are among those of t in their order.
func (n *normaliser) holds(t, s *term) bool {
	found := 0
	for _, part := range t.parts {
		if found < len(s.parts) && part == s.parts[found] {
			found++
		}
		n.steps--
	}
	return found == len(s.parts)
}
