package stix

import "bytes"

// Extensions, STIX 2.1 §7.3 and §11.3.

// declared tells whether an extension of the object on the tape adds properties
// to its top level, or is what makes its type.
func (c *checker) declared(e uint32) bool {
	s := c.s
	if e == 0 || s.nodes[e].kind != '{' {
		return false
	}
	for k := e + 1; k < s.nodes[e].next; k = s.nodes[k].next {
		t := s.tape.member(k, "extension_type")
		if t == 0 || s.nodes[t].kind != '"' {
			continue
		}
		switch string(s.text(t)) {
		case "toplevel-property-extension", "new-sdo", "new-sco", "new-sro":
			return true
		}
	}
	return false
}

// extensions holds the extensions property, node e, to its rules.
func (c *checker) extensions(e uint32) {
	s := c.s
	if s.nodes[e].kind != '{' {
		c.wrongType(e, "STIX 2.1 §7.3", "an object")
		return
	}
	own := structures[c.typeOf(e)]
	for k := e + 1; k < s.nodes[e].next; k = s.nodes[k].next {
		key := s.name(k)
		if s.nodes[k].kind != '{' {
			c.wrongType(k, "STIX 2.1 §7.3", "an object")
			continue
		}
		switch {
		case own != nil && own.extensions[string(key)] != nil:
			c.members(own.extensions[string(key)], k)
		case predefinedExtensions[string(key)] != "":
			c.refusef(codeInvalidExtension, k, "STIX 2.1 §6", "this is an extension of %s objects: leave it out", predefinedExtensions[string(key)])
		case bytes.HasPrefix(key, []byte("extension-definition--")):
			c.extension(k, key)
		case validType(key) && bytes.HasSuffix(key, []byte("-ext")):
			c.warn(codeCustomProperty, k, "STIX 2.1 §11.3", "extensions by name are deprecated: define it with an extension-definition and use its id")
			c.extensionNames(k, "STIX 2.1 §11.3.1")
			c.customKeys(k)
		default:
			c.refuse(codeInvalidExtension, k, "STIX 2.1 §7.3", "the key of an extension is the id of its extension-definition, or a name that ends in -ext")
		}
	}
}

// typeOf returns the type of the object that has a member at node k.
func (c *checker) typeOf(k uint32) string {
	if t := c.s.tape.member(c.s.nodes[k].parent, "type"); t != 0 && c.s.nodes[t].kind == '"' {
		return c.s.shortText(t)
	}
	return ""
}

// extension looks at one under the id of an extension-definition.
func (c *checker) extension(k uint32, key []byte) {
	const section = "STIX 2.1 §7.3"
	s := c.s
	if !validIDOf("extension-definition", key) && !upperID(key) {
		c.refuse(codeInvalidExtension, k, "STIX 2.1 §2.9", "this key must be \"extension-definition--\" and a UUID")
	}
	nested := false
	switch t := s.tape.member(k, "extension_type"); {
	case t == 0:
		s.noteMissing(Error, k, "extension_type", section, "extension_type is missing: say which kind of extension this is, such as \"property-extension\"")
	case s.nodes[t].kind != '"':
		c.wrongType(t, section, "a string")
	case !extensionTypes.has(s.text(t)):
		c.refuse(codeVocabulary, t, extensionTypes.section, extensionTypes.other)
	default:
		nested = s.is(t, "property-extension")
	}
	if nested {
		c.extensionNames(k, "STIX 2.1 §7.3")
	}
	c.customKeys(k)
}

// extensionNames looks at the names of an extension's properties. They have
// three characters or more, but for id: the extension that one of the most used
// platforms adds to every object has one.
func (c *checker) extensionNames(k uint32, section string) {
	for m := k + 1; m < c.s.nodes[k].next; m = c.s.nodes[m].next {
		if name := c.s.name(m); !isPropertyName(name) && string(name) != "id" {
			c.refuse(codePropertyName, m, section, propertyForm)
		}
	}
}

// extended is what an extension-definition has to be as a whole.
func extended(c *checker, m *fields) {
	const section = "STIX 2.1 §7.3.1"
	types, names := m.get("extension_types"), m.get("extension_properties")
	top := false
	for k := types + 1; types != 0 && k < c.s.nodes[types].next; k = c.s.nodes[k].next {
		top = top || c.s.is(k, "toplevel-property-extension")
	}
	for k := names + 1; names != 0 && k < c.s.nodes[names].next; k = c.s.nodes[k].next {
		if c.s.nodes[k].kind == '"' && (commonNames[c.s.shortText(k)] || reservedNames[c.s.shortText(k)]) {
			c.refuse(codeInvalidExtension, k, "STIX 2.1 §7.3", "an extension must not redefine a property of the specification or use a reserved name: use another")
		}
	}
	switch {
	case names != 0 && !top:
		c.refuse(codeConflicting, names, section, "extension_properties is for extensions of type toplevel-property-extension: leave it out or add that type")
	case names == 0 && top:
		c.s.noteMissing(Warning, m.node, "extension_properties", section, "name the properties that the extension adds to the top level")
	}
	if !m.has("description") {
		c.s.noteMissing(Warning, m.node, "description", section, "a description should be there: say what the extension conveys")
	}
}
