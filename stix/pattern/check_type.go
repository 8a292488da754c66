package pattern

import (
	"fmt"
	"strings"
)

// types checks that constants are of types that the operator takes.
func (c *checker) types(q *Comparison) {
	switch q.Op {
	case In:
		c.homogeneous(q.Values)
	case IsSubset, IsSuperset:
		c.network(q)
	}
	for i := range q.Values {
		if v := &q.Values[i]; (v.Kind == Integer || v.Kind == Float) && v.Text[0] == '+' {
			c.problem(Warning, v.Pos, codeConstant, "STIX 2.1 §9.2", "a number has no plus sign: leave it out")
		}
	}
}

func (c *checker) homogeneous(set []Value) {
	for i := range set {
		if !alike(set[0].Kind, set[i].Kind) {
			c.problem(Error, set[i].Pos, codeType, "STIX 2.1 §9.6.1",
				"the constants of a set are all of one type, and this is of another than the first: compare with each type by itself, joined by OR")
			return
		}
	}
}

// alike tells whether constants of two kinds may be in one set (STIX 2.1
// §9.6.1), integers and floats being both numbers.
func alike(a, b ValueKind) bool {
	return a == b || a == Integer && b == Float || a == Float && b == Integer
}

// network checks a comparison by ISSUBSET or ISSUPERSET.
func (c *checker) network(q *Comparison) {
	v := &q.Values[0]
	p, ok := prefixOf(v.Text) // unlike parseNetwork, it leaves no garbage
	if !ok {
		p, ok = parseNetwork(v.Text)
	}
	version := ""
	switch {
	case q.Path.is("value") && q.Path.Type == "ipv4-addr":
		version = "IPv4 "
		ok = ok && p.Addr().Is4()
	case q.Path.is("value") && q.Path.Type == "ipv6-addr":
		version = "IPv6 "
		ok = ok && p.Addr().Is6()
	case !q.Path.mayHoldAddress():
		c.problem(Error, q.Pos, codeType, "STIX 2.1 §9.6.1", fmt.Sprintf(
			"%s takes the value of an ipv4-addr or ipv6-addr, and this property is another: compare it otherwise", q.Op))
	}
	if !ok {
		c.problem(Error, v.Pos, codeType, "STIX 2.1 §9.6.1", fmt.Sprintf(
			"%s takes an %saddress or a network in CIDR notation, as in '198.51.100.0/24' or '2001:db8::/32'", q.Op, version))
	}
}

// mayHoldAddress tells whether a path may lead to the value of an address: by
// itself, over a reference, or where the specification does not say what is
// there, in types, extensions and properties that are not its own.
func (p *Path) mayHoldAddress() bool {
	if !isObservableType(p.Type) || strings.HasPrefix(p.Steps[0].Name, "x_") || p.Steps[0].Name == "extensions" {
		return true
	}
	last := len(p.Steps) - 1
	if p.Steps[last].Name != "value" {
		return false
	}
	i := last - 1
	for i >= 0 && p.Steps[i].Kind != Property {
		i--
	}
	if i < 0 {
		return p.Type == "ipv4-addr" || p.Type == "ipv6-addr"
	}
	return strings.HasSuffix(p.Steps[i].Name, "_ref") || strings.HasSuffix(p.Steps[i].Name, "_refs")
}

// isObservableType tells the types of STIX 2.1 §6.
func isObservableType(s string) bool {
	switch s {
	case "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file",
		"ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url",
		"user-account", "windows-registry-key", "x509-certificate":
		return true
	}
	return false
}

// joined checks what AND joins: all comparisons of an observation expression
// start at one object (STIX 2.1 §9.5), so some type must be common to both
// sides. It only warns: such patterns are in use, by exporters that mean
// what is related and write AND.
func (c *checker) joined(conditions []Condition) {
	for i := range conditions {
		x := &conditions[i]
		if x.Op != And {
			continue
		}
		first := firstType(x)
		other := -1 // the first operand that no object of the first type meets
		for j, operand := range x.Operands {
			if !operand.isOf(first) {
				other = j
				break
			}
		}
		if other >= 0 && !x.hasCommonType() {
			c.problem(Warning, x.Operands[other].Pos, codeType, "STIX 2.1 §9.5",
				"AND joins comparisons of different types of objects, which no one object meets: join them by OR, or put each in brackets of its own, joined by AND")
		}
	}
}

func firstType(c *Condition) string {
	for c.Op != Compare {
		c = c.Operands[0]
	}
	return c.Comparison.Path.Type
}

// isOf tells whether an object of this type may meet c.
func (c *Condition) isOf(typ string) bool {
	if c.Op == Compare {
		return c.Comparison.Path.Type == typ
	}
	for _, operand := range c.Operands {
		if operand.isOf(typ) != (c.Op == And) {
			return c.Op == Or
		}
	}
	return c.Op == And
}

// maxTypes is how many types are tried to meet one AND. Each takes time linear
// in its length; where there are more, it is taken for one that can be met.
const maxTypes = 4

// hasCommonType tells whether an object of some type may meet c.
func (c *Condition) hasCommonType() bool {
	var tried [maxTypes]string
	n := 0
	// found tries the types of x and tells whether that settles it.
	var found func(x *Condition) bool
	found = func(x *Condition) bool {
		for _, operand := range x.Operands {
			if found(operand) {
				return true
			}
		}
		if x.Op != Compare {
			return false
		}
		typ := x.Comparison.Path.Type
		for _, t := range tried[:n] {
			if t == typ {
				return false
			}
		}
		if n == maxTypes || c.isOf(typ) {
			return true
		}
		tried[n] = typ
		n++
		return false
	}
	return found(c.Operands[0])
}
