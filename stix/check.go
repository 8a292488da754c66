package stix

import (
	"fmt"
)

// add records a finding that refuses the object; path is relative to it.
func (o *Object) add(code, path, section, format string, args ...any) {
	if len(o.Findings) >= maxFindings {
		return
	}
	o.Findings = append(o.Findings, Finding{
		Severity: Error, Code: code, Path: o.Pointer + path, Section: section, Message: fmt.Sprintf(format, args...),
	})
}

// blame turns the flaws of the value scanned last into findings on o.
func (s *scanner) blame(o *Object) {
	for _, f := range s.flaws {
		path := string(s.appendPointer(nil, f.node))
		switch f.code {
		case codeDuplicateKey:
			o.add(f.code, path, "RFC 7493 §2.3", "the object has this name more than once: keep one of them")
		case codeInvalidUTF8:
			o.add(f.code, path, "RFC 7493 §2.1", "this text or its name is not valid UTF-8, or has half of a surrogate pair: write it in UTF-8")
		case codeNumberRange:
			o.add(f.code, path, "STIX 2.1 §2.8", "this number is beyond what every reader can hold: integers lie within ±9007199254740991, others within a 64-bit float")
		case codeTooDeep:
			o.add(f.code, path, "", "what is in here is nested deeper than %d levels: flatten it", s.lim.Depth)
		}
	}
}

// check holds the object on the tape to the rules that every object must keep
// (STIX 2.1 §3) and adds what it finds to o.
func check(s *scanner, o *Object, h *head) {
	c := checker{s, o, h, s.classOf(h)}
	c.typ()
	if c.class == bundle {
		o.add(codeInvalidType, "/type", "STIX 2.1 §8", "a bundle cannot be an object of a bundle: submit its objects themselves")
		return
	}
	c.id()
	c.specVersion()
	c.times()
	c.createdBy()
	c.markings()
	c.granular()
	c.upperCase()
	if v := h.revoked; v != 0 && s.nodes[v].kind != 't' && s.nodes[v].kind != 'f' {
		c.wrongType(v, "STIX 2.1 §3.2", "true or false")
	}
	if e := h.extensions; e != 0 && s.nodes[e].kind != '{' {
		c.wrongType(e, "STIX 2.1 §7.3", "an object")
	}
}

type checker struct {
	s     *scanner
	o     *Object
	h     *head
	class class
}

func (c *checker) fail(code string, i uint32, section, format string, args ...any) {
	c.o.add(code, string(c.s.appendPointer(nil, i)), section, format, args...)
}

func (c *checker) wrongType(i uint32, section, want string) {
	c.fail(codeWrongType, i, section, "this is %s and must be %s", kindName(c.s.nodes[i].kind), want)
}

func (c *checker) missing(name, section, format string, args ...any) {
	c.o.add(codeMissingProperty, "/"+name, section, format, args...)
}

// str returns the text of member i and whether it is a string at all; if not,
// it says so.
func (c *checker) str(i uint32, section string) ([]byte, bool) {
	if c.s.nodes[i].kind != '"' {
		c.wrongType(i, section, "a string")
		return nil, false
	}
	return c.s.text(i), true
}

func (c *checker) typ() {
	const section = "STIX 2.1 §3.1"
	if c.h.typ == 0 {
		c.missing("type", section, "type is missing: add the name of the object's type, such as \"indicator\"")
		return
	}
	if t, ok := c.str(c.h.typ, section); ok && !validType(t) {
		c.fail(codeInvalidType, c.h.typ, section, "a type is 3 to 250 lower-case letters, digits and single hyphens, beginning with a letter")
	}
}

func (c *checker) id() {
	const section = "STIX 2.1 §2.9"
	if c.h.id == 0 {
		c.missing("id", section, "id is missing: add an identifier made of the type, two hyphens and a UUID")
		return
	}
	id, ok := c.str(c.h.id, section)
	if !ok {
		return
	}
	typ, uuid, ok := splitID(id)
	switch {
	case !ok:
		c.fail(codeInvalidID, c.h.id, section, "an id is the object's type, two hyphens and a UUID, such as \"indicator--\" and \"1f9a2b34-5c6d-4e7f-8a9b-0c1d2e3f4a5b\"")
	case upperUUID(uuid):
		c.fail(codeInvalidID, c.h.id, section, lowerCase)
	case !validUUID(uuid):
		c.fail(codeInvalidID, c.h.id, section, "the UUID of an id is one of RFC 4122, version 1 to 5: the first digit of its third group is 1 to 5 and that of its fourth is 8, 9, a or b")
	case c.h.typ != 0 && !c.s.is(c.h.typ, string(typ)):
		c.fail(codeInvalidID, c.h.id, section, "the id does not begin with the object's type: one of the two is wrong")
	}
}

const lowerCase = "write the UUID of an identifier in lower case (RFC 4122 §3): in two spellings it would be two objects"

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
		c.fail(code, i, "STIX 2.1 §2.9", lowerCase)
	}
}

func (c *checker) specVersion() {
	const section = "STIX 2.1 §3.2"
	const mend = "objects of STIX 2.0 are converted first, for example with stix2-elevator"
	i := c.h.specVersion
	if i == 0 {
		if c.class.common() {
			c.missing("spec_version", section, "spec_version is missing: write \"spec_version\": \"2.1\" on objects of STIX 2.1; %s", mend)
		}
		return
	}
	v, ok := c.str(i, section)
	switch {
	case !ok || string(v) == "2.1":
	case string(v) == "2.0":
		c.fail(codeInvalidSpecVersion, i, section, "this is an object of STIX 2.0 and only 2.1 is taken: %s", mend)
	default:
		c.fail(codeInvalidSpecVersion, i, section, "spec_version must be \"2.1\"")
	}
}

func (c *checker) times() {
	const section = "STIX 2.1 §3.2"
	if c.class.common() && c.h.created == 0 {
		c.missing("created", section, "created is missing: add when the object was first made, such as \"2025-01-31T12:00:00.000Z\"")
	}
	if c.class.common() && c.class != marking && c.h.modified == 0 {
		c.missing("modified", section, "modified is missing: add when this version was made; on a first version it equals created")
	}
	created, ok := c.timestamp(c.h.created)
	modified, also := c.timestamp(c.h.modified)
	for _, t := range []uint32{c.h.created, c.h.modified} {
		if c.class.common() && t != 0 && c.s.nodes[t].kind == '"' && coarse(c.s.text(t)) {
			c.fail(codeInvalidTimestamp, t, section, "this must be precise to the millisecond: three digits or more after the seconds, such as \"12:00:00.000Z\"")
		}
	}
	if ok && also && compareTimestamps(modified, created) < 0 {
		c.fail(codeInvalidTimestamp, c.h.modified, "STIX 2.1 §3.6", "modified is before created: a version cannot be older than its object")
	}
}

// timestamp returns the value of member i if it is there and well-formed.
func (c *checker) timestamp(i uint32) ([]byte, bool) {
	const section = "STIX 2.1 §2.16"
	if i == 0 {
		return nil, false
	}
	t, ok := c.str(i, section)
	if ok && !validTimestamp(t) {
		c.fail(codeInvalidTimestamp, i, section, "a timestamp is a date of the calendar and a time in UTC, such as \"2025-01-31T12:00:00.000Z\"")
		return nil, false
	}
	return t, ok
}

func (c *checker) createdBy() {
	const section = "STIX 2.1 §3.2"
	i := c.h.createdBy
	if i == 0 {
		return
	}
	// That it is an identity's the specification describes and does not demand.
	if v, ok := c.str(i, section); ok && !validID(v) && !upperID(v) {
		c.fail(codeInvalidReference, i, section, "created_by_ref must be an identifier: \"identity--\" and a UUID")
	}
}

func (c *checker) markings() {
	const section = "STIX 2.1 §7.2.2"
	a := c.h.markings
	if a == 0 {
		return
	}
	s := c.s
	if s.nodes[a].kind != '[' {
		c.wrongType(a, section, "a list of marking-definition identifiers")
		return
	}
	if s.nodes[a].next == a+1 {
		c.fail(codeInvalidMarkingRef, a, section, "object_marking_refs is empty: name a marking or leave the property out")
	}
	for i := a + 1; i < s.nodes[a].next; i = s.nodes[i].next {
		c.markingRef(i, section)
	}
}

func (c *checker) markingRef(i uint32, section string) {
	if n := &c.s.nodes[i]; n.kind != '"' {
		c.fail(codeInvalidMarkingRef, i, section, "this is %s and must be the identifier of a marking-definition", kindName(n.kind))
	} else if id := c.s.text(i); !validIDOf("marking-definition", id) && !upperID(id) {
		c.fail(codeInvalidMarkingRef, i, section, "a marking is referred to by \"marking-definition--\" and a UUID")
	}
}

func (c *checker) granular() {
	const section = "STIX 2.1 §7.2.3"
	a := c.h.granular
	if a == 0 {
		return
	}
	s := c.s
	if s.nodes[a].kind != '[' {
		c.wrongType(a, section, "a list of objects")
		return
	}
	for i := a + 1; i < s.nodes[a].next; i = s.nodes[i].next {
		if s.nodes[i].kind != '{' {
			c.wrongType(i, section, "an object with selectors and a marking_ref or lang")
			continue
		}
		if m := s.tape.member(i, "marking_ref"); m != 0 {
			c.markingRef(m, section)
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
