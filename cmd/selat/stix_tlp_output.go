package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/stix"
)

// tlpOutput prints the lines of tlp as they come, and the totals.
type tlpOutput struct {
	cmd   *cobra.Command
	rows  *streamTable  // nil for none
	json  *json.Encoder // nil for none
	files bool          // there are several to tell apart
	only  bool          // the totals only

	totals tlpTotals
}

type tlpTotals struct {
	Objects int            `json:"objects"`
	Unclear int            `json:"unclear"` // nobody can tell their TLP
	TLP     map[string]int `json:"tlp"`     // of the others, none among them
}

func newTLPOutput(cmd *cobra.Command, files, summary bool) *tlpOutput {
	o := &tlpOutput{cmd: cmd, files: files, only: summary, totals: tlpTotals{TLP: map[string]int{}}}
	if wantsJSON(cmd) {
		o.json = jsonLines(cmd)
	}
	if o.json == nil && !summary {
		columns := []string{"TLP", "OBJECT", "FILE", "BECAUSE"}
		if !files {
			columns = []string{"TLP", "OBJECT", "BECAUSE"}
		}
		o.rows = newStreamTable(cmd, columns...)
	}
	return o
}

func (o *tlpOutput) line(it *stixItem, l tlpJSON) error {
	o.totals.Objects++
	if l.TLP == "" {
		o.totals.Unclear++
	} else {
		o.totals.TLP[l.TLP]++
	}
	switch {
	case o.rows != nil:
		return o.row(it, l)
	case o.json != nil && !o.only:
		return o.json.Encode(l)
	}
	return nil
}

func (o *tlpOutput) row(it *stixItem, l tlpJSON) error {
	level, because := tlpCell(l.TLP), l.Marking+" at "+l.Path
	switch l.TLP {
	case "":
		level, because = "?", ""
	case stix.NoLevel.String():
		because = "no TLP marking"
	}
	for i, f := range l.Findings {
		if i > 0 {
			because += "; "
		}
		because += findingText(&f)
	}
	if err := o.cells(level, it.name(), l.File, because); err != nil {
		return err
	}
	for _, p := range l.Paths {
		part := p.Selector
		if part == "" {
			part = "(the whole)"
		}
		if err := o.cells(tlpCell(p.TLP), "  "+part, "", ""); err != nil {
			return err
		}
	}
	return nil
}

func (o *tlpOutput) cells(level, object, file, because string) error {
	if o.files {
		return o.rows.row(level, object, file, because)
	}
	return o.rows.row(level, object, because)
}

// tlpCell writes the token of a level as TLP 2.0 does, and none as nothing.
func tlpCell(token string) string {
	if token == stix.NoLevel.String() {
		return ""
	}
	return strings.ReplaceAll(strings.ToUpper(token), "-", "+")
}

func (o *tlpOutput) end() error {
	if o.json != nil {
		return o.json.Encode(struct {
			Summary tlpTotals `json:"summary"`
		}{o.totals})
	}
	if o.rows != nil {
		if err := o.rows.flush(); err != nil {
			return err
		}
	}
	if o.totals.Objects > 0 {
		say(o.cmd, "%s", o.totals)
	}
	return nil
}

func (t tlpTotals) String() string {
	var parts []string
	part := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, l := range stix.Levels {
		part(t.TLP[l.String()], shout(l))
	}
	part(t.TLP[stix.NoLevel.String()], "without a TLP marking")
	part(t.Unclear, "unclear")
	return counted(t.Objects, "object") + ": " + strings.Join(parts, ", ")
}

func (t tlpTotals) exit() error {
	switch {
	case t.Objects == 0:
		return errNoObject
	case t.Unclear == 0:
		return nil
	case t.Unclear == t.Objects:
		return &exitError{code: exitRefused}
	}
	return &exitError{code: exitPartly}
}
