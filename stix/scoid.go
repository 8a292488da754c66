package stix

import (
	"bytes"
	"crypto/sha1"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// scoNamespace is the namespace of the identifiers of cyber-observables, and
// must not be that of any other object's (STIX 2.1 §2.9).
var scoNamespace = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")

// scoContributors holds the ID Contributing Properties of each type of
// cyber-observable, as the specification lists them. They are kept sorted,
// which is the order RFC 8785 puts them in.
var scoContributors = func() map[string][]string {
	m := map[string][]string{
		"artifact":          {"hashes", "payload_bin"},                                // §6.1
		"autonomous-system": {"number"},                                               // §6.2
		"directory":         {"path"},                                                 // §6.3
		"domain-name":       {"value"},                                                // §6.4
		"email-addr":        {"value"},                                                // §6.5
		"email-message":     {"from_ref", "subject", "body"},                          // §6.6
		"file":              {"hashes", "name", "extensions", "parent_directory_ref"}, // §6.7
		"ipv4-addr":         {"value"},                                                // §6.8
		"ipv6-addr":         {"value"},                                                // §6.9
		"mac-addr":          {"value"},                                                // §6.10
		"mutex":             {"name"},                                                 // §6.11
		"network-traffic": { // §6.12
			"start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions",
		},
		"process":              {},                                           // §6.13: always a UUIDv4
		"software":             {"name", "cpe", "swid", "vendor", "version"}, // §6.14
		"url":                  {"value"},                                    // §6.15
		"user-account":         {"account_type", "user_id", "account_login"}, // §6.16
		"windows-registry-key": {"key", "values"},                            // §6.17
		"x509-certificate":     {"hashes", "serial_number"},                  // §6.18
	}
	for _, names := range m {
		slices.Sort(names)
	}
	return m
}()

// DeterministicID computes the identifier that every producer gives to the same
// cyber-observable (STIX 2.1 §2.9): its type and the UUIDv5 of its ID
// Contributing Properties. The object's own id, if it has one, is not looked at.
//
// contributing is false, and id empty, where none of these properties is
// present: the object must then have a random UUIDv4. So it is with every
// process (§6.13), and with every type that an extension defines, as there is no
// way to say which properties of it contribute.
//
// Values count as they are written, but for what RFC 8785 evens out: the order
// of members, space, escapes and the form of numbers. Two spellings of one
// address or domain give two identifiers. A null is as good as absent, and so is
// a hashes without any.
//
// The error is a *Finding: on what is no JSON or no cyber-observable, is larger
// or deeper than DefaultLimits allow, or has a repeated name, a text that is not
// Unicode or a number out of range, which different readers read differently.
func DeterministicID(object []byte) (id string, contributing bool, err error) {
	lim := DefaultLimits.orDefault()
	if len(object) > lim.ObjectBytes {
		return "", false, whole(codeObjectTooLarge, "the object has %d bytes and the limit is %d", len(object), lim.ObjectBytes)
	}
	s := newScanner(object, lim)
	defer s.release()
	end := s.value(0)
	if end < 0 {
		return "", false, broken(object, end)
	}
	if p := skipSpace(object, end); p < len(object) {
		return "", false, whole(codeMalformedJSON, "byte %d: more follows the end of the object", p)
	}
	if kind := s.nodes[0].kind; kind != '{' {
		return "", false, whole(codeNotAnObject, "this is %s: only a JSON object has an identifier", kindName(kind))
	}
	if len(s.flaws) > 0 {
		var o Object
		s.blame(&o)
		return "", false, &o.Findings[0]
	}
	h := s.heads()
	if h.typ == 0 || s.nodes[h.typ].kind != '"' || !validType(s.text(h.typ)) || s.classOf(h) != observable {
		return "", false, at(codeInvalidType, "/type", "this is no type of cyber-observable: only those have deterministic identifiers")
	}
	typ := string(s.text(h.typ))
	u, ok := s.scoUUID(typ)
	if !ok {
		return "", false, nil
	}
	return typ + "--" + u.String(), true, nil
}

// scoUUID computes the UUIDv5 of the cyber-observable on the tape, which has
// this type and no flaws. It is false where none of the properties that
// contribute to the identifiers of the type is present, so that it must have a
// random one. Nothing is allocated but room for the longest object so far.
func (s *scanner) scoUUID(typ string) (u uuid.UUID, ok bool) {
	if len(s.flaws) > 0 {
		return u, false
	}
	from := len(s.texts) // what is already there is left alone
	b := append(s.texts, scoNamespace[:]...)
	b = append(b, '{')
	for _, name := range scoContributors[typ] {
		i := s.tape.member(0, name)
		if i == 0 || s.nodes[i].kind == 'n' {
			continue
		}
		hash := uint32(0)
		if name == "hashes" {
			if hash = s.contributingHash(i); hash == 0 {
				continue
			}
		}
		if ok {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		if hash == 0 {
			b, ok = s.appendCanonical(b, i)
		} else {
			b, ok = s.appendOnlyHash(b, hash)
		}
		if !ok {
			break
		}
	}
	b = append(b, '}')
	s.texts = b[:from]
	if !ok {
		return u, false
	}
	sum := sha1.Sum(b[from:])
	copy(u[:], sum[:])
	u[6] = u[6]&0x0f | 5<<4 // version 5
	u[8] = u[8]&0x3f | 0x80 // the variant of RFC 4122
	return u, true
}

// hashPreference is the order in which the one hash is chosen that contributes
// (STIX 2.1 §6.1, §6.7, §6.18).
var hashPreference = [...]string{"MD5", "SHA-1", "SHA-256", "SHA-512"}

// contributingHash returns the member of the hashes at node i that contributes
// to an identifier, 0 for none. The specification leaves open which one it is
// where none of the preferred is present; the first by name is chosen, as the
// order of members must not matter.
func (t *tape) contributingHash(i uint32) uint32 {
	if t.nodes[i].kind != '{' {
		return 0
	}
	for _, name := range hashPreference {
		if m := t.member(i, name); m != 0 && t.nodes[m].kind != 'n' {
			return m
		}
	}
	first := uint32(0)
	for m := i + 1; m < t.nodes[i].next; m = t.nodes[m].next {
		if t.nodes[m].kind != 'n' && (first == 0 || bytes.Compare(t.name(m), t.name(first)) < 0) {
			first = m
		}
	}
	return first
}

// appendOnlyHash appends an object with nothing but hash m.
func (t *tape) appendOnlyHash(dst []byte, m uint32) ([]byte, bool) {
	dst, err := jsontext.AppendQuote(append(dst, '{'), t.name(m))
	if err != nil {
		return dst, false
	}
	dst, ok := t.appendCanonical(append(dst, ':'), m)
	return append(dst, '}'), ok
}

// rfc8785 has jsontext write the canonical form.
var rfc8785 = []jsontext.Options{
	jsontext.CanonicalizeRawInts(true),
	jsontext.CanonicalizeRawFloats(true),
	jsontext.ReorderRawObjects(true),
}

// appendCanonical appends the value of node i in the form of RFC 8785. What
// cannot be written in two ways is copied: strings without escapes, as none of
// their characters needs one, true and false, and integers but for -0.
func (t *tape) appendCanonical(dst []byte, i uint32) ([]byte, bool) {
	n := &t.nodes[i]
	raw := t.b[n.start:n.end]
	switch n.kind {
	case '"':
		if n.flags&hasEscape == 0 {
			return append(dst, raw...), true
		}
	case number:
		if n.flags&isFloat == 0 && string(raw) != "-0" {
			return append(dst, raw...), true
		}
	case 't', 'f':
		return append(dst, raw...), true
	}
	dst, err := jsontext.AppendFormat(dst, raw, rfc8785...)
	return dst, err == nil
}
