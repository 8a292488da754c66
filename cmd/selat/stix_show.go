package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
)

// jsonLines prints one line of JSON for each value.
func jsonLines(cmd *cobra.Command) *json.Encoder {
	e := json.NewEncoder(plainJSON{cmd.OutOrStdout()})
	e.SetEscapeHTML(false)
	return e
}

// streamTable is a table of any length: its columns are aligned anew every
// streamRows, so that no more than that is held back.
type streamTable struct {
	*table
	rows int
}

const streamRows = 500

func newStreamTable(cmd *cobra.Command, header ...string) *streamTable {
	return &streamTable{table: newTable(cmd, header...)}
}

// row adds a line of texts from objects.
func (t *streamTable) row(cells ...string) error {
	for i, c := range cells {
		cells[i] = printable(c)
	}
	t.table.row(cells...)
	if t.rows++; t.rows%streamRows == 0 {
		return t.flush()
	}
	return nil
}

// ink colours text for a terminal, and leaves it as it is elsewhere.
type ink bool

// inkFor follows the customs of terminals: NO_COLOR turns colour off.
func inkFor(w io.Writer) ink {
	return ink(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (on ink) bold(s string) string { return on.paint("1", s) }

// severity is the word for it, of the width that all have.
func (on ink) severity(s stix.Severity) string {
	if s == stix.Error {
		return on.paint("1;31", "error  ")
	}
	return on.paint("33", "warning")
}

func (on ink) paint(code, s string) string {
	if !on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// findingText is a finding in one line: where, what, and by which rule.
func findingText(f *stix.Finding) string {
	if f.Path == "" {
		return fmt.Sprintf("%s (%s)", f.Message, findingRule(f))
	}
	return fmt.Sprintf("%s: %s (%s)", f.Path, f.Message, findingRule(f))
}

func findingRule(f *stix.Finding) string {
	if f.Section == "" {
		return f.Code
	}
	return f.Code + ", " + f.Section
}

// complain tells on standard error of what could not be looked at.
func complain(cmd *cobra.Command, it *stixItem, why string) {
	fmt.Fprintf(cmd.ErrOrStderr(), "selat: %s: %s: %s\n", printable(it.file), printable(it.name()), printable(why))
}

// severityName is the word for it in JSON and SARIF.
func severityName(s stix.Severity) string {
	if s == stix.Error {
		return "error"
	}
	return "warning"
}
