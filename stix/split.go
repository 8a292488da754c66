package stix

import (
	"fmt"
	"slices"
)

const elements = "/objects/"

// Split finds the objects of a payload and checks each. The payload is a STIX
// bundle (STIX 2.1 §8), a TAXII envelope (the same without type and id), or one
// object. Nothing is copied or changed: every Object.Raw is a sub-slice of the
// payload, which must not be written to while they are in use.
//
// An error is always a *Finding and about the whole payload: broken JSON, too
// large, too many objects. What is wrong with one object is in its Findings and
// leaves the others as they are.
func Split(payload []byte, lim Limits) ([]Object, error) {
	return split(payload, lim, false)
}

// SplitValidated splits what was validated before, such as a message of the
// hub's: it reads the objects as Split does, and does not hold them to the
// specification again. Only faults of the JSON are in their Findings.
func SplitValidated(payload []byte, lim Limits) ([]Object, error) {
	return split(payload, lim, true)
}

func split(payload []byte, lim Limits, validated bool) ([]Object, error) {
	lim = lim.orDefault()
	if len(payload) > lim.PayloadBytes {
		return nil, whole(codePayloadTooLarge, "the submission has %d bytes and the limit is %d: cut it into several", len(payload), lim.PayloadBytes)
	}
	s := newScanner(payload, lim)
	defer s.release()
	s.validated = validated

	p := skipSpace(payload, 0)
	if p == len(payload) {
		return nil, whole(codeMalformedJSON, "the submission is empty: send a STIX bundle or one object")
	}
	if payload[p] != '{' {
		end := s.skip(p)
		if end < 0 {
			return nil, broken(payload, end)
		}
		return nil, whole(codeNotAnObject, "the submission is %s: send a STIX bundle or one object", kindName(kindOf(payload[p])))
	}
	sp := splitter{s: s, names: make(map[string]struct{}, 4)}
	end, err := sp.top(p)
	if err != nil {
		return nil, err
	}
	if !sp.isBundle {
		if end = s.value(p); end < 0 {
			return nil, broken(payload, end)
		}
		sp.objects = make([]Object, 1)
		s.object(&sp.objects[0], 0, "", end)
	}
	if p = skipSpace(payload, end); p < len(payload) {
		return nil, whole(codeMalformedJSON, "byte %d: more follows the end of the bundle or object: send one of them at a time", p)
	}
	n := len(sp.objects)
	s.average = len(payload) / max(n, 1)
	if cap(sp.objects) > 2*n {
		return slices.Clone(sp.objects), nil
	}
	return sp.objects[:n:n], nil
}

// splitter reads the top level of a payload.
type splitter struct {
	s        *scanner
	objects  []Object
	names    map[string]struct{}
	isBundle bool
	typed    bool     // the type was seen
	fault    *Finding // the first of the envelope
}

// maxEnvelope bounds the properties of a bundle besides its objects: it has
// two, and custom ones should be rare.
const maxEnvelope = 1000

// top reads the object at p as a bundle and returns the offset after it. It
// returns with isBundle false as soon as it is clear that it is none.
func (sp *splitter) top(p int) (int, error) {
	s := sp.s
	listed := false
	p = skipSpace(s.b, p+1)
	if p < len(s.b) && s.b[p] == '}' {
		return p + 1, nil
	}
	for {
		s.kinds, s.open, s.record = s.kinds[:0], s.open[:0], true
		s.nodes, s.names = s.nodes[:0], s.names[:0]
		if p = s.member(p); p < 0 {
			return 0, broken(s.b, p)
		}
		name := sp.name()
		if len(sp.names) > maxEnvelope {
			if !sp.isBundle {
				return 0, nil
			}
			return 0, whole(codeObjectTooLarge, "the bundle has more than %d properties of its own: leave them out", maxEnvelope)
		}
		var err error
		p = skipSpace(s.b, p)
		switch {
		case name == "objects" && p < len(s.b) && s.b[p] == '[':
			listed = true
			p, err = sp.elements(p)
		case name == "objects" && sp.isBundle && p < len(s.b):
			return 0, at(codeWrongType, "/objects", "the objects of a bundle are a list")
		default:
			p, err = sp.other(name, p)
		}
		if err != nil {
			return 0, err
		}
		if sp.typed && !sp.isBundle {
			return 0, nil
		}
		if p = skipSpace(s.b, p); p >= len(s.b) {
			return 0, broken(s.b, cut)
		}
		if s.b[p] == ',' {
			p = skipSpace(s.b, p+1)
			continue
		}
		if s.b[p] != '}' {
			return 0, broken(s.b, wrong(p))
		}
		if sp.isBundle = sp.isBundle || listed; !sp.isBundle {
			return 0, nil
		}
		if sp.fault != nil {
			return 0, sp.fault
		}
		if !listed {
			return 0, at(codeMissingProperty, "/objects", "the bundle has no objects: add them as a list")
		}
		return p + 1, nil
	}
}

// name returns the member name that was just read.
func (sp *splitter) name() string {
	s := sp.s
	from := s.b
	if s.nameFlags&nameDecoded != 0 {
		from = s.tape.names
	}
	name := string(from[s.nameFrom:s.nameTo])
	if s.nameFlags&badName != 0 {
		sp.blame(codeInvalidUTF8, topPath(name), "a name is not valid UTF-8: write it in UTF-8")
	}
	if _, twice := sp.names[name]; twice {
		sp.blame(codeDuplicateKey, topPath(name), "the bundle has this name more than once: keep one of them")
	}
	sp.names[name] = struct{}{}
	return name
}

// blame keeps the first fault of the envelope. It counts only if this turns
// out to be one: a lone object's are found when it is read as such.
func (sp *splitter) blame(code, path, message string) {
	if sp.fault == nil {
		sp.fault = at(code, path, "%s", message)
	}
}

// topPath is the pointer to a member of the top level.
func topPath(name string) string {
	if len(name) > maxPathName {
		return ""
	}
	return "/" + string(appendPointerName(nil, []byte(name)))
}

// other reads a member of the top level that is not the list of objects.
func (sp *splitter) other(name string, p int) (int, error) {
	s := sp.s
	end := s.value(p)
	if end < 0 {
		return 0, broken(s.b, end)
	}
	if name == "type" {
		sp.typed = true
		sp.isBundle = s.is(0, "bundle")
	}
	if len(s.flaws) > 0 && sp.fault == nil {
		o := Object{Pointer: topPath(name)}
		s.blame(&o)
		sp.fault = &o.Findings[0]
	}
	return end, nil
}

// elements reads the list of objects at p.
func (sp *splitter) elements(p int) (int, error) {
	s := sp.s
	p = skipSpace(s.b, p+1)
	if p < len(s.b) && s.b[p] == ']' {
		return p + 1, nil
	}
	if s.average > 0 {
		// Room for all, if they are about as large as those of the payload before.
		sp.objects = make([]Object, 0, min((len(s.b)-p)/max(s.average, 64)*17/16+1, s.lim.Objects))
	}
	for {
		end := s.value(p)
		if end < 0 {
			return 0, broken(s.b, end)
		}
		if len(sp.objects) == s.lim.Objects {
			return 0, at(codeTooManyObjects, "/objects", "the submission has more than %d objects: cut it into several", s.lim.Objects)
		}
		n := len(sp.objects)
		sp.objects = append(sp.objects, Object{})
		s.object(&sp.objects[n], n, elements, end)
		if p = skipSpace(s.b, end); p >= len(s.b) {
			return 0, broken(s.b, cut)
		}
		switch s.b[p] {
		case ']':
			return p + 1, nil
		case ',':
			p = skipSpace(s.b, p+1)
		default:
			return 0, broken(s.b, wrong(p))
		}
	}
}

func whole(code, format string, args ...any) *Finding { return at(code, "", format, args...) }

func at(code, path, format string, args ...any) *Finding {
	return &Finding{Severity: Error, Code: code, Path: path, Message: fmt.Sprintf(format, args...)}
}

// broken tells what the negative result of a lexical function means.
func broken(b []byte, end int) *Finding {
	if end == cut {
		return whole(codeMalformedJSON, "the JSON breaks off at byte %d: the submission was cut short", len(b))
	}
	p := ^end
	if p == 0 && len(b) >= 3 && string(b[:3]) == "\uFEFF" {
		return whole(codeMalformedJSON, "the submission begins with a byte order mark: leave it out")
	}
	return whole(codeMalformedJSON, "byte %d: this is not JSON", p)
}

// kindOf is the kind of the value that begins with c.
func kindOf(c byte) byte {
	if c == '-' || '0' <= c && c <= '9' {
		return number
	}
	return c
}

// startsValue tells whether a JSON value can begin with c.
func startsValue(c byte) bool {
	switch c {
	case '{', '[', '"', '-', 't', 'f', 'n':
		return true
	}
	return '0' <= c && c <= '9'
}
