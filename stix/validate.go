package stix

// check holds the object on the tape to the rules of STIX 2.1 and notes what it
// finds. The tables say what each property has to be; this walks them.
func check(s *scanner, o *Object, h *head) {
	c := &s.checker
	*c = checker{s: s, o: o, h: h}
	defer func() { *c = checker{} }()
	st := s.table
	if st.class == bundle {
		c.refuse(codeInvalidType, h.typ, "STIX 2.1 §8", "a bundle cannot be an object of a bundle: submit its objects themselves")
		return
	}
	c.everyValue()
	c.extended = c.declared(h.extensions)
	c.resolved(s.fields[0], 0)
	c.upperCase()
	if st.name == "" && h.typ != 0 && s.nodes[h.typ].kind == '"' && !c.extended {
		c.warn(codeCustomObject, h.typ, "STIX 2.1 §11.2", "this is no type of STIX 2.1: define it with an extension-definition of type new-sdo, new-sco or new-sro and name that in extensions")
	}
}

type checker struct {
	s *scanner
	o *Object
	h *head

	// extended tells that an extension of the object adds properties to its
	// top level, or is what makes its type.
	extended bool
	// contents are the types by key of observed-data's deprecated container
	// while it is looked at, nil otherwise.
	contents map[string]string
	object   uint32                       // the node of what is marked: 0, or one in the container
	inside   map[uint32]map[string]uint32 // what selectors found in large objects and lists
}

// everyValue refuses what no value of an object may be: null, an empty list and
// an empty dictionary. Deeper inside of a custom property the last two are told
// only: what is there may be of a type of somebody's own (STIX 2.1 §11.1).
func (c *checker) everyValue() {
	nodes := c.s.nodes
	for i := uint32(1); i < uint32(len(nodes)); i++ {
		if n := &nodes[i]; n.kind == 'n' || n.next == i+1 && (n.kind == '[' || n.kind == '{') {
			c.nothing(i)
		}
	}
}

// nothing refuses node i if it is null or holds nothing.
func (c *checker) nothing(i uint32) {
	switch n := &c.s.nodes[i]; {
	case n.flags&isDeep != 0: // what is in it was not read
	case n.kind == 'n':
		c.refuse(codeNull, i, "STIX 2.1 §2", "null is no value in STIX: leave the property out")
	case n.kind == '[':
		c.empty(i, "STIX 2.1 §2.12", "a list must not be empty: leave the property out")
	case n.kind == '{':
		c.empty(i, "STIX 2.1 §2.3", "a dictionary must not be empty: leave the property out")
	}
}

func (c *checker) empty(i uint32, section, message string) {
	severity, code := Error, codeEmptyValue
	if i == c.h.markings {
		code = codeInvalidMarkingRef
	}
	if c.s.nodes[i].parent != 0 && c.inCustom(i) {
		severity = Warning
	}
	c.s.note(severity, code, i, section, message)
}

// inCustom tells whether node i is inside of a property that the table of the
// object's type does not have.
func (c *checker) inCustom(i uint32) bool {
	for c.s.nodes[i].parent != 0 {
		i = c.s.nodes[i].parent
	}
	return c.s.table.find(c.s.name(i)) < 0
}

// members holds the object at node i to a table.
func (c *checker) members(st *structure, i uint32) {
	from := len(c.s.rows)
	m := c.s.resolve(st, i)
	c.resolved(m, from)
	c.s.lent--
	c.s.rows = c.s.rows[:from]
}

// resolved holds an object to its table, of which each member's row is known:
// they begin in rows at from.
func (c *checker) resolved(m *fields, from int) {
	s, st := c.s, m.of
	for k, n := m.node+1, from; k < s.nodes[m.node].next; k, n = s.nodes[k].next, n+1 {
		p := s.rows[n]
		if p < 0 {
			c.customProperty(st, k)
		} else if m.at[p] == k { // a repeated name is told as that
			c.property(st, &st.props[p], k)
		}
	}
	if lacking := st.required &^ m.seen; lacking != 0 {
		for p := range st.props {
			if lacking&(1<<p) != 0 {
				c.lacks(st, m.node, st.props[p].name)
			}
		}
	}
	for _, r := range st.rules {
		r(c, m)
	}
}

// lacks notes that a required property is absent.
func (c *checker) lacks(st *structure, i uint32, name string) {
	if c.contents != nil && name == "id" {
		return // its key in the container is its name
	}
	section, message := st.section, requiredOf
	switch name {
	case "type":
		section, message = "STIX 2.1 §3.1", "type is missing: add the name of the object's type, such as \"indicator\""
	case "id":
		section, message = "STIX 2.1 §2.9", "id is missing: add an identifier made of the type, two hyphens and a UUID"
	case "spec_version":
		section, message = "STIX 2.1 §3.2", "spec_version is missing: write \"spec_version\": \"2.1\" on objects of STIX 2.1; "+convert
	case "created":
		section, message = "STIX 2.1 §3.2", "created is missing: add when the object was first made, such as \"2025-01-31T12:00:00.000Z\""
	case "modified":
		section, message = "STIX 2.1 §3.2", "modified is missing: add when this version was made; on a first version it equals created"
	}
	c.s.noteMissing(Error, i, name, section, message)
}

const (
	requiredOf = "this required property is missing: add it"
	convert    = "objects of STIX 2.0 are converted first, for example with stix2-elevator"
)

// property holds node k to a row of a table.
func (c *checker) property(st *structure, p *property, k uint32) {
	switch p.presence {
	case forbidden:
		switch {
		case p.name == "defanged":
			c.refuse(codeReservedProperty, k, "STIX 2.1 §3.2", "only cyber-observables are marked as defanged: leave the property out")
		case c.extended && c.s.nodes[k].parent == 0:
			// A published extension of incident gives them a severity; whoever
			// relays such incidents cannot mend them.
			c.warn(codeReservedProperty, k, "STIX 2.1 §3.8", "the name is reserved by the specification: its extension should use another")
		default:
			c.refuse(codeReservedProperty, k, "STIX 2.1 §3.8", "the name is reserved by the specification: use another")
		}
		return
	case deprecated:
		c.warn(codeDeprecated, k, st.section, "this property is deprecated: use what the section names in its place")
	case notApplicable:
		if !c.extended && c.h.typ != 0 {
			c.warn(codeNotApplicable, k, st.section, "this common property does not apply to objects of this type: leave it out")
		}
	}
	c.value(&p.value, k, p.section)
}

// value holds node i to what it has to be.
func (c *checker) value(v *value, i uint32, section string) {
	if !v.list {
		c.single(v, i, section)
		return
	}
	s := c.s
	if s.nodes[i].kind != '[' {
		c.wrongType(i, section, "a list")
		return
	}
	for k := i + 1; k < s.nodes[i].next; k = s.nodes[k].next {
		c.single(v, k, section)
	}
}

func (c *checker) single(v *value, i uint32, section string) {
	n := &c.s.nodes[i]
	switch v.kind {
	case textKind:
		if n.kind != '"' {
			c.wrongType(i, section, "a string")
		} else if v.form != nil && n.flags&badText == 0 {
			v.form(c, i)
		}
	case booleanKind:
		if n.kind != 't' && n.kind != 'f' {
			c.wrongType(i, section, "true or false")
		}
	case integerKind, floatKind:
		c.number(v, i, section)
	case timestampKind:
		c.timestamp(i)
	case identifierKind:
		c.reference(i, v.refs, section)
	case hexKind:
		c.hexadecimal(i)
	case binaryKind:
		c.binary(i)
	case hashesKind:
		c.hashes(i)
	case dictionaryKind:
		c.dictionary(v, i, section)
	case enumKind, openKind:
		c.word(v, i)
	case nestedKind:
		if n.kind != '{' {
			c.wrongType(i, section, "an object")
		} else {
			c.members(v.inner, i)
		}
	case specialKind:
		if v.form != nil {
			v.form(c, i)
		}
	}
}

func kindName(kind byte) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case number:
		return "a number"
	case 'n':
		return "null"
	}
	return "true or false"
}
