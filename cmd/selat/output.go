package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
)

// Output comes twice: tables for people, and with --json the hub's own answer
// for machines.

func jsonFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("json", false, "print JSON")
}

func wantsJSON(cmd *cobra.Command) bool {
	on, err := cmd.Flags().GetBool("json")
	return err == nil && on
}

func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// say prints one line for people on standard output.
func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
}

// table prints aligned columns.
type table struct {
	w *tabwriter.Writer
}

func newTable(cmd *cobra.Command, header ...string) *table {
	t := &table{tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

// row adds a line; an empty cell is shown as a hyphen.
func (t *table) row(cells ...string) {
	shown := make([]string, len(cells))
	for i, c := range cells {
		if shown[i] = c; c == "" {
			shown[i] = "-"
		}
	}
	fmt.Fprintln(t.w, strings.Join(shown, "\t"))
}

func (t *table) flush() error { return t.w.Flush() }

// yes says yes, or nothing.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// shout writes a level as TLP 2.0 does: AMBER+STRICT.
func shout(l stix.Level) string {
	return strings.ReplaceAll(strings.ToUpper(l.String()), "-", "+")
}
