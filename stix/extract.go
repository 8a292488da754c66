package stix

import (
	"bytes"
	"strconv"
)

// head is where on the tape the members are that the hub reads, 0 for absent.
// Of a repeated name it holds the first.
type head struct {
	typ, id, specVersion, created, modified, createdBy, revoked uint32
	markings, granular, extensions                              uint32
	definitionType, name                                        uint32
}

// span is a piece of scanner.texts.
type span struct{ from, to uint32 }

func (p span) of(s string) string { return s[p.from:p.to] }

type markSpan struct{ id, path span }

// object makes o the Object of the value scanned last, which ends at end. It is
// made in its place: one on the stack would be moved to the heap, and copied.
func (s *scanner) object(o *Object, index int, pointer string, end int) {
	raw := s.b[s.base:end:end]
	o.Raw, o.Index = raw, index
	if s.nodes[0].kind != '{' {
		o.Pointer = pointer + strconv.Itoa(index)
		o.add(codeNotAnObject, "", "STIX 2.1 §2", "this is %s: only JSON objects can stand here", kindName(s.nodes[0].kind))
		s.blame(o)
		return
	}
	h := s.heads()
	s.extract(o, h, pointer)
	s.blame(o)
	if len(raw) > s.lim.ObjectBytes {
		o.add(codeObjectTooLarge, "", "", "the object has %d bytes and the limit is %d: leave out embedded payloads or refer to them by url", len(raw), s.lim.ObjectBytes)
		return // the tape holds no more than its beginning
	}
	if !s.validated {
		check(s, o, h)
		s.findings(o)
	}
}

// heads finds the table of the object on the tape and which of its properties
// each member is, and returns the head, which is the scanner's own.
func (s *scanner) heads() *head {
	s.lent, s.rows = 0, s.rows[:0]
	st := structures[string(s.typeName())]
	if st == nil {
		st = customDomain
	}
	m := s.resolve(st, 0)
	h := &s.head
	*h = head{typ: m.at[typeRow], id: m.at[idRow]}
	if st.class != bundle {
		h.specVersion, h.created, h.modified = m.at[specVersionRow], m.at[createdRow], m.at[modifiedRow]
		h.createdBy, h.revoked = m.at[createdByRow], m.at[revokedRow]
		h.markings, h.granular, h.extensions = m.at[markingsRow], m.at[granularRow], m.at[extensionsRow]
	}
	if st.class == marking {
		h.definitionType, h.name = m.get("definition_type"), m.get("name")
	}
	if st == customDomain && (h.typ == 0 || s.classOf(h) != domain) {
		st, m.of = customObservable, customObservable // which has its rows where the other has them
	}
	s.table = st
	return h
}

// typeName returns the type of the object on the tape, nil if it has none that
// is a string.
func (s *scanner) typeName() []byte {
	if t := s.tape.member(0, "type"); t != 0 && s.nodes[t].kind == '"' {
		return s.text(t)
	}
	return nil
}

// extract fills in what o has to say of itself. All its text is gathered
// first and becomes one string, cut into pieces: one allocation for all.
func (s *scanner) extract(o *Object, h *head, pointer string) {
	s.texts, s.refs, s.marks, s.upper = s.texts[:0], s.refs[:0], s.marks[:0], s.upper[:0]
	var at span // the pointer, unless this is a lone object
	if pointer != "" {
		s.texts = append(s.texts, pointer...)
		s.texts = strconv.AppendInt(s.texts, int64(o.Index), 10)
		at.to = uint32(len(s.texts))
	}
	typ := span{}
	known := ""
	if h.typ != 0 && s.nodes[h.typ].kind == '"' {
		if known = s.table.name; known == "" { // else it is one string for all objects of the type
			typ = s.keep(h.typ, maxTypeLen)
		}
	}
	specVersion := ""
	if h.specVersion != 0 && s.is(h.specVersion, "2.1") {
		specVersion = "2.1"
	}
	var other span
	if specVersion == "" {
		other = s.keep(h.specVersion, 16)
	}
	id, by := s.keep(h.id, maxIDLen), s.keep(h.createdBy, maxIDLen)
	created, modified := s.keep(h.created, maxTimestamp), s.keep(h.modified, maxTimestamp)
	s.keepMarks(h, at)
	s.keepRefs(h)

	all := string(s.texts)
	o.Pointer, o.ID, o.CreatedByRef = at.of(all), id.of(all), by.of(all)
	o.Created, o.Modified = created.of(all), modified.of(all)
	if o.Type = known; known == "" {
		o.Type = typ.of(all)
	}
	if o.SpecVersion = specVersion; specVersion == "" {
		o.SpecVersion = other.of(all)
	}
	o.Revoked = h.revoked != 0 && s.nodes[h.revoked].kind == 't'
	if len(s.marks) > 0 {
		o.MarkingRefs = s.marked.take(len(s.marks))
		for i, m := range s.marks {
			o.MarkingRefs[i] = MarkingRef{ID: m.id.of(all), Path: m.path.of(all)}
		}
	}
	o.Refs = s.distinct(all)
	if known == "marking-definition" {
		o.Definition = s.readDefinition(h)
	}
}

// keep adds the text of string node i to the texts, if it is one, whole in
// form and no longer than most bytes.
func (s *scanner) keep(i uint32, most int) span {
	from := uint32(len(s.texts))
	if n := &s.nodes[i]; i != 0 && n.kind == '"' && n.flags&badText == 0 {
		if t := s.text(i); len(t) <= most {
			s.texts = append(s.texts, t...)
		}
	}
	return span{from, uint32(len(s.texts))}
}

// keepMarks gathers the well-formed references to markings, object first.
func (s *scanner) keepMarks(h *head, at span) {
	if a := h.markings; a != 0 && s.nodes[a].kind == '[' {
		for i := a + 1; i < s.nodes[a].next; i = s.nodes[i].next {
			s.keepMark(i, at)
		}
	}
	if a := h.granular; a != 0 && s.nodes[a].kind == '[' {
		for i := a + 1; i < s.nodes[a].next; i = s.nodes[i].next {
			// Every marking_ref of it, should the name be repeated: of a
			// refused object, but none may be overlooked.
			for m := i + 1; s.nodes[i].kind == '{' && m < s.nodes[i].next; m = s.nodes[m].next {
				if string(s.name(m)) == "marking_ref" {
					s.keepMark(m, at)
				}
			}
		}
	}
}

func (s *scanner) keepMark(i uint32, at span) {
	if s.nodes[i].kind != '"' || !validIDOf("marking-definition", s.text(i)) {
		return
	}
	id := s.keep(i, maxIDLen)
	from := uint32(len(s.texts))
	s.texts = append(s.texts, s.texts[at.from:at.to]...)
	s.texts = s.appendPointer(s.texts, i)
	s.marks = append(s.marks, markSpan{id, span{from, uint32(len(s.texts))}})
}

// keepRefs gathers every well-formed identifier that the object refers to.
func (s *scanner) keepRefs(h *head) {
	for i := uint32(1); i < uint32(len(s.nodes)); i++ {
		n := &s.nodes[i]
		if n.kind != '"' && n.kind != '[' || s.nodes[n.parent].kind != '{' {
			continue
		}
		name := s.name(i)
		if k := len(name); k < len("_ref") || name[k-1] != 'f' && name[k-1] != 's' {
			continue // as nearly all
		}
		switch {
		case n.kind == '"' && bytes.HasSuffix(name, []byte("_ref")):
			s.keepRef(i, s.text(i))
		case n.kind == '[' && bytes.HasSuffix(name, []byte("_refs")):
			for m := i + 1; m < n.next; m = s.nodes[m].next {
				if s.nodes[m].kind == '"' {
					s.keepRef(m, s.text(m))
				}
			}
		}
	}
	if e := h.extensions; e != 0 && s.nodes[e].kind == '{' {
		for m := e + 1; m < s.nodes[e].next; m = s.nodes[m].next {
			s.keepRef(m, s.name(m))
		}
	}
}

// keepRef gathers id, read at node i, if it is well-formed, and notes the node
// if only the case of its UUID is wrong.
func (s *scanner) keepRef(i uint32, id []byte) {
	if !validID(id) {
		if len(s.upper) < maxFindings && upperID(id) {
			s.upper = append(s.upper, i)
		}
		return
	}
	s.nodes[i].flags |= isID
	from := uint32(len(s.texts))
	s.texts = append(s.texts, id...)
	s.refs = append(s.refs, span{from, uint32(len(s.texts))})
}

// distinct cuts the references out of all, each text once, in the order of
// their first appearance.
func (s *scanner) distinct(all string) []string {
	if len(s.refs) == 0 {
		return nil
	}
	out := s.strings.take(len(s.refs))[:0]
	var seen map[string]bool
	if len(s.refs) > 32 {
		seen = make(map[string]bool, len(s.refs))
	}
next:
	for _, p := range s.refs {
		t := p.of(all)
		if seen != nil {
			if seen[t] {
				continue
			}
			seen[t] = true
		} else {
			for _, o := range out {
				if o == t {
					continue next
				}
			}
		}
		out = append(out, t)
	}
	return out
}
