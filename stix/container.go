package stix

// The deprecated container of cyber-observables, STIX 2.1 §2.13, §4.14.

// observableContainer holds node i to be one: objects under keys of their own,
// by which they refer to each other.
func (c *checker) observableContainer(i uint32) {
	const section = "STIX 2.1 §2.13"
	s := c.s
	if s.nodes[i].kind != '{' {
		c.wrongType(i, section, "a dictionary of cyber-observables")
		return
	}
	if c.container != 0 {
		return // one does not hold another
	}
	c.container = i
	defer func() { c.container = 0 }()
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		name := s.name(k)
		if digits(name, 0) != len(name) {
			c.warn(codeWordForm, k, section, "the keys of the container should be integers from 0 on")
		}
		t := s.tape.member(k, "type")
		switch {
		case s.nodes[k].kind != '{':
			c.wrongType(k, section, "a cyber-observable")
		case t == 0:
			s.noteMissing(Error, k, "type", section, "type is missing: add the name of the object's type")
		case s.nodes[t].kind != '"':
			c.wrongType(t, section, "a string")
		default:
			c.contained(k, t)
		}
	}
}

// contained holds the object at node k, of the type at node t, to its table.
func (c *checker) contained(k, t uint32) {
	st := structures[string(c.s.text(t))]
	switch {
	case st == nil:
		c.members(customObservable, k)
	case st.class == observable:
		c.members(st, k)
	default:
		c.refuse(codeInvalidType, t, "STIX 2.1 §2.13", "only cyber-observables can be in the container")
	}
}

// local tells whether a reference in the container is the key of an object of
// it that the reference may point to.
func (c *checker) local(i uint32, key []byte, t *targets) bool {
	k := c.s.tape.member(c.container, string(key))
	if k == 0 {
		return false
	}
	typ := c.s.tape.member(k, "type")
	return typ != 0 && c.s.nodes[typ].kind == '"' && t.allowed(c.s.text(typ))
}
