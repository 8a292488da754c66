package stix

import "fmt"

// Severity tells whether a finding refuses an object.
type Severity uint8

const (
	// Error is a broken MUST: the object is refused.
	Error Severity = iota
	// Warning is a broken SHOULD: the object passes, its receipt says so.
	Warning
)

// Finding is one thing wrong with an object: what rule, where, and what to do.
// It is shown to the object's submitter only, and may quote the object's own
// identifiers and property names but never more of its content than that.
type Finding struct {
	Severity Severity `json:"-"`
	// Code is stable and machine-readable, lower case with hyphens.
	Code string `json:"code"`
	// Path is an RFC 6901 JSON pointer from the root of what was submitted,
	// "" for the whole of it.
	Path string `json:"path"`
	// Section names the rule's source, such as "STIX 2.1 §3.2"; may be empty.
	Section string `json:"section,omitempty"`
	// Message says what is wrong and how to mend it.
	Message string `json:"message"`
}

func (f *Finding) Error() string {
	where := f.Path
	if where == "" {
		where = "the submission"
	}
	return fmt.Sprintf("%s: %s (%s)", where, f.Message, f.Code)
}
