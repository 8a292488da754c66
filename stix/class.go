package stix

// class is which of the four sorts of object a type is: they differ in the
// common properties they must have (STIX 2.1 §3.2).
type class uint8

const (
	custom     class = iota // not a type of the specification
	domain                  // SDO, and what is versioned as one
	relation                // SRO
	observable              // SCO
	marking                 // marking-definition: created, never modified
	bundle
)

// common tells whether objects of the class must have spec_version, created
// and, but for markings, modified. Nothing is asked of one without a type.
func (c class) common() bool { return c != observable && c != custom }

// classes holds every type of STIX 2.1 with its class and its name, which
// serves to share one string among all objects.
var classes = func() map[string]struct {
	name  string
	class class
} {
	m := make(map[string]struct {
		name  string
		class class
	})
	for c, names := range map[class][]string{
		domain: {"attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident",
			"indicator", "infrastructure", "intrusion-set", "location", "malware", "malware-analysis",
			"note", "observed-data", "opinion", "report", "threat-actor", "tool", "vulnerability",
			"language-content", "extension-definition"},
		relation: {"relationship", "sighting"},
		observable: {"artifact", "autonomous-system", "directory", "domain-name", "email-addr",
			"email-message", "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic",
			"process", "software", "url", "user-account", "windows-registry-key", "x509-certificate"},
		marking: {"marking-definition"},
		bundle:  {"bundle"},
	} {
		for _, n := range names {
			e := m[n]
			e.name, e.class = n, c
			m[n] = e
		}
	}
	return m
}()

// classOf tells the class of the object on the tape. A type the specification
// does not know is a cyber-observable if an extension says so, or if it has
// neither created nor modified and no extension says otherwise; else it is held
// to the rules of a domain object.
func (s *scanner) classOf(h *head) class {
	if h.typ == 0 || s.nodes[h.typ].kind != '"' {
		return custom
	}
	if c := classes[string(s.text(h.typ))].class; c != custom {
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
func KnownType(t string) bool {
	_, ok := classes[t]
	return ok
}
