package pattern

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A term is an expression in the making of a normal form, of conditions or of
// observations. Equal terms of one normaliser are one term, so that comparing
// pointers tells whether expressions are the same.
type term struct {
	op         termOp
	number     int         // by which other terms refer to it
	text       string      // of comparison: it in canonical spelling
	comparison *Comparison // of comparison
	parts      []*term     // of test the condition, of the others the operands
	qualifiers []Qualifier
	size       int    // bytes of text in all of it
	object     string // of conditions: the type of object all of it asks for, else severalTypes
}

// severalTypes stands for more than one type of object, and is the name of none.
const severalTypes = "*"

type termOp uint8

const (
	comparison termOp = iota
	conditionAnd
	conditionOr
	test
	observationAnd
	followedBy
	observationOr
)

// opens reports whether t is operands joined by op and by nothing else.
func (t *term) opens(op termOp) bool { return t.op == op && len(t.qualifiers) == 0 }

// A normaliser makes terms, and counts what distribution may still cost.
type normaliser struct {
	terms map[string]*term
	bytes int // that products may still have
	steps int // that absorption may still take
}

func newNormaliser() *normaliser {
	return &normaliser{terms: map[string]*term{}, bytes: maxDistributed, steps: maxAbsorptionSteps}
}

func (n *normaliser) leaf(c *Comparison) *term {
	text := comparisonText(c)
	if t := n.terms[text]; t != nil {
		return t
	}
	t := &term{op: comparison, text: text, comparison: c, size: len(text), object: c.Path.Type}
	return n.add(text, t)
}

func (n *normaliser) compound(op termOp, parts []*term, qualifiers []Qualifier) *term {
	b := append(make([]byte, 0, 2+5*len(parts)), 0, byte(op)) // no text of a comparison begins with 0
	for _, part := range parts {
		b = append(strconv.AppendInt(b, int64(part.number), 36), ' ')
	}
	for _, q := range qualifiers {
		b = append(append(b, '/'), qualifierText(q)...)
	}
	key := string(b)
	if t := n.terms[key]; t != nil {
		return t
	}
	t := &term{op: op, parts: parts, qualifiers: qualifiers, size: 1}
	for _, part := range parts {
		t.size += part.size
		switch {
		case t.object == "":
			t.object = part.object
		case t.object != part.object:
			t.object = severalTypes
		}
	}
	return n.add(key, t)
}

func (n *normaliser) add(key string, t *term) *term {
	t.number = len(n.terms)
	n.terms[key] = t
	return t
}

// join makes one expression of several: flat, in order, and without what is
// idle because a sibling is there.
func (n *normaliser) join(op termOp, parts []*term) *term {
	flat := make([]*term, 0, len(parts))
	for _, part := range parts {
		if part.opens(op) {
			flat = append(flat, part.parts...)
		} else {
			flat = append(flat, part)
		}
	}
	if op != followedBy {
		slices.SortFunc(flat, compareTerms)
	}
	if op == conditionAnd || op == conditionOr || op == observationOr {
		flat = absorbedBySiblings(op, slices.Compact(flat))
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return n.compound(op, flat, nil)
}

// absorbedBySiblings drops what holds whenever, or only if, a sibling does:
// A AND B beside A under OR, A OR B beside A under AND of conditions.
func absorbedBySiblings(op termOp, parts []*term) []*term {
	absorbs := func(t *term) bool {
		switch op {
		case conditionAnd:
			return t.op == conditionOr
		case conditionOr:
			return t.op == conditionAnd
		default:
			return t.opens(observationAnd) || t.opens(followedBy)
		}
	}
	if !slices.ContainsFunc(parts, absorbs) {
		return parts
	}
	siblings := make(map[*term]bool, len(parts))
	for _, part := range parts {
		siblings[part] = true
	}
	return slices.DeleteFunc(parts, func(t *term) bool {
		return absorbs(t) && slices.ContainsFunc(t.parts, func(part *term) bool { return siblings[part] })
	})
}

// compareTerms orders terms by what they say, the same in every normaliser.
func compareTerms(a, b *term) int {
	if a == b {
		return 0
	}
	if c := cmp.Compare(a.op, b.op); c != 0 {
		return c
	}
	if c := strings.Compare(a.text, b.text); c != 0 {
		return c
	}
	if c := slices.CompareFunc(a.parts, b.parts, compareTerms); c != 0 {
		return c
	}
	return slices.CompareFunc(a.qualifiers, b.qualifiers, func(a, b Qualifier) int {
		return strings.Compare(qualifierText(a), qualifierText(b))
	})
}

// comparisonText is a spelling that different comparisons do not share: names
// and constants are quoted, whatever is in them.
func comparisonText(c *Comparison) string {
	b := strconv.AppendQuote(nil, c.Path.Type)
	for _, s := range c.Path.Steps {
		switch s.Kind {
		case Property:
			b = strconv.AppendQuote(append(b, '.'), s.Name)
		case Index:
			b = append(strconv.AppendInt(append(b, '['), int64(s.Index), 10), ']')
		case AnyIndex:
			b = append(b, "[*]"...)
		}
	}
	b = append(b, ' ', '0'+byte(c.Op))
	if c.Not {
		b = append(b, " NOT"...)
	}
	for _, v := range c.Values {
		b = strconv.AppendQuote(append(b, ' ', '0'+byte(v.Kind)), v.Text)
	}
	return string(b)
}

func qualifierText(q Qualifier) string {
	return fmt.Sprintf("%d %g %d %q %q;", q.Kind, q.Seconds, q.Times, q.Start, q.Stop)
}
