package stix

import (
	"bytes"
	"strconv"
)

// selector holds node i, an element of the selectors of a granular marking, to
// its syntax and to what it selects (STIX 2.1 §7.2.3.1).
func (c *checker) selector(i uint32) {
	const section = "STIX 2.1 §7.2.3.1"
	t := c.s.text(i)
	if !isSelector(t) {
		c.refuse(codeInvalidSelector, i, section, "a selector is the names of properties and positions of list items such as [0], parted by dots and beginning with a name")
		return
	}
	if !c.selects(t) {
		c.refuse(codeInvalidSelector, i, section, "this selects nothing: name a property or list item that the object has")
	}
}

func isSelector(t []byte) bool {
	for first := true; ; first = false {
		part, rest, more := bytes.Cut(t, []byte("."))
		switch {
		case !first && isPosition(part):
		case first && !isPropertyName(part) && string(part) != "id" || !first && !isKey(part, 1):
			return false
		}
		if !more {
			return true
		}
		t = rest
	}
}

// isPosition tells whether t is [n], n without zeros before it.
func isPosition(t []byte) bool {
	if len(t) < len("[0]") || len(t) > len("[123456789]") || t[0] != '[' || t[len(t)-1] != ']' {
		return false
	}
	n := t[1 : len(t)-1]
	return digits(n, 0) == len(n) && (n[0] != '0' || len(n) == 1)
}

// selects walks from the marked object along a selector.
func (c *checker) selects(t []byte) bool {
	s := c.s
	i := c.object
	for more := true; more; {
		var part []byte
		part, t, more = bytes.Cut(t, []byte("."))
		list := part[0] == '['
		if list && s.nodes[i].kind != '[' || !list && s.nodes[i].kind != '{' {
			return false
		}
		if i = c.child(i, part); i == 0 {
			return false
		}
	}
	return true
}

// child returns the member or element of node i that part names, 0 for none.
// Of the large ones all are written down at the first question, so that many
// selectors cost no more than they are long.
func (c *checker) child(i uint32, part []byte) uint32 {
	s := c.s
	if s.nodes[i].next-i <= 64 {
		for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
			if string(c.partOf(k)) == string(part) {
				return k
			}
		}
		return 0
	}
	if c.inside == nil {
		c.inside = make(map[uint32]map[string]uint32)
	}
	children := c.inside[i]
	if children == nil {
		children = make(map[string]uint32)
		for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
			children[string(c.partOf(k))] = k
		}
		c.inside[i] = children
	}
	return children[string(part)]
}

// partOf is how a selector names node k in what holds it.
func (c *checker) partOf(k uint32) []byte {
	n := &c.s.nodes[k]
	if c.s.nodes[n.parent].kind == '[' {
		b := strconv.AppendUint(append(make([]byte, 0, 16), '['), uint64(n.nameFrom), 10)
		return append(b, ']')
	}
	return c.s.name(k)
}
