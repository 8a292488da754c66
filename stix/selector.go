package stix

import "bytes"

// maxSteps bounds the way through an object that all its selectors together may
// ask for; objects in use take a few hundred.
const maxSteps = 1 << 20

// selector holds node i, an element of the selectors of a granular marking, to
// its syntax and to what it selects (STIX 2.1 §7.2.3.1).
func (c *checker) selector(i uint32) {
	const section = "STIX 2.1 §7.2.3.1"
	t := c.s.text(i)
	if !isSelector(t) {
		c.refuse(codeInvalidSelector, i, section, "a selector is the names of properties and positions of list items such as [0], parted by dots and beginning with a name")
		return
	}
	if c.steps > maxSteps {
		c.refuse(codeInvalidSelector, i, section, "the selectors ask for more than can be looked at: use fewer")
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

// selects walks from the object's root along a selector.
func (c *checker) selects(t []byte) bool {
	s := c.s
	i := uint32(0)
	for more := true; more; {
		var part []byte
		part, t, more = bytes.Cut(t, []byte("."))
		wanted, name := -1, part
		if part[0] == '[' {
			wanted, name = 0, nil
			for _, d := range part[1 : len(part)-1] {
				wanted = wanted*10 + int(d-'0')
			}
		}
		if list := s.nodes[i].kind == '['; list != (wanted >= 0) || !list && s.nodes[i].kind != '{' {
			return false
		}
		k := i + 1
		for ; k < s.nodes[i].next; k = s.nodes[k].next {
			c.steps++
			if wanted >= 0 && int(s.nodes[k].nameFrom) == wanted || wanted < 0 && bytes.Equal(s.name(k), name) {
				break
			}
		}
		if k >= s.nodes[i].next {
			return false
		}
		i = k
	}
	return true
}
