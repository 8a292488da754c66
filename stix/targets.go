package stix

import (
	"slices"
	"strings"
)

// targets says what a reference may point to (STIX 2.1 §2.9, and the rows of
// the tables). An object type that the specification does not know may be any.
type targets struct {
	names []string // types by name, or
	allow func(c class) bool
	never string // a type that is not allowed all the same
	must  string // what is said of others
}

// to allows the types of the names, and no others.
func to(names ...string) *targets {
	return &targets{names: names, must: "this must refer to an object of type " + strings.Join(names, " or ")}
}

func ref(t *targets) value { return value{kind: identifierKind, refs: t} }

var (
	markingDefinition = to("marking-definition")

	// anyObject is also what created_by_ref may refer to: that it is an identity
	// the specification describes and does not demand.
	anyObject = &targets{
		allow: func(c class) bool { return c != bundle },
		must:  "this must refer to a STIX object; a bundle is none",
	}
	translatable = &targets{
		allow: func(c class) bool { return c != bundle },
		never: "language-content",
		must:  "this must refer to the object that is translated, which is no bundle and no translation",
	}
	anySDO = &targets{
		allow: func(c class) bool { return c == domain || c == custom },
		must:  "this must refer to a domain object",
	}
	anySCO = &targets{
		allow: func(c class) bool { return c == observable || c == custom },
		must:  "this must refer to a cyber-observable",
	}
	anySDOorSCO = &targets{
		allow: func(c class) bool { return c == domain || c == observable || c == custom },
		must:  "a relationship links domain objects and cyber-observables only, and never bundles, markings, language content or other relationships",
	}
	anySCOorSRO = &targets{
		allow: func(c class) bool { return c == observable || c == relation || c == custom },
		must:  "observed data refer to cyber-observables and to relationships between them",
	}
)

// allowed tells whether a reference may point to this type.
func (t *targets) allowed(typ []byte) bool {
	if t.allow != nil {
		return t.allow(classByName(typ)) && (t.never == "" || t.never != string(typ))
	}
	return slices.ContainsFunc(t.names, func(n string) bool { return n == string(typ) })
}

// reference holds node i to be an identifier of the targets.
func (c *checker) reference(i uint32, t *targets, section string) {
	code := codeInvalidReference
	if t == markingDefinition {
		code = codeInvalidMarkingRef
	}
	if c.contents != nil && t != markingDefinition {
		c.contained(i, t)
		return
	}
	if c.s.nodes[i].kind != '"' {
		if t == markingDefinition && c.s.nodes[i].kind != 'n' {
			c.refusef(code, i, section, "this is %s and must be the identifier of a marking-definition", kindName(c.s.nodes[i].kind))
			return
		}
		c.wrongType(i, section, "an identifier")
		return
	}
	id := c.s.text(i)
	typ, uuid, ok := splitID(id)
	if c.s.nodes[i].flags&isID != 0 && t.allowed(typ) {
		return
	}
	switch {
	case ok && validUUID(uuid) && t.allowed(typ) && (t.allow == nil || validType(typ)):
	case ok && upperUUID(uuid) && validType(typ): // told by upperCase
	case !ok || !validUUID(uuid) || !validType(typ):
		c.refuse(code, i, "STIX 2.1 §2.9", "this must be an identifier: the type of the object it refers to, two hyphens and a UUID")
	case t == markingDefinition:
		c.refuse(code, i, section, "a marking is referred to by \"marking-definition--\" and a UUID")
	default:
		c.refuse(codeWrongTarget, i, section, t.must)
	}
}
