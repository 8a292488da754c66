package pattern

import (
	"regexp/syntax"
	"strings"
	"sync"
)

// Severity tells whether a problem makes a pattern unfit for an indicator.
type Severity uint8

const (
	// Error is a broken MUST.
	Error Severity = iota
	// Warning is most likely a mistake.
	Warning
)

// Problem is one thing wrong with a pattern.
type Problem struct {
	Severity Severity
	// Code is stable and machine-readable:
	//
	//	invalid-pattern    it is no pattern; always the only problem
	//	pattern-qualifier  a qualifier with a number that is too low or too
	//	                   high, one that repeats another, or a START that is
	//	                   not before its STOP
	//	pattern-name       a type or a property that no object can have
	//	pattern-hash       a constant that no such hash can be
	//	pattern-timestamp  a timestamp of a day that the calendar does not have
	//	pattern-regexp     a regular expression that does not parse; a warning
	//	pattern-type       a constant or a property of a type that the operator
	//	                   does not take, or a set of several types; as a
	//	                   warning, an AND of comparisons that no one type of
	//	                   object can meet
	//	pattern-constant   a number with a plus sign; a warning
	Code string
	// Section names the rule's source, such as "STIX 2.1 §9.5.1".
	Section string
	// Message says what is wrong and how to mend it, in at most 300 bytes. It
	// repeats nothing of the pattern but words and signs of the language.
	Message string
	// Pos is the byte offset of what is wrong, Line and Column the same for
	// people: both from 1, columns in characters.
	Pos, Line, Column int
}

// Codes of problems.
const (
	codeInvalidPattern = "invalid-pattern"
	codeQualifier      = "pattern-qualifier"
	codeName           = "pattern-name"
	codeHash           = "pattern-hash"
	codeTimestamp      = "pattern-timestamp"
	codeRegexp         = "pattern-regexp"
	codeType           = "pattern-type"
	codeConstant       = "pattern-constant"
)

// maxProblems is how many problems of one pattern Check reports.
const maxProblems = 20

// Check reports what is wrong with a pattern: that it cannot be read, or what
// the specification asks of it beyond that (STIX 2.1 §9). Of the latter it
// reports the first 20, and it looks into the first 4 KiB of regular
// expressions. For a pattern without problems and without regular expressions
// it leaves no garbage behind, once it has seen a few as long.
//
// It is as strict as the validators of OASIS about names and hashes: the type
// and the first property of a path must be names that an object can have, the
// constants that a hash is equal to, not equal to or IN must have its length. A
// qualifier repeats another only where both stand on the same brackets; after
// parentheses it may.
//
// Nothing of source is kept when Check returns.
func Check(source string, report func(Problem)) {
	p := checkers.Get().(*parser)
	p.check(source, report)
	checkers.Put(p)
}

var checkers = sync.Pool{New: func() any { return new(parser) }}

// check is Check, and leaves the parser and its nodes ready for the next one.
func (p *parser) check(source string, report func(Problem)) {
	p.src, p.verbatim = source, true
	p.pattern()
	c := checker{src: source, report: report}
	if err := p.err; err != nil {
		c.problem(Error, err.Pos, err.code, err.section, err.Message)
	} else {
		c.pattern(p)
	}
	p.nodes.reset()
	p.forget()
}

// checker holds a tree to the rules beyond the grammar. Its strings are as
// they are written, with their escapes.
type checker struct {
	src         string
	report      func(Problem)
	problems    int
	expressions int // bytes of regular expressions
}

func (c *checker) problem(severity Severity, pos int, code, section, message string) {
	if c.problems++; c.problems > maxProblems {
		return
	}
	line, column := position(c.src, pos)
	c.report(Problem{severity, code, section, message, pos, line, column})
}

// tokenAfter returns where the n-th token after the one at pos begins.
func (c *checker) tokenAfter(pos, n int) int {
	p := parser{src: c.src, tok: token{end: pos}}
	for range n + 1 {
		p.next()
	}
	return p.tok.start
}

// pattern checks all nodes of the tree that p has just made, in the order in
// which they stand in its slabs: there is no need to climb about.
func (c *checker) pattern(p *parser) {
	for _, chunk := range p.nodes.comparisons.full {
		c.comparisons(chunk)
	}
	c.comparisons(p.nodes.comparisons.chunk)
	for _, chunk := range p.nodes.conditions.full {
		c.joined(chunk)
	}
	c.joined(p.nodes.conditions.chunk)
	if p.repeated > 0 {
		c.problem(Error, p.repeated, codeQualifier, "STIX 2.1 §9.5.1",
			"the expression has a qualifier of this kind already: keep one, or put the expression and the first in parentheses")
	}
	if !p.qualified {
		return
	}
	for _, chunk := range p.nodes.observations.full {
		c.observations(chunk)
	}
	c.observations(p.nodes.observations.chunk)
}

func (c *checker) observations(observations []Observation) {
	for i := range observations {
		for j := range observations[i].Qualifiers {
			if q := &observations[i].Qualifiers[j]; q.Kind == StartStop {
				c.window(q)
			}
		}
	}
}

// window checks START and STOP.
func (c *checker) window(q *Qualifier) {
	start, stop := onCalendar(q.Start), onCalendar(q.Stop)
	if !start {
		c.noSuchDay(c.tokenAfter(q.Pos, 1))
	}
	if !stop {
		c.noSuchDay(c.tokenAfter(q.Pos, 3)) // after START, its timestamp, and STOP
	}
	if start && stop && !isBefore(q.Start, q.Stop) {
		c.problem(Error, q.Pos, codeQualifier, "STIX 2.1 §9.5.1",
			"START is not before STOP, so nothing can be observed between them: give a later STOP")
	}
}

func (c *checker) comparisons(comparisons []Comparison) {
	for i := range comparisons {
		c.comparison(&comparisons[i])
	}
}

func (c *checker) comparison(q *Comparison) {
	c.names(&q.Path)
	if q.Op == Equal || q.Op == NotEqual || q.Op == In {
		if h := hashOf(&q.Path); h != noHash {
			c.hashes(h, q.Values)
		}
	}
	c.types(q)
	for i := range q.Values {
		if v := &q.Values[i]; v.Kind == Timestamp && !onCalendar(v.Text) {
			c.noSuchDay(v.Pos)
		}
	}
	if q.Op == Matches {
		c.expression(&q.Values[0])
	}
}

// names checks the names that a path begins with: the type of an object and
// its property. What follows may be the key of a dictionary and is free.
func (c *checker) names(p *Path) {
	if !isTypeName(p.Type) {
		c.problem(Error, p.Pos, codeName, "STIX 2.1 §3.1",
			"this is no type of object: a type has 3 to 250 of a-z, 0-9 and single hyphens")
	}
	if first := p.Steps[0].Name; !isPropertyName(first) {
		c.problem(Error, c.tokenAfter(p.Pos, 2), codeName, "STIX 2.1 §3.1",
			"this is no property of an object: a property has 3 to 250 of a-z, 0-9 and _")
	}
}

// Lengths of names (STIX 2.1 §3.1).
const (
	minName = 3
	maxName = 250
)

func isTypeName(s string) bool {
	if len(s) < minName || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c != '-' || i > 0 && s[i-1] == '-':
			return false
		}
	}
	return true
}

// isPropertyName takes id as well, the one name of the specification that is
// shorter than it allows.
func isPropertyName(s string) bool {
	if len(s) < minName || len(s) > maxName {
		return s == "id"
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// maxExpressions is how many bytes of regular expressions are looked into, of
// one pattern: parsing them may take microseconds for each.
const maxExpressions = 4096

// expression checks the constant of MATCHES. It is a regular expression of
// PCRE, which knows more than is known here, so only what is wrong in every
// dialect is a problem.
func (c *checker) expression(v *Value) {
	s := v.Text
	if c.expressions += len(s); c.expressions > maxExpressions || strings.Contains(s, "(*") {
		return
	}
	if strings.IndexByte(s, '\\') >= 0 {
		s = unescape(s)
	}
	_, err := syntax.Parse(s, syntax.Perl|syntax.DotNL)
	if err == nil {
		return
	}
	what := ""
	switch e, _ := err.(*syntax.Error); e.Code {
	case syntax.ErrMissingBracket:
		what = "a [ is not closed"
	case syntax.ErrMissingParen:
		what = "a ( is not closed"
	case syntax.ErrUnexpectedParen:
		what = "a ) has no ( before it"
	case syntax.ErrMissingRepeatArgument:
		what = "there is nothing to repeat before a *, + or ?"
	case syntax.ErrTrailingBackslash:
		what = "it ends in a backslash"
	default:
		return
	}
	c.problem(Warning, v.Pos, codeRegexp, "STIX 2.1 §9.6.1",
		"this regular expression does not parse: "+what+"; escape what is meant literally")
}
