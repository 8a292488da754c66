package stix

import "fmt"

// note is a finding as the scanner keeps it while an object is looked at: its
// path is written out only at the end, so that an object with many warnings
// costs no more allocations than one with a single one.
type note struct {
	severity      Severity
	code, section string
	message       string
	node          uint32 // that it is about
	missing       string // the member of node that should be there, if it is that
}

func (s *scanner) note(severity Severity, code string, node uint32, section, message string) {
	count := &s.noted[severity]
	if *count < maxFindings {
		*count++
		s.notes = append(s.notes, note{severity: severity, code: code, section: section, message: message, node: node})
	}
}

// noteMissing notes that the object at node lacks a member.
func (s *scanner) noteMissing(severity Severity, node uint32, name, section, message string) {
	before := len(s.notes)
	if s.note(severity, codeMissingProperty, node, section, message); len(s.notes) > before {
		s.notes[before].missing = name
	}
}

// findings writes the notes out into o, errors first and maxFindings in all.
func (s *scanner) findings(o *Object) {
	room := maxFindings - len(o.Findings)
	if s.told > maxTold {
		room = min(room, 1-len(o.Findings))
	}
	if len(s.notes) == 0 || room <= 0 {
		s.forget()
		return
	}
	from := len(s.texts)
	ends := s.ends[:0]
	list := s.found.take(min(len(s.notes), room))[:0]
	for severity := Error; severity <= Warning; severity++ {
		for k := range s.notes {
			n := &s.notes[k]
			if n.severity != severity || len(list) == room {
				continue
			}
			s.texts = append(s.texts, o.Pointer...)
			s.texts = s.appendPointer(s.texts, n.node)
			if n.missing != "" {
				s.texts = append(s.texts, '/')
				s.texts = append(s.texts, n.missing...)
			}
			ends = append(ends, len(s.texts))
			list = append(list, Finding{Severity: severity, Code: n.code, Section: n.section, Message: n.message})
		}
	}
	paths, at := string(s.texts[from:]), from
	for k := range list {
		list[k].Path = paths[at-from : ends[k]-from]
		at = ends[k]
	}
	s.ends = ends
	s.forget()
	s.told += len(list)
	if o.Findings == nil {
		o.Findings = list
	} else {
		o.Findings = append(o.Findings, list...)
	}
}

func (s *scanner) forget() {
	s.notes = s.notes[:0]
	s.noted = [2]int{}
}

// refuse notes a broken MUST, warn a broken SHOULD, of node i.
func (c *checker) refuse(code string, i uint32, section, message string) {
	c.s.note(Error, code, i, section, message)
}

func (c *checker) refusef(code string, i uint32, section, format string, args ...any) {
	c.s.note(Error, code, i, section, fmt.Sprintf(format, args...))
}

func (c *checker) warn(code string, i uint32, section, message string) {
	c.s.note(Warning, code, i, section, message)
}

func (c *checker) wrongType(i uint32, section, want string) {
	if kind := c.s.nodes[i].kind; kind != 'n' { // which is refused wherever it stands
		c.refusef(codeWrongType, i, section, "this is %s and must be %s", kindName(kind), want)
	}
}
