package stix

import (
	"cmp"
	"fmt"
	"slices"
)

const codeLanguageContent = "language-content"

// translated is a language-content (STIX 2.1 §7.1) and what it translates.
type translated struct {
	at            int // its position among the objects
	ref, modified string
}

// translate holds the language-contents against the objects they translate.
// Those of one version of an object are looked at in a row, so that it is read
// once for all of them.
func (s *sameUUID) translate() {
	text := newScanner(nil, wholeObject)
	defer text.release()
	target := newScanner(nil, wholeObject)
	defer target.release()
	m := mirror{text: text, target: target}

	list := make([]translated, 0, len(s.translations))
	for _, i := range s.translations {
		t := translated{at: i}
		if o := s.objects[i]; !o.refused() && m.read(text, o) {
			t.ref, t.modified = m.str("object_ref"), m.str("object_modified")
		}
		if len(t.ref) > uuidLen && (t.modified == "" || validTimestamp([]byte(t.modified))) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b translated) int {
		if c := cmp.Compare(a.ref, b.ref); c != 0 || a.modified == "" || b.modified == "" {
			return cmp.Or(c, cmp.Compare(a.modified, b.modified))
		}
		return compareInstants(a.modified, b.modified)
	})
	var versions []*Object
	var read *Object // that m.target holds
	for k, t := range list {
		if k == 0 || list[k-1].ref != t.ref {
			versions = s.versionsOf(t.ref)
		}
		if len(versions) == 0 {
			continue // it is not here, which is no fault
		}
		o := s.objects[t.at]
		v := versionAt(versions, t.modified, o)
		if v == nil || v == o || !m.read(text, o) {
			continue
		}
		if v != read {
			if !m.read(target, v) {
				continue
			}
			read, m.names, m.lengths = v, map[uint32]map[string]uint32{}, map[uint32]int{}
		}
		m.compare(o)
	}
}

// wholeObject are limits for what has passed Split.
var wholeObject = Limits{ObjectBytes: maxPayload, Depth: maxPayload}

// versionsOf returns the objects with an identifier that are not refused, the
// oldest version first.
func (s *sameUUID) versionsOf(id string) []*Object {
	_, _, last := s.find(id)
	if last < 0 {
		return nil
	}
	var out []*Object
	for _, i := range s.group(last) {
		if o := s.objects[i]; o.ID == id && !o.refused() {
			out = append(out, o)
		}
	}
	if slices.ContainsFunc(out, (*Object).hasVersions) {
		out = slices.DeleteFunc(out, func(o *Object) bool { return !o.hasVersions() })
		slices.SortStableFunc(out, func(a, b *Object) int { return compareInstants(a.Modified, b.Modified) })
	}
	return out
}

// versionAt picks the version that a language-content names, the latest where
// it names none. That the one named is not here is no fault if there can be
// such a version at all; the submitter is told, for it may be a slip.
func versionAt(versions []*Object, modified string, o *Object) *Object {
	const path, section = "/object_modified", "STIX 2.1 §7.1"
	newest := versions[len(versions)-1]
	switch {
	case modified == "":
		return newest
	case !newest.hasVersions():
		o.tell(Finding{Error, codeLanguageContent, o.Pointer + path, section,
			"what this translates has no versions: leave object_modified out"})
		return nil
	case compareInstants(modified, newest.Created) < 0:
		o.tell(Finding{Error, codeLanguageContent, o.Pointer + path, section,
			"what this translates was created later than that: object_modified is the modified time of the version translated"})
		return nil
	}
	k, here := slices.BinarySearchFunc(versions, modified, func(v *Object, t string) int { return compareInstants(v.Modified, t) })
	if !here {
		o.tell(Finding{Warning, codeLanguageContent, o.Pointer + path, section,
			"the submission has what this translates, but not this version of it: object_modified is the modified time of the version translated"})
		return nil
	}
	return versions[k]
}

// mirror holds the contents of a language-content against what they translate:
// they have its structure, in part or in whole (STIX 2.1 §7.1.1).
type mirror struct {
	text, target *scanner

	// Of containers of the target, once they were asked for: the members of
	// objects and the lengths of lists.
	names   map[uint32]map[string]uint32
	lengths map[uint32]int

	queue   []mirrored
	ignored int    // names that translate nothing
	first   uint32 // the first of them
}

// mirrored is a container of the translation and the one of the target that it
// mirrors, of the same kind.
type mirrored struct{ text, target uint32 }

func (m *mirror) read(s *scanner, o *Object) bool {
	s.b = o.Raw
	return s.value(0) >= 0 && s.nodes[0].kind == '{'
}

// str returns a property of the language-content, "" if it is no string.
func (m *mirror) str(name string) string {
	if i := m.text.tape.member(0, name); i != 0 && m.text.nodes[i].kind == '"' {
		return string(m.text.text(i))
	}
	return ""
}

// compare walks the contents in each language beside the target. Time is linear
// in the contents, and in the target once.
func (m *mirror) compare(o *Object) {
	m.queue, m.ignored = m.queue[:0], 0
	s := m.text
	contents := s.tape.member(0, "contents")
	if contents == 0 || s.nodes[contents].kind != '{' {
		return
	}
	for i := contents + 1; i < s.nodes[contents].next; i = s.nodes[i].next {
		if s.nodes[i].kind == '{' {
			m.queue = append(m.queue, mirrored{i, 0})
		}
	}
	for k := 0; k < len(m.queue) && len(o.Findings) < maxFindings; k++ {
		if p := m.queue[k]; s.nodes[p.text].kind == '{' {
			m.members(o, p)
		} else {
			m.items(o, p)
		}
	}
	if m.ignored > 0 {
		o.tell(Finding{Warning, codeLanguageContent, o.Pointer + string(s.appendPointer(nil, m.first)), "STIX 2.1 §7.1.1",
			fmt.Sprintf("what this translates has no text of that name, which makes readers ignore it (%d such in all): the names are those of the properties translated", m.ignored)})
	}
}

func (m *mirror) members(o *Object, p mirrored) {
	names := m.namesOf(p.target)
	for i := p.text + 1; i < m.text.nodes[p.text].next; i = m.text.nodes[i].next {
		t := names[string(m.text.name(i))]
		if t == 0 || !isText(m.target.nodes[t].kind) {
			// Readers have to pass over them, so they do no harm (§7.1.1).
			if m.ignored++; m.ignored == 1 {
				m.first = i
			}
			continue
		}
		m.pair(o, i, t)
	}
}

// items compares lists of the same length.
func (m *mirror) items(o *Object, p mirrored) {
	t := p.target + 1
	for i := p.text + 1; i < m.text.nodes[p.text].next; i = m.text.nodes[i].next {
		// An empty string stands for what is not translated (§7.1.1).
		if !m.text.is(i, "") && isText(m.target.nodes[t].kind) {
			m.pair(o, i, t)
		}
		t = m.target.nodes[t].next
	}
}

func isText(kind byte) bool { return kind == '"' || kind == '[' || kind == '{' }

// pair compares a value with the one it translates, and queues what is in it.
func (m *mirror) pair(o *Object, i, t uint32) {
	got, want := m.text.nodes[i].kind, m.target.nodes[t].kind
	if got != want {
		m.tell(o, i, fmt.Sprintf("this is %s and what it translates is %s", kindName(got), kindName(want)))
		return
	}
	if got == '[' {
		if n, all := m.text.count(i), m.lengthOf(t); n != all {
			m.tell(o, i, fmt.Sprintf("this list has %d elements and what it translates has %d: write \"\" for those that are not translated", n, all))
			return
		}
	}
	if got != '"' {
		m.queue = append(m.queue, mirrored{i, t})
	}
}

func (m *mirror) tell(o *Object, i uint32, message string) {
	o.tell(Finding{Error, codeLanguageContent, o.Pointer + string(m.text.appendPointer(nil, i)), "STIX 2.1 §7.1.1", message})
}

// namesOf returns the members of an object of the target by name.
func (m *mirror) namesOf(t uint32) map[string]uint32 {
	names := m.names[t]
	if names == nil {
		names = map[string]uint32{}
		for i := t + 1; i < m.target.nodes[t].next; i = m.target.nodes[i].next {
			names[string(m.target.name(i))] = i
		}
		m.names[t] = names
	}
	return names
}

func (m *mirror) lengthOf(t uint32) int {
	n, counted := m.lengths[t]
	if !counted {
		n = m.target.count(t)
		m.lengths[t] = n
	}
	return n
}

// count returns how many values are directly in container c.
func (t *tape) count(c uint32) (n int) {
	for i := c + 1; i < t.nodes[c].next; i = t.nodes[i].next {
		n++
	}
	return n
}
