package stix

import "github.com/google/uuid"

// observableID: the identifier of a cyber-observable is deterministic, or
// random where nothing of it contributes, STIX 2.1 §2.9.
func observableID(c *checker, m *fields) {
	const section = "STIX 2.1 §2.9"
	s := c.s
	k := m.get("id")
	if m.node != 0 || k == 0 || s.nodes[k].kind != '"' || len(s.flaws) > 0 {
		return
	}
	_, id, ok := splitID(s.text(k))
	if !ok || !validUUID(id) {
		return
	}
	byName := id[14] == '5'
	if m.of.name == "process" && id[14] != '4' {
		c.refuse(codeInvalidID, k, "STIX 2.1 §6.13", "a process must have a random identifier: a UUID of version 4")
		return
	}
	u, contributes := s.scoUUID(m.of.name)
	declared, _ := uuid.ParseBytes(id)
	switch {
	case !contributes && m.of.name == "process":
	case !contributes && byName:
		c.refuse(codeInvalidID, k, section, "none of the properties that make an identifier is there: the UUID must be a random one, of version 4")
	case !contributes:
	case declared == u:
		if m.has("created") || m.has("modified") {
			c.refuse(codeInvalidID, k, "STIX 2.1 §3.6", "an observable that is versioned must not have the identifier made of its properties: use another")
		}
	case byName:
		c.warn(codeSCOID, k, section, "this is not the identifier that its properties make: others will know the same observable under another; selat stix id computes it")
	default:
		c.warn(codeSCOID, k, section, "the UUID should be the one that the properties make, of version 5: selat stix id computes it")
	}
}
