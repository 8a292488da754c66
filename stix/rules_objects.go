package stix

import "bytes"

// Rules of single object types.

// numbered: an id of a catalogue is written as that has it and under its name;
// STIX 2.1 §4.1 of CAPEC, §4.19 of CVE. Another source may have given the number
// too, beside the reference that names the catalogue.
func numbered(catalogue, example string, isNumber func([]byte) bool) rule {
	form := "this must be an identifier such as \"" + example + "\""
	lacks := "a reference to " + catalogue + " must have an external_id: add it"
	name := "the source_name of such an identifier must be \"" + catalogue + "\""
	return func(c *checker, m *fields) {
		s := c.s
		list := m.get("external_references")
		if list == 0 || s.nodes[list].kind != '[' {
			return
		}
		named, misnamed := false, uint32(0)
		for k := list + 1; k < s.nodes[list].next; k = s.nodes[k].next {
			source, id := s.tape.member(k, "source_name"), s.tape.member(k, "external_id")
			ours := source != 0 && s.is(source, catalogue)
			isText := id != 0 && s.nodes[id].kind == '"'
			switch {
			case ours && id == 0:
				s.noteMissing(Error, k, "external_id", m.of.section, lacks)
			case ours && isText && !isNumber(s.text(id)):
				c.refuse(codeInvalidValue, id, m.of.section, form)
			case ours:
				named = true
			case isText && source != 0 && isNumber(s.text(id)) && misnamed == 0:
				misnamed = source
			}
		}
		if misnamed != 0 && !named {
			c.refuse(codeInvalidValue, misnamed, m.of.section, name)
		}
	}
}

func isCVE(t []byte) bool {
	t, ok := bytes.CutPrefix(t, []byte("CVE-"))
	return ok && digits(t, 0) == 4 && len(t) >= 9 && t[4] == '-' && digits(t, 5) == len(t)
}

func isCAPEC(t []byte) bool {
	t, ok := bytes.CutPrefix(t, []byte("CAPEC-"))
	return ok && len(t) > 0 && digits(t, 0) == len(t)
}

// placed: a location says where it is, STIX 2.1 §4.10.
func placed(c *checker, m *fields) {
	lat, long := m.get("latitude"), m.get("longitude")
	switch {
	case lat == 0 && long == 0 && !m.has("region") && !m.has("country"):
		c.s.noteMissing(Error, m.node, "region", m.of.section, "one of region, country, or latitude and longitude must be there: add it")
	case lat != 0 && long == 0:
		c.s.noteMissing(Error, m.node, "longitude", m.of.section, "latitude must not be there without longitude: add it")
	case lat == 0 && long != 0:
		c.s.noteMissing(Error, m.node, "latitude", m.of.section, "longitude must not be there without latitude: add it")
	}
	if p := m.get("precision"); p != 0 && (lat == 0 || long == 0) {
		c.refuse(codeConflicting, p, m.of.section, "precision must not be there without latitude and longitude")
	}
}

// malwareFamily: a family has a name, STIX 2.1 §4.11.
func malwareFamily(c *checker, m *fields) {
	if f := m.get("is_family"); f != 0 && c.s.nodes[f].kind == 't' && !m.has("name") {
		c.s.noteMissing(Error, m.node, "name", m.of.section, "a malware family must have a name: add it")
	}
}

// analysed: an analysis has a result, STIX 2.1 §4.12.
func analysed(c *checker, m *fields) {
	if !m.has("result") && !m.has("analysis_sco_refs") {
		c.s.noteMissing(Error, m.node, "result", m.of.section, "one of result and analysis_sco_refs must be there: add it")
	}
}

// observed: observed data are in one of two places, and refer to at least one
// cyber-observable, STIX 2.1 §4.14.
func observed(c *checker, m *fields) {
	objects, refs := m.get("objects"), m.get("object_refs")
	switch {
	case objects == 0 && refs == 0:
		c.s.noteMissing(Error, m.node, "object_refs", m.of.section, "object_refs must be there: name the cyber-observables that were seen")
	case objects != 0 && refs != 0:
		c.refuse(codeConflicting, objects, m.of.section, "only one of objects and object_refs can be there: leave objects out")
	}
	if refs == 0 || c.s.nodes[refs].kind != '[' {
		return
	}
	for k := refs + 1; k < c.s.nodes[refs].next; k = c.s.nodes[k].next {
		if c.s.nodes[k].kind != '"' {
			return // told
		}
		typ, _, ok := splitID(c.s.text(k))
		if cl := classByName(typ); !ok || cl == observable || cl == custom {
			return
		}
	}
	c.refuse(codeWrongTarget, refs, m.of.section, "this must refer to at least one cyber-observable")
}

// suggested: relationships should be those that the specification knows, STIX
// 2.1 §3.7, §5.1.
func suggested(c *checker, m *fields) {
	t, source, target := m.get("relationship_type"), m.get("source_ref"), m.get("target_ref")
	for _, k := range []uint32{t, source, target} {
		if k == 0 || c.s.nodes[k].kind != '"' {
			return
		}
	}
	from, _, ok := splitID(c.s.text(source))
	to, _, also := splitID(c.s.text(target))
	if !ok || !also || classByName(from) == custom || classByName(to) == custom {
		return
	}
	if !suggestedRelationship(from, c.s.text(t), to) {
		c.warn(codeRelationship, t, m.of.section, "the specification does not suggest this relationship between objects of these two types: use one that it does where it fits")
	}
}

// artifactContent: the content of an artifact is in one of two places, STIX
// 2.1 §6.1.
func artifactContent(c *checker, m *fields) {
	payload, url := m.get("payload_bin"), m.get("url")
	switch {
	case payload == 0 && url == 0:
		c.s.noteMissing(Error, m.node, "payload_bin", m.of.section, "one of payload_bin and url must be there: add it")
	case payload != 0 && url != 0:
		c.refuse(codeConflicting, url, m.of.section, "only one of payload_bin and url can be there: leave one out")
	}
	if url != 0 && !m.has("hashes") {
		c.s.noteMissing(Error, m.node, "hashes", m.of.section, "an artifact with a url must have hashes: add them")
	}
	if k := m.get("decryption_key"); k != 0 && !m.has("encryption_algorithm") {
		c.refuse(codeConflicting, k, m.of.section, "decryption_key must not be there without encryption_algorithm")
	}
}

// emailBody: the body is in the property that is_multipart tells, STIX 2.1 §6.6.
func emailBody(c *checker, m *fields) {
	k := m.get("is_multipart")
	if k == 0 {
		return
	}
	body, parts := m.get("body"), m.get("body_multipart")
	switch {
	case c.s.nodes[k].kind == 't' && body != 0:
		c.refuse(codeConflicting, body, m.of.section, "body must not be there if is_multipart is true: use body_multipart")
	case c.s.nodes[k].kind == 'f' && parts != 0:
		c.refuse(codeConflicting, parts, m.of.section, "body_multipart must not be there if is_multipart is false: use body")
	}
}

// activeTraffic: what is active has no end, STIX 2.1 §6.12.
func activeTraffic(c *checker, m *fields) {
	if k := m.get("is_active"); k != 0 && c.s.nodes[k].kind == 't' && m.has("end") {
		c.refuse(codeConflicting, m.get("end"), m.of.section, "end must not be there if is_active is true")
	}
}

// defined: a marking-definition says what it defines, and TLP is only what the
// specification prints, STIX 2.1 §7.2.1.
func defined(c *checker, m *fields) {
	s := c.s
	for _, list := range []uint32{m.get("object_marking_refs"), m.get("granular_markings")} {
		for k := list + 1; list != 0 && k < s.nodes[list].next; k++ {
			if s.nodes[k].kind == '"' && string(s.text(k)) == c.o.ID && c.o.ID != "" {
				c.refuse(codeInvalidMarking, k, "STIX 2.1 §3.2", "a marking cannot mark itself: leave the reference out")
			}
		}
	}
	kind, definition := m.get("definition_type"), m.get("definition")
	if !m.has("extensions") {
		for _, n := range []string{"definition_type", "definition"} {
			if !m.has(n) {
				s.noteMissing(Error, m.node, n, m.of.section, n+" must be there unless an extension defines the marking: add it")
			}
		}
	}
	if kind == 0 || s.nodes[kind].kind != '"' || definition == 0 {
		return
	}
	if s.nodes[definition].kind != '{' {
		c.wrongType(definition, m.of.section, "an object")
		return
	}
	switch string(s.text(kind)) {
	case "statement":
		if t := s.tape.member(definition, "statement"); t == 0 {
			s.noteMissing(Error, definition, "statement", "STIX 2.1 §7.2.1.3", "a statement marking must have a statement: add it")
		} else if s.nodes[t].kind != '"' {
			c.wrongType(t, "STIX 2.1 §7.2.1.3", "a string")
		}
	case "tlp":
		c.literalTLP(m, definition)
	}
}

// literalTLP: the four TLP markings have their identifier, their time and their
// level, and there are no others.
func (c *checker) literalTLP(m *fields, definition uint32) {
	const section = "STIX 2.1 §7.2.1.4"
	s := c.s
	t := s.tape.member(definition, "tlp")
	for id, l := range tlp1 {
		if c.o.ID != id {
			continue
		}
		if t == 0 || !s.is(t, l) {
			c.refuse(codeTLPLookalike, m.node, section, "this is the identifier of another level of TLP: leave the definition out, every reader knows it")
		}
		if a, ok := c.moment(m.get("created")); ok && compareTimestamps(a, []byte("2017-01-20T00:00:00.000Z")) != 0 {
			c.refuse(codeInvalidMarking, m.get("created"), section, "TLP markings were created at 2017-01-20T00:00:00.000Z: leave the definition out, every reader knows it")
		}
		return
	}
	if _, known := KnownTLP(c.o.ID); known {
		return // OpenCTI's own, which Mark holds to its level
	}
	c.refuse(codeTLPLookalike, m.node, section, "only the four TLP markings of the specification may be used: refer to them and leave this out")
}

// tlp1 holds the four, as STIX 2.1 §7.2.1.4 has them.
var tlp1 = map[string]string{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "amber",
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
}
