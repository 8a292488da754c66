package stix

// CheckBundle holds the bundle itself, without its objects, to STIX 2.1 §8:
// what Split passes over, for a bundle only carries objects and is not kept. It
// returns nothing for what is no bundle.
func CheckBundle(payload []byte) []Finding {
	s := newScanner(payload, Limits{PayloadBytes: maxPayload, ObjectBytes: maxPayload}.orDefault())
	defer s.release()
	if len(payload) > maxPayload || !s.whole() || s.nodes[0].kind != '{' {
		return nil
	}
	h := s.heads()
	if h.typ == 0 || !s.is(h.typ, "bundle") {
		return nil
	}
	var o Object
	s.extract(&o, h, "")
	c := checker{s: s, o: &o, h: h}
	for k := uint32(1); k < s.nodes[0].next; k = s.nodes[k].next {
		if s.nodes[k].kind == 'n' || s.nodes[k].next == k+1 {
			c.nothing(k)
		}
	}
	c.resolved(s.fields[0], 0)
	s.findings(&o)
	return o.Findings
}
