package stix

// class is which of the sorts of object a type is: they differ in the common
// properties they must have (STIX 2.1 §3.2), and in what may refer to them.
type class uint8

const (
	custom     class = iota // not a type of the specification
	domain                  // SDO
	relation                // SRO
	observable              // SCO
	meta                    // language-content and extension-definition
	marking                 // marking-definition: created, never modified
	bundle
)

// classByName tells the class of an object type by its name.
func classByName(typ []byte) class {
	if st := structures[string(typ)]; st != nil {
		return st.class
	}
	return custom
}

// classOf tells the class of the object on the tape. A type the specification
// does not know is a cyber-observable if an extension says so, or if it has
// neither created nor modified and no extension says otherwise; else it is held
// to the rules of a domain object.
func (s *scanner) classOf(h *head) class {
	if h.typ == 0 || s.nodes[h.typ].kind != '"' {
		return custom
	}
	if c := classByName(s.text(h.typ)); c != custom {
		return c
	}
	if e := h.extensions; e != 0 && s.nodes[e].kind == '{' {
		for m := e + 1; m < s.nodes[e].next; m = s.nodes[m].next {
			t := s.tape.member(m, "extension_type")
			switch {
			case t == 0:
			case s.is(t, "new-sco"):
				return observable
			case s.is(t, "new-sdo"), s.is(t, "new-sro"):
				return domain
			}
		}
	}
	if h.created == 0 && h.modified == 0 {
		return observable
	}
	return domain
}

// KnownType reports whether t is a type that STIX 2.1 defines (§4 to §8).
func KnownType(t string) bool { return structures[t] != nil }
