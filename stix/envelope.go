package stix

// CheckBundle holds the bundle itself, without its objects, to STIX 2.1 §8:
// what Split passes over, for a bundle only carries objects and is not kept. It
// returns nothing for what is no bundle.
func CheckBundle(payload []byte) []Finding {
	s := newScanner(payload, Limits{PayloadBytes: maxPayload, ObjectBytes: maxPayload}.orDefault())
	defer s.release()
	if len(payload) > maxPayload || s.value(0) < 0 || s.nodes[0].kind != '{' {
		return nil
	}
	h := s.heads()
	if h.typ == 0 || !s.is(h.typ, "bundle") {
		return nil
	}
	var o Object
	s.extract(&o, h, "")
	c := checker{s: s, o: &o, h: h}
	c.resolved(s.fields[0], 0)
	s.findings(&o)
	return o.Findings
}
