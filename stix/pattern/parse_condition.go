package pattern

import "strconv"

// conditionOr reads what is in brackets or in parentheses inside them.
func (p *parser) conditionOr(depth int) *Condition {
	first := p.conditionAnd(depth)
	if p.tok.kind != wordOr {
		return first
	}
	mark := len(p.conditions)
	p.conditions = append(p.conditions, first)
	for p.tok.kind == wordOr {
		p.next()
		p.conditions = append(p.conditions, p.conditionAnd(depth))
	}
	return p.joinConditions(Or, mark)
}

func (p *parser) conditionAnd(depth int) *Condition {
	first := p.condition(depth)
	if p.tok.kind != wordAnd {
		return first
	}
	mark := len(p.conditions)
	p.conditions = append(p.conditions, first)
	for p.tok.kind == wordAnd {
		p.next()
		p.conditions = append(p.conditions, p.condition(depth))
	}
	return p.joinConditions(And, mark)
}

// joinConditions makes one node of the operands from mark on.
func (p *parser) joinConditions(op ConditionOp, mark int) *Condition {
	if p.err != nil {
		return nil
	}
	c := p.nodes.conditions.one()
	c.Op = op
	c.Operands = p.nodes.compared.copy(p.conditions[mark:])
	c.Pos = c.Operands[0].Pos
	p.conditions = p.conditions[:mark]
	return c
}

// condition reads parentheses or one comparison.
func (p *parser) condition(depth int) *Condition {
	if p.tok.kind == tokOpenParen {
		if depth == MaxNesting {
			p.fail(p.tok.start, "parentheses nest at most %d deep: remove those that change nothing", MaxNesting)
			return nil
		}
		p.next()
		c := p.conditionOr(depth + 1)
		p.take(tokCloseParen, "AND, OR or )")
		return c
	}
	comparison := p.comparison()
	if p.err != nil {
		return nil
	}
	c := p.nodes.conditions.one()
	c.Comparison, c.Pos = comparison, comparison.Pos
	return c
}

func (p *parser) comparison() *Comparison {
	c := p.nodes.comparisons.one()
	c.Pos = p.tok.start
	switch p.tok.kind {
	case wordNot:
		c.Not = true
		p.next()
		p.take(wordExists, "EXISTS, or the object path before NOT,")
		fallthrough
	case wordExists:
		if !c.Not {
			p.next()
		}
		c.Op = Exists
		p.path(&c.Path)
		return c
	}
	p.path(&c.Path)
	if p.tok.kind == wordNot {
		c.Not = true
		p.next()
	}
	p.operator(c)
	return c
}

// operator reads the operator and the constant it takes.
func (p *parser) operator(c *Comparison) {
	switch p.tok.kind {
	case tokEqualSign:
		c.Op = Equal
	case tokNotEqualSign:
		c.Op = NotEqual
	case tokGreaterSign:
		c.Op = Greater
	case tokLessSign:
		c.Op = Less
	case tokGreaterOrEqualSign:
		c.Op = GreaterOrEqual
	case tokLessOrEqualSign:
		c.Op = LessOrEqual
	case wordIn:
		c.Op = In
	case wordLike:
		c.Op = Like
	case wordMatches:
		c.Op = Matches
	case wordIsSubset:
		c.Op = IsSubset
	case wordIsSuperset:
		c.Op = IsSuperset
	default:
		p.expected("a comparison operator such as = or LIKE")
		return
	}
	p.next()
	run := &p.nodes.values
	run.begin()
	switch c.Op {
	case In:
		p.set()
	case Like, Matches, IsSubset, IsSuperset:
		if p.tok.kind != tokText {
			p.expected("a string between two '")
			return
		}
		p.value()
	case Greater, Less, GreaterOrEqual, LessOrEqual:
		if p.tok.kind == tokBoolean {
			p.fail(p.tok.start, "true and false have no order: compare them with = or !=")
			return
		}
		p.value()
	default:
		p.value()
	}
	c.Values = run.end()
}

// set reads the constants after IN.
func (p *parser) set() {
	p.take(tokOpenParen, "( and a list of constants")
	if p.tok.kind == tokCloseParen {
		p.next()
		return
	}
	p.value()
	for p.tok.kind == tokComma {
		p.next()
		p.value()
	}
	p.take(tokCloseParen, "a comma or )")
}

// value reads one constant.
func (p *parser) value() {
	t := p.tok
	v := Value{Pos: t.start}
	from, to := t.start, t.end
	switch t.kind {
	case tokText:
		v.Kind = String
		from, to = from+1, to-1
	case tokInteger:
		v.Kind = Integer
	case tokFloat:
		v.Kind = Float
	case tokBoolean:
		v.Kind = Boolean
	case tokBinary:
		v.Kind = Binary
		from, to = from+2, to-1
	case tokHexadecimal:
		v.Kind = Hex
		from, to = from+2, to-1
	case tokTimestamp:
		v.Kind = Timestamp
		from, to = from+2, to-1
	default:
		p.expectedValue()
		return
	}
	v.Text = p.src[from:to]
	if t.escaped && !p.verbatim {
		v.Text = unescape(v.Text)
	}
	p.nodes.values.add(v)
	p.next()
}

func (p *parser) expectedValue() {
	if k := p.tok.kind; k == tokHyphenName || k == tokName && p.hint() == "" {
		p.fail(p.tok.start, "a constant is expected, not a name: put strings between two '")
		return
	}
	p.expected("a constant such as 'text', 42 or true")
}

// path reads an object path.
func (p *parser) path(path *Path) {
	t := p.tok
	if t.kind != tokName && t.kind != tokHyphenName {
		p.expected("an object path such as file:name")
		return
	}
	path.Type, path.Pos = p.src[t.start:t.end], t.start
	p.next()
	if p.tok.kind == tokDot {
		p.fail(p.tok.start, "a colon is expected, not a point: write the type, a colon and the property, as in file:size")
		return
	}
	p.take(tokColon, "a colon and a property, as in file:size,")
	run := &p.nodes.steps
	run.begin()
	p.property()
	for {
		switch p.tok.kind {
		case tokDot:
			p.next()
			p.property()
		case tokOpenBracket:
			p.next()
			p.index()
		default:
			path.Steps = run.end()
			return
		}
	}
}

// property reads the name of a property or a key.
func (p *parser) property() {
	t := p.tok
	s := Step{Name: p.src[t.start:t.end]}
	switch {
	case t.kind == tokName:
	case t.kind == tokText:
		s.Name = s.Name[1 : len(s.Name)-1]
		if t.escaped && !p.verbatim {
			s.Name = unescape(s.Name)
		}
	case t.kind == tokHyphenName:
		p.fail(t.start, "a name with a hyphen is no bare name of a property: put it in quotes, as in 'ntfs-ext'")
		return
	case t.kind == tokBoolean, t.kind >= wordAnd:
		p.fail(t.start, "%[1]s is no bare name of a property: put it in quotes, as '%[1]s'", p.found())
		return
	default:
		p.expected("the name of a property")
		return
	}
	p.nodes.steps.add(s)
	p.next()
}

// index reads the index of a list after its opening bracket.
func (p *parser) index() {
	s := Step{Kind: AnyIndex}
	t := p.tok
	switch t.kind {
	case tokAsterisk:
	case tokInteger:
		s.Kind = Index
		n, err := strconv.ParseInt(p.src[t.start:t.end], 10, 32)
		if err != nil || n < 0 {
			p.fail(t.start, "an index is a whole number from 0 to %d", MaxIndex)
			return
		}
		s.Index = int(n)
	default:
		p.expected("an index or *")
		return
	}
	p.nodes.steps.add(s)
	p.next()
	p.take(tokCloseBracket, "]")
}
