package pattern

import (
	"strconv"
	"strings"
)

// String writes the pattern in its canonical spelling: single blanks, no
// comments, = and != for operators, quotes only around the names that need
// them, and parentheses only where the tree needs them. It parses to an equal
// tree but for positions.
func (p *Pattern) String() string {
	return string(appendObservation(nil, p.Root, 0))
}

var observationOps = [...]string{ObservationAnd: " AND ", ObservationOr: " OR ", FollowedBy: " FOLLOWEDBY "}

// appendObservation appends o, which stands inside depth parentheses.
func appendObservation(dst []byte, o *Observation, depth int) []byte {
	// A kind of qualifier may come twice only after parentheses (see Check).
	if len(o.Qualifiers) > 0 && (o.Op != Test || repeats(o.Qualifiers) && depth < MaxNesting) {
		dst = append(dst, '(')
		dst = appendOperands(dst, o, depth+1)
		dst = append(dst, ')')
	} else {
		dst = appendOperands(dst, o, depth)
	}
	for i := range o.Qualifiers {
		dst = appendQualifier(append(dst, ' '), &o.Qualifiers[i])
	}
	return dst
}

// appendOperands appends o without its qualifiers.
func appendOperands(dst []byte, o *Observation, depth int) []byte {
	if o.Op == Test {
		dst = append(dst, '[')
		dst = appendCondition(dst, o.Condition)
		return append(dst, ']')
	}
	for i, operand := range o.Operands {
		if i > 0 {
			dst = append(dst, observationOps[o.Op]...)
		}
		// The operators are in the order in which they bind, closest first.
		if operand.Op >= o.Op && len(operand.Qualifiers) == 0 {
			dst = append(dst, '(')
			dst = appendObservation(dst, operand, depth+1)
			dst = append(dst, ')')
		} else {
			dst = appendObservation(dst, operand, depth)
		}
	}
	return dst
}

// repeats tells whether there are two qualifiers of one kind.
func repeats(qualifiers []Qualifier) bool {
	var seen [StartStop + 1]bool
	for i := range qualifiers {
		k := qualifiers[i].Kind
		if seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

func appendQualifier(dst []byte, q *Qualifier) []byte {
	switch q.Kind {
	case Within:
		dst = append(dst, "WITHIN "...)
		dst = strconv.AppendFloat(dst, q.Seconds, 'f', -1, 64)
		return append(dst, " SECONDS"...)
	case Repeats:
		dst = append(dst, "REPEATS "...)
		dst = strconv.AppendInt(dst, int64(q.Times), 10)
		return append(dst, " TIMES"...)
	default:
		dst = append(dst, "START t'"...)
		dst = append(dst, q.Start...)
		dst = append(dst, "' STOP t'"...)
		dst = append(dst, q.Stop...)
		return append(dst, '\'')
	}
}

var conditionOps = [...]string{And: " AND ", Or: " OR "}

func appendCondition(dst []byte, c *Condition) []byte {
	if c.Op == Compare {
		return appendComparison(dst, c.Comparison)
	}
	for i, operand := range c.Operands {
		if i > 0 {
			dst = append(dst, conditionOps[c.Op]...)
		}
		if operand.Op >= c.Op {
			dst = append(dst, '(')
			dst = appendCondition(dst, operand)
			dst = append(dst, ')')
		} else {
			dst = appendCondition(dst, operand)
		}
	}
	return dst
}

var operators = [...]string{
	Equal: "=", NotEqual: "!=", Greater: ">", Less: "<", GreaterOrEqual: ">=", LessOrEqual: "<=",
	In: "IN", Like: "LIKE", Matches: "MATCHES", IsSubset: "ISSUBSET", IsSuperset: "ISSUPERSET", Exists: "EXISTS",
}

// String returns the operator as a pattern has it.
func (o Operator) String() string { return operators[o] }

func appendComparison(dst []byte, c *Comparison) []byte {
	if c.Op == Exists {
		if c.Not {
			dst = append(dst, "NOT "...)
		}
		return appendPath(append(dst, "EXISTS "...), &c.Path)
	}
	dst = append(appendPath(dst, &c.Path), ' ')
	if c.Not {
		dst = append(dst, "NOT "...)
	}
	dst = append(append(dst, operators[c.Op]...), ' ')
	if c.Op != In {
		return appendValue(dst, &c.Values[0])
	}
	dst = append(dst, '(')
	for i := range c.Values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendValue(dst, &c.Values[i])
	}
	return append(dst, ')')
}

// String writes the path in its canonical spelling.
func (p *Path) String() string { return string(appendPath(nil, p)) }

func appendPath(dst []byte, p *Path) []byte {
	dst = append(append(dst, p.Type...), ':')
	for i, s := range p.Steps {
		switch s.Kind {
		case Index:
			dst = strconv.AppendInt(append(dst, '['), int64(s.Index), 10)
			dst = append(dst, ']')
		case AnyIndex:
			dst = append(dst, "[*]"...)
		default:
			if i > 0 {
				dst = append(dst, '.')
			}
			if isBareName(s.Name) {
				dst = append(dst, s.Name...)
			} else {
				dst = appendText(dst, s.Name)
			}
		}
	}
	return dst
}

// isBareName tells whether a property of this name needs no quotes.
func isBareName(s string) bool {
	if s == "" || classes[s[0]] != letter {
		return false
	}
	for i := range len(s) {
		if !parts[s[i]] {
			return false
		}
	}
	return keyword(s) == tokName
}

func appendValue(dst []byte, v *Value) []byte {
	switch v.Kind {
	case String:
		return appendText(dst, v.Text)
	case Binary:
		dst = append(dst, "b'"...)
	case Hex:
		dst = append(dst, "h'"...)
	case Timestamp:
		dst = append(dst, "t'"...)
	default:
		return append(dst, v.Text...)
	}
	return append(append(dst, v.Text...), '\'')
}

func appendText(dst []byte, s string) []byte {
	dst = append(dst, '\'')
	for {
		i := strings.IndexAny(s, `'\`)
		if i < 0 {
			return append(append(dst, s...), '\'')
		}
		dst = append(append(dst, s[:i]...), '\\', s[i])
		s = s[i+1:]
	}
}
