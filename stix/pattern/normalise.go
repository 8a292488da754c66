package pattern

// maxDistributed bounds what distribution may build, in bytes of canonical
// text: all products of one pattern together, those on the way included.
const maxDistributed = 1 << 20

// maxAbsorptionSteps bounds the operands looked at to find alternatives that
// another one makes idle, over one pattern.
const maxAbsorptionSteps = 1 << 22

// Normalise returns a canonical form: patterns that differ only in the order of
// operands, in duplicates, nesting, distribution or the spelling of a constant
// have the same one. It is the identity on what it returned.
//
// The normal form is for comparing patterns and telling duplicates, not for
// matching: addresses and registry keys behind = and IN are in it what they
// denote, as in the published algorithm (stix2.equivalence of cti-python-stix2),
// where Match compares text (STIX 2.1 §9.6.2). So 198.51.100.7/24 becomes
// 198.51.100.0/24, 192.0.2.1/32 becomes 192.0.2.1, HKLM becomes hklm, and an
// object that is spelt as p has it may not match the normal form. A pattern
// without such constants and its normal form match the same, but for errors:
// what is idle is dropped, and its errors with it.
//
//   - Nested runs of one operator are one. Operands of AND and OR are in order,
//     those of FOLLOWEDBY stay in theirs. What is there twice stays once, but
//     not under AND of observations, which asks for two (STIX 2.1 §9.5.2).
//   - A OR (A AND B) is A, of conditions A AND (A OR B) too, and so is
//     A OR (A FOLLOWEDBY B).
//   - AND is distributed over OR, of observations FOLLOWEDBY too. A combination
//     that asks one object to be of two types is dropped where another one of
//     the same AND does not (STIX 2.1 §9.5).
//   - An expression with qualifiers is taken as a whole: nothing is moved into
//     or out of it, and its qualifiers keep their order.
//   - Numbers, timestamps, hex and base64 are spelt one way, so that 1.0 is 1.
//     The values of IN are a set, and IN with one is =.
//   - IPv4 and IPv6 addresses and networks are spelt one way, without the bits a
//     prefix hides, behind =, IN, ISSUBSET and ISSUPERSET; registry keys and
//     names of their values are in lower case behind = and IN. All other text
//     stays as it stands: behind !=, < and LIKE, and where = and IN are negated.
//
// Distribution grows exponentially in the worst case. Where it would build more
// than 1 MiB of text, or finding idle alternatives takes more than four million
// steps, nothing of the pattern is distributed: the rest above still holds, with
// A OR (A AND B) only for an A that is itself an operand.
//
// The result has an empty Source and every Pos is 0. Its nodes may be shared:
// it is not to be changed. p is what Parse returned.
func (p *Pattern) Normalise() *Pattern {
	n := newNormaliser()
	t := n.flatObservation(p.Root)
	if d, ok := n.distribute(t); ok {
		t = d
	}
	return &Pattern{Root: observationOf(t)}
}

func (n *normaliser) flatCondition(c *Condition) *term {
	if c.Op == Compare {
		return n.leaf(canonicalComparison(c.Comparison))
	}
	parts := make([]*term, len(c.Operands))
	for i, operand := range c.Operands {
		parts[i] = n.flatCondition(operand)
	}
	if c.Op == And {
		return n.join(conditionAnd, parts)
	}
	return n.join(conditionOr, parts)
}

func (n *normaliser) flatObservation(o *Observation) *term {
	if o.Op == Test {
		return n.compound(test, []*term{n.flatCondition(o.Condition)}, canonicalQualifiers(o.Qualifiers))
	}
	parts := make([]*term, len(o.Operands))
	for i, operand := range o.Operands {
		parts[i] = n.flatObservation(operand)
	}
	op := observationAnd
	switch o.Op {
	case ObservationOr:
		op = observationOr
	case FollowedBy:
		op = followedBy
	}
	return n.qualify(n.join(op, parts), canonicalQualifiers(o.Qualifiers))
}

// qualify puts qualifiers behind those that are there: each qualifies all
// before it, with or without parentheses.
func (n *normaliser) qualify(t *term, qualifiers []Qualifier) *term {
	if len(qualifiers) == 0 {
		return t
	}
	return n.compound(t.op, t.parts, append(t.qualifiers[:len(t.qualifiers):len(t.qualifiers)], qualifiers...))
}

func conditionOf(t *term) *Condition {
	if t.op == comparison {
		return &Condition{Op: Compare, Comparison: t.comparison}
	}
	c := &Condition{Op: And, Operands: make([]*Condition, len(t.parts))}
	if t.op == conditionOr {
		c.Op = Or
	}
	for i, part := range t.parts {
		c.Operands[i] = conditionOf(part)
	}
	return c
}

func observationOf(t *term) *Observation {
	o := &Observation{Qualifiers: t.qualifiers}
	switch t.op {
	case test:
		o.Op, o.Condition = Test, conditionOf(t.parts[0])
		return o
	case observationAnd:
		o.Op = ObservationAnd
	case observationOr:
		o.Op = ObservationOr
	case followedBy:
		o.Op = FollowedBy
	}
	o.Operands = make([]*Observation, len(t.parts))
	for i, part := range t.parts {
		o.Operands[i] = observationOf(part)
	}
	return o
}
