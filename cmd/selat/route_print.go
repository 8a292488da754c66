package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// folded is objects that one decision is printed for.
type folded struct {
	first *api.ObjectRoute
	ids   []string
}

// foldedIDs is how many ids of a fold are named before "and N more".
const foldedIDs = 3

func printRoute(cmd *cobra.Command, r *api.Route, summary bool) error {
	if r.Error != nil {
		say(cmd, "The whole submission would be refused: %s", r.Error.Error())
		return nil
	}
	if len(r.Objects) == 0 {
		say(cmd, "There are no objects in it.")
		return nil
	}
	for i, f := range fold(r.Objects, summary) {
		if i > 0 {
			say(cmd, "")
		}
		if err := printFolded(cmd, f); err != nil {
			return err
		}
	}
	return nil
}

// fold puts objects with the same decision together, in the order of the first
// of each; without summary, each object stands alone.
func fold(objects []api.ObjectRoute, summary bool) []*folded {
	var out []*folded
	by := map[string]*folded{}
	for i := range objects {
		o := &objects[i]
		key := fmt.Sprint(i)
		if summary {
			key = decisionKey(o)
		}
		f := by[key]
		if f == nil {
			f = &folded{first: o}
			by[key] = f
			out = append(out, f)
		}
		f.ids = append(f.ids, objectName(o))
	}
	return out
}

// decisionKey is equal for objects that fare alike.
func decisionKey(o *api.ObjectRoute) string {
	var codes []string
	for _, f := range o.Findings {
		codes = append(codes, f.Code)
	}
	return fmt.Sprint(o.Level, o.Streams, codes, o.Decisions)
}

func objectName(o *api.ObjectRoute) string {
	if o.ID != "" {
		return o.ID
	}
	return fmt.Sprintf("object %d", o.Object+1)
}

func printFolded(cmd *cobra.Command, f *folded) error {
	o := f.first
	if len(f.ids) == 1 {
		say(cmd, "%s", f.ids[0])
	} else {
		say(cmd, "%s: %s", counted(len(f.ids), "object"), strings.Join(f.ids[:min(len(f.ids), foldedIDs)], ", ")+more(len(f.ids)-foldedIDs))
	}
	if len(o.Streams) == 0 {
		say(cmd, "  REFUSED, goes to nobody")
	} else {
		say(cmd, "  TLP:%s to %s", shout(o.Level), strings.Join(o.Streams, ", "))
		if o.Why != "" {
			say(cmd, "  because: %s", o.Why)
		}
	}
	for _, g := range o.Findings {
		say(cmd, "  %s", findingLine(g, len(o.Streams) > 0))
	}
	if len(o.Streams) == 0 {
		return nil
	}
	return printDecisions(cmd, o.Decisions)
}

// findingLine words a finding; what passes has warnings only.
func findingLine(f stix.Finding, passes bool) string {
	line := fmt.Sprintf("%s (%s)", f.Message, f.Code)
	if f.Path != "" {
		line = f.Path + ": " + line
	}
	if passes {
		line = "warning: " + line
	}
	return line
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// printDecisions tells first who receives, then who does not.
func printDecisions(cmd *cobra.Command, decisions []api.Decision) error {
	t := newTable(cmd)
	for _, receives := range []bool{true, false} {
		verdict := "receives"
		if !receives {
			verdict = "does not"
		}
		for _, d := range decisions {
			if d.Receives != receives {
				continue
			}
			who := d.Member
			if d.Seat != "" {
				who = "  " + d.Seat
			}
			t.row("  "+verdict, who, d.Reason)
		}
	}
	return t.flush()
}
