package pattern

import (
	"math"
	"strconv"
	"sync"
	"unicode/utf8"
)

// Bounds of a pattern.
const (
	// MaxLength is in bytes.
	MaxLength = 1 << 20
	// MaxNesting is how deep parentheses nest around observation expressions,
	// and inside one pair of brackets again.
	MaxNesting = 64
	// MaxIndex is the highest index of a list and the highest number of
	// repetitions.
	MaxIndex = math.MaxInt32
)

// Parse reads a pattern (STIX 2.1 §9). The error is a *SyntaxError. What the
// specification asks of a pattern beyond that it can be read is left to Check.
//
// Parentheses leave no trace but the tree's shape: those around one operand are
// as if they were not there.
func Parse(source string) (*Pattern, error) {
	p := parsers.Get().(*parser)
	p.src = source
	root := p.pattern()
	err := p.err
	p.nodes = nodes{} // they are the tree's now
	p.forget()
	parsers.Put(p)
	if err != nil {
		return nil, err
	}
	return &Pattern{Source: source, Root: root}, nil
}

var parsers = sync.Pool{New: func() any { return new(parser) }}

// parser reads one pattern by recursive descent: nothing is read twice, and
// it descends only as deep as parentheses may nest.
type parser struct {
	src   string
	tok   token // the one to be read next; after a failure none is
	err   *SyntaxError
	nodes nodes
	// Operands of the operators that are under construction.
	observations []*Observation
	conditions   []*Condition
	// repeated is where a qualifier follows another of its kind on the same
	// brackets, 0 for nowhere.
	repeated int
	// qualified tells that there are qualifiers at all.
	qualified bool
	// verbatim leaves strings as they are written, with their escapes.
	verbatim bool
}

// forget makes the parser ready for another pattern, but for its nodes.
func (p *parser) forget() {
	clear(p.observations[:cap(p.observations)])
	clear(p.conditions[:cap(p.conditions)])
	if cap(p.observations) > maxKept || cap(p.conditions) > maxKept {
		p.observations, p.conditions = nil, nil
	}
	p.src, p.tok, p.err, p.repeated, p.qualified = "", token{}, nil, 0, false
	p.observations, p.conditions = p.observations[:0], p.conditions[:0]
}

func (p *parser) pattern() *Observation {
	if len(p.src) > MaxLength {
		p.fail(MaxLength, "a pattern has at most %d bytes: split it into several", MaxLength)
		return nil
	}
	if !utf8.ValidString(p.src) {
		p.fail(invalidAt(p.src), "this is not valid UTF-8: write patterns in Unicode")
		return nil
	}
	p.next()
	root := p.followedBy(0)
	if p.err == nil && p.tok.kind != tokEnd {
		p.expected("AND, OR, FOLLOWEDBY, a qualifier (WITHIN, REPEATS, START) or the end")
	}
	return root
}

func invalidAt(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return 0
}

// take reads the current token if it is of this kind, and fails otherwise.
func (p *parser) take(k kind, what string) {
	if p.tok.kind != k {
		p.expected(what)
		return
	}
	p.next()
}

// followedBy reads operands joined by FOLLOWEDBY, which binds least. A single
// operand is returned itself; so in the rules below it.
func (p *parser) followedBy(depth int) *Observation {
	first := p.observationOr(depth)
	if p.tok.kind != wordFollowedBy {
		return first
	}
	mark := len(p.observations)
	p.observations = append(p.observations, first)
	for p.tok.kind == wordFollowedBy {
		p.next()
		p.observations = append(p.observations, p.observationOr(depth))
	}
	return p.joinObservations(FollowedBy, mark)
}

func (p *parser) observationOr(depth int) *Observation {
	first := p.observationAnd(depth)
	if p.tok.kind != wordOr {
		return first
	}
	mark := len(p.observations)
	p.observations = append(p.observations, first)
	for p.tok.kind == wordOr {
		p.next()
		p.observations = append(p.observations, p.observationAnd(depth))
	}
	return p.joinObservations(ObservationOr, mark)
}

func (p *parser) observationAnd(depth int) *Observation {
	first := p.observation(depth)
	if p.tok.kind != wordAnd {
		return first
	}
	mark := len(p.observations)
	p.observations = append(p.observations, first)
	for p.tok.kind == wordAnd {
		p.next()
		p.observations = append(p.observations, p.observation(depth))
	}
	return p.joinObservations(ObservationAnd, mark)
}

// joinObservations makes one node of the operands from mark on.
func (p *parser) joinObservations(op ObservationOp, mark int) *Observation {
	if p.err != nil {
		return nil
	}
	o := p.nodes.observations.one()
	o.Op = op
	o.Operands = p.nodes.observed.copy(p.observations[mark:])
	o.Pos = o.Operands[0].Pos
	p.observations = p.observations[:mark]
	return o
}

// observation reads brackets or parentheses and the qualifiers after them.
func (p *parser) observation(depth int) *Observation {
	var o *Observation
	brackets := p.tok.kind == tokOpenBracket
	switch p.tok.kind {
	case tokOpenBracket:
		pos := p.tok.start
		p.next()
		c := p.conditionOr(0)
		p.take(tokCloseBracket, "AND, OR or ]")
		o = p.nodes.observations.one()
		o.Condition, o.Pos = c, pos
	case tokOpenParen:
		if depth == MaxNesting {
			p.fail(p.tok.start, "parentheses nest at most %d deep: remove those that change nothing", MaxNesting)
			return nil
		}
		p.next()
		o = p.followedBy(depth + 1)
		p.take(tokCloseParen, "AND, OR, FOLLOWEDBY, a qualifier (WITHIN, REPEATS, START) or )")
	default:
		p.expectedObservation()
	}
	if p.err != nil {
		return nil
	}
	if k := p.tok.kind; k == wordWithin || k == wordRepeats || k == wordStart {
		p.qualifiers(o, brackets)
	}
	return o
}

func (p *parser) expectedObservation() {
	if k := p.tok.kind; k == tokName || k == tokHyphenName || k == wordExists || k == wordNot {
		p.fail(p.tok.start, "[ is expected, not %s: put the comparison in brackets, as in [file:size = 1280]", p.found())
		return
	}
	p.expected("[ or (")
}

// qualifiers reads the qualifiers of o and adds them to those it has, from
// inside its parentheses.
func (p *parser) qualifiers(o *Observation, brackets bool) {
	p.qualified = true
	var seen [StartStop + 1]bool
	run := &p.nodes.qualifiers
	run.begin()
	for _, q := range o.Qualifiers {
		run.add(q)
	}
	for {
		q := Qualifier{Pos: p.tok.start}
		switch p.tok.kind {
		case wordWithin:
			q.Kind = Within
			p.next()
			q.Seconds = p.seconds()
			p.take(wordSeconds, "SECONDS")
		case wordRepeats:
			q.Kind = Repeats
			p.next()
			q.Times = p.times()
			p.take(wordTimes, "TIMES")
		case wordStart:
			q.Kind = StartStop
			p.next()
			q.Start = p.moment("START")
			p.take(wordStop, "STOP")
			q.Stop = p.moment("STOP")
		default:
			o.Qualifiers = run.end()
			return
		}
		if p.err != nil {
			return
		}
		if brackets && seen[q.Kind] && p.repeated == 0 {
			p.repeated = q.Pos
		}
		seen[q.Kind] = true
		run.add(q)
	}
}

// seconds reads the number after WITHIN.
func (p *parser) seconds() float64 {
	t := p.tok
	if t.kind != tokInteger && t.kind != tokFloat {
		p.expected("a number of seconds")
		return 0
	}
	n, err := strconv.ParseFloat(p.src[t.start:t.end], 64)
	if err != nil || n <= 0 {
		p.failQualifier("WITHIN takes a number of seconds above 0, and one that a 64-bit float can hold")
		return 0
	}
	p.next()
	return n
}

// times reads the number after REPEATS.
func (p *parser) times() int {
	t := p.tok
	if t.kind != tokInteger {
		p.expected("a whole number")
		return 0
	}
	n, err := strconv.ParseInt(p.src[t.start:t.end], 10, 32)
	if err != nil || n < 1 {
		p.failQualifier("REPEATS takes a whole number from 1 to 2147483647")
		return 0
	}
	p.next()
	return int(n)
}

func (p *parser) failQualifier(message string) {
	p.fail(p.tok.start, "%s", message)
	p.err.code, p.err.section = codeQualifier, "STIX 2.1 §9.5.1"
}

// moment reads the timestamp after START or STOP.
func (p *parser) moment(after string) string {
	t := p.tok
	switch t.kind {
	case tokTimestamp:
		s := p.src[t.start+2 : t.end-1]
		p.next()
		return s
	case tokText:
		p.fail(t.start, "%s takes a timestamp and not a string: put a t before it, as in t'2016-05-12T08:17:27.000Z'", after)
	default:
		p.expected("a timestamp such as t'2016-05-12T08:17:27.000Z'")
	}
	return ""
}
