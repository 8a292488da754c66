package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// validateText prints findings for people, object by object.
type validateText struct {
	out   io.Writer
	ink   ink
	quiet bool

	wrong, doubtful int // objects with errors, and with warnings only
	untold          int // of these
}

// validateMost is how many objects with errors, and how many with warnings
// only, are told of in full without --json.
const validateMost = 200

func (v *validateText) item(it *stixItem, findings []told) error {
	of := &v.doubtful
	if slices.ContainsFunc(findings, func(f told) bool { return f.Severity == stix.Error }) {
		of = &v.wrong
	}
	if *of++; *of > validateMost {
		v.untold++
		return nil
	}
	var b bytes.Buffer
	where := ""
	if it.pointer != "" {
		where = " at " + it.pointer
	}
	fmt.Fprintf(&b, "%s: %s%s\n", printable(it.file), v.ink.bold(printable(it.name())), where)
	for _, f := range findings {
		at := fmt.Sprintf("%d:%d", f.Line, f.Column)
		if f.Line == 0 {
			at = fmt.Sprintf("byte %d", f.Byte)
		}
		f.Path = strings.TrimPrefix(f.Path, it.pointer) // the heading says the rest
		fmt.Fprintf(&b, "  %-8s %s  %s\n", at, v.ink.severity(f.Severity), printable(findingText(&f.Finding)))
	}
	_, err := v.out.Write(b.Bytes())
	return err
}

func (v *validateText) end(t *validateTotals, unread error) error {
	var b bytes.Buffer
	if v.untold > 0 {
		fmt.Fprintf(&b, "and %s more with findings; --json tells them all\n", counted(v.untold, "object"))
		for _, code := range byCount(t.Codes) {
			fmt.Fprintf(&b, "%s: %d\n", code, t.Codes[code])
		}
	}
	if !v.quiet && t.Objects > 0 {
		fmt.Fprintln(&b, t.String())
	}
	_, err := v.out.Write(b.Bytes())
	return err
}

// byCount are the codes, the most frequent first.
func byCount(codes map[string]int) []string {
	names := make([]string, 0, len(codes))
	for c := range codes {
		names = append(names, c)
	}
	slices.SortFunc(names, func(a, b string) int {
		if codes[a] != codes[b] {
			return codes[b] - codes[a]
		}
		return strings.Compare(a, b)
	})
	return names
}

func (t *validateTotals) String() string {
	s := counted(t.Objects, "object")
	if t.Invalid > 0 {
		s += fmt.Sprintf(", %d with errors", t.Invalid)
	}
	if t.Bundles > 0 {
		s += fmt.Sprintf(", %s with errors", counted(t.Bundles, "bundle"))
	}
	if t.Errors == 0 {
		s += ": no errors"
	} else {
		s += ": " + counted(t.Errors, "error")
	}
	if t.Warnings > 0 {
		s += ", " + counted(t.Warnings, "warning")
	}
	return s
}

// validateJSON prints a line for each finding and one with the totals.
type validateJSON struct{ enc *json.Encoder }

// findingJSON is one of those lines.
type findingJSON struct {
	File     string `json:"file"`
	Object   *int   `json:"object,omitempty"` // in its file, from 0; none for a bundle
	ID       string `json:"id,omitempty"`
	Byte     int64  `json:"byte"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Severity string `json:"severity"`
	stix.Finding
}

func (v *validateJSON) item(it *stixItem, findings []told) error {
	for _, f := range findings {
		err := v.enc.Encode(findingJSON{
			File: it.file, Object: it.position(), ID: it.id(),
			Byte: f.Byte, Line: f.Line, Column: f.Column,
			Severity: severityName(f.Severity), Finding: f.Finding,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *validateJSON) end(t *validateTotals, _ error) error {
	return v.enc.Encode(struct {
		Summary *validateTotals `json:"summary"`
	}{t})
}
