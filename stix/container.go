package stix

import "bytes"

// The deprecated container of cyber-observables, STIX 2.1 §2.13, §4.14.

// observableContainer holds node i to be one: objects under keys of their own,
// by which, or by an id that one has all the same, they refer to each other and
// to nothing else.
func (c *checker) observableContainer(i uint32) {
	const section = "STIX 2.1 §2.13"
	s := c.s
	if s.nodes[i].kind != '{' {
		c.wrongType(i, section, "a dictionary of cyber-observables")
		return
	}
	if c.contents != nil {
		return // one does not hold another
	}
	c.contents = make(map[string]string)
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		if t := s.tape.member(k, "type"); t != 0 && s.nodes[t].kind == '"' {
			typ := s.shortText(t)
			c.contents[string(s.name(k))] = typ
			if id := s.tape.member(k, "id"); id != 0 && s.nodes[id].kind == '"' {
				c.contents[s.shortText(id)] = typ
			}
		}
	}
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		c.entry(k)
	}
	c.contents, c.object = nil, 0
}

// entry looks at one entry of the container.
func (c *checker) entry(k uint32) {
	const section = "STIX 2.1 §2.13"
	s := c.s
	name := s.name(k)
	if digits(name, 0) != len(name) {
		c.warn(codeWordForm, k, section, "the keys of the container should be integers from 0 on")
	}
	t := s.tape.member(k, "type")
	switch {
	case s.nodes[k].kind != '{':
		c.wrongType(k, section, "a cyber-observable")
		return
	case t == 0:
		s.noteMissing(Error, k, "type", section, "type is missing: add the name of the object's type")
		return
	case s.nodes[t].kind != '"':
		c.wrongType(t, section, "a string")
		return
	}
	st := structures[s.shortText(t)]
	if st == nil {
		st = customObservable
	}
	if st.class != observable {
		c.refuse(codeInvalidType, t, section, "only cyber-observables can be in the container")
		return
	}
	c.object = k
	c.members(st, k)
}

// contained holds node i, a reference in the container, to be the key of an
// object of it that the reference may point to.
func (c *checker) contained(i uint32, t *targets) {
	const section = "STIX 2.1 §2.13"
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, section, "the key of an object of the container")
		return
	}
	typ, known := c.contents[string(c.s.text(i))]
	switch {
	case !known:
		c.refuse(codeInvalidReference, i, section, "this must be the key of an object of the same container")
	case t != nil && !t.allowed([]byte(typ)):
		c.refuse(codeWrongTarget, i, section, t.must)
	}
}

// customReferences looks at a property of somebody's own in the container, node
// k, that by its name refers to others.
func (c *checker) customReferences(k uint32) {
	s := c.s
	switch name := s.name(k); {
	case bytes.HasSuffix(name, []byte("_ref")):
		c.contained(k, nil)
	case bytes.HasSuffix(name, []byte("_refs")) && s.nodes[k].kind == '[':
		for i := k + 1; i < s.nodes[k].next; i = s.nodes[i].next {
			c.contained(i, nil)
		}
	}
}
