package stix

import (
	"fmt"
)

// add records a finding that refuses the object; path is relative to it.
func (o *Object) add(code, path, section, format string, args ...any) {
	if len(o.Findings) >= maxFindings {
		return
	}
	o.Findings = append(o.Findings, Finding{
		Severity: Error, Code: code, Path: o.Pointer + path, Section: section, Message: fmt.Sprintf(format, args...),
	})
}

// blame turns the flaws of the value scanned last into findings on o.
func (s *scanner) blame(o *Object) {
	for _, f := range s.flaws {
		path := string(s.appendPointer(nil, f.node))
		switch f.code {
		case codeDuplicateKey:
			o.add(f.code, path, "RFC 7493 §2.3", "the object has this name more than once: keep one of them")
		case codeInvalidUTF8:
			o.add(f.code, path, "RFC 7493 §2.1", "this text or its name is not valid UTF-8, or has half of a surrogate pair: write it in UTF-8")
		case codeNumberRange:
			o.add(f.code, path, "STIX 2.1 §2.8", "this number is beyond what every reader can hold: integers lie within ±9007199254740991, others within a 64-bit float")
		case codeTooDeep:
			o.add(f.code, path, "", "what is in here is nested deeper than %d levels: flatten it", s.lim.Depth)
		}
	}
}
