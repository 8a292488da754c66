package stix

import (
	"strconv"

	"github.com/selat-hub/selat/stix/pattern"
)

// indicatorPattern: a pattern of type stix is one, STIX 2.1 §4.7, §9.
func indicatorPattern(c *checker, m *fields) {
	p := m.get("pattern")
	if p == 0 || c.s.nodes[p].kind != '"' || c.s.nodes[p].flags&badText != 0 || !c.s.is(m.get("pattern_type"), "stix") {
		return
	}
	pattern.Check(string(c.s.text(p)), func(problem pattern.Problem) {
		severity := Error
		if problem.Severity == pattern.Warning {
			severity = Warning
		}
		at := ""
		if problem.Pos > 0 {
			at = "at character " + strconv.Itoa(problem.Column) + ": "
			if problem.Line > 1 {
				at = "in line " + strconv.Itoa(problem.Line) + ", " + at
			}
		}
		c.s.note(severity, problem.Code, p, problem.Section, at+problem.Message)
	})
}
