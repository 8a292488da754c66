package stix

// Names: of types, identifiers and properties, STIX 2.1 §2.9, §3.1, §11.

func (c *checker) typeName(i uint32) {
	if !validType(c.s.text(i)) {
		c.refuse(codeInvalidType, i, "STIX 2.1 §3.1", "a type is 3 to 250 lower-case letters, digits and single hyphens, beginning with a letter")
	}
}

const lowerCase = "write the UUID of an identifier in lower case (RFC 4122 §3): in two spellings it would be two objects"

// identifier is the id of the object itself.
func (c *checker) identifier(i uint32) {
	const section = "STIX 2.1 §2.9"
	typ, uuid, ok := splitID(c.s.text(i))
	own := c.h.typ
	if parent := c.s.nodes[i].parent; parent != 0 {
		own = c.s.tape.member(parent, "type")
	}
	switch {
	case !ok:
		c.refuse(codeInvalidID, i, section, "an id is the object's type, two hyphens and a UUID, such as \"indicator--\" and \"1f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b\"")
	case upperUUID(uuid):
		c.refuse(codeInvalidID, i, section, lowerCase)
	case !validUUID(uuid):
		c.refuse(codeInvalidID, i, section, "the UUID of an id is one of RFC 4122, version 1 to 5: the first digit of its third group is 1 to 5 and that of its fourth is 8, 9, a or b")
	case own != 0 && !c.s.is(own, string(typ)):
		c.refuse(codeInvalidID, i, section, "the id does not begin with the object's type: one of the two is wrong")
	}
}

// upperCase refuses every reference that differs from an identifier only in
// the case of its UUID.
func (c *checker) upperCase() {
	for _, i := range c.s.upper {
		code, named := codeInvalidReference, i
		if p := c.s.nodes[i].parent; c.s.nodes[p].kind == '[' {
			named = p // elements have no name
		}
		if n := string(c.s.name(named)); n == "object_marking_refs" || n == "marking_ref" {
			code = codeInvalidMarkingRef
		}
		c.refuse(code, i, "STIX 2.1 §2.9", lowerCase)
	}
}

func (c *checker) specVersion(i uint32) {
	const section = "STIX 2.1 §3.2"
	switch string(c.s.text(i)) {
	case "2.1":
	case "2.0":
		c.refuse(codeInvalidSpecVersion, i, section, "this is an object of STIX 2.0 and only 2.1 is taken: "+convert)
	default:
		c.refuse(codeInvalidSpecVersion, i, section, "spec_version must be \"2.1\"")
	}
}

// customProperty looks at a property that its table does not have.
func (c *checker) customProperty(st *structure, k uint32) {
	switch {
	case !isPropertyName(c.s.name(k)):
		c.refuse(codePropertyName, k, "STIX 2.1 §11.1", propertyForm)
	case st.name == "" || c.extended && c.s.nodes[k].parent == 0:
	default:
		c.warn(codeCustomProperty, k, "STIX 2.1 §11.1", "this is no property of the specification: define it with an extension-definition and name that in extensions")
	}
	if c.contents != nil {
		c.customReferences(k)
	}
	c.customKeys(k)
}

const propertyForm = "the name of a property is 3 to 250 lower-case ASCII letters, digits and underscores, beginning with a letter"

func isPropertyName(name []byte) bool {
	if len(name) < 3 || len(name) > 250 || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	for _, b := range name {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '_') {
			return false
		}
	}
	return true
}

// propertyName is a name given as a value.
func (c *checker) propertyName(i uint32) {
	if !isPropertyName(c.s.text(i)) {
		c.refuse(codePropertyName, i, "STIX 2.1 §7.3", propertyForm)
	}
}

func hasUpper(name []byte) bool {
	for _, b := range name {
		if 'A' <= b && b <= 'Z' {
			return true
		}
	}
	return false
}

// customKeys looks at the names inside of a custom property. What is an object
// there is a dictionary or a type of somebody's own; the names of both are keys.
func (c *checker) customKeys(k uint32) {
	s := c.s
	for i := k + 1; i < s.nodes[k].next; i++ {
		if s.nodes[s.nodes[i].parent].kind != '{' {
			continue
		}
		if name := s.name(i); !isKey(name, 1) {
			c.refuse(codeDictionaryKey, i, "STIX 2.1 §2.3", keyForm)
		} else if hasUpper(name) {
			c.warn(codeDictionaryKey, i, "STIX 2.1 §2.3", "the key of a dictionary should be in lower case")
		}
	}
}
