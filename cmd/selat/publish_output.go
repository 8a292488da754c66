package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// publishOutput tells on standard output what became of the objects, and on
// standard error, if someone is looking, how far the work is.
type publishOutput struct {
	cmd   *cobra.Command
	json  *json.Encoder
	quiet bool

	live  io.Writer // nil for no progress
	told  time.Time
	wrote bool
	now   client.Progress
	lines int
}

// refusedMost is how many refused objects are told in full without --json.
const refusedMost = 200

func newPublishOutput(cmd *cobra.Command, o *publishOptions) *publishOutput {
	out := &publishOutput{cmd: cmd, quiet: o.quiet, told: time.Now()}
	if wantsJSON(cmd) {
		out.json = json.NewEncoder(cmd.OutOrStdout())
		out.json.SetEscapeHTML(false)
	}
	if o.progress || (!o.quiet && isTerminal(cmd.ErrOrStderr())) {
		out.live = cmd.ErrOrStderr()
	}
	return out
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// line is called for each object and, for RED, recipient.
func (o *publishOutput) line(l client.Line) error {
	if o.json != nil {
		if o.quiet && l.Outcome != api.Refused {
			return nil
		}
		return o.json.Encode(l)
	}
	if l.Outcome != api.Refused {
		return nil
	}
	o.lines++
	if o.lines > refusedMost {
		return nil
	}
	o.finish()
	name := l.ID
	if name == "" {
		name = "an object" // its finding says which
	}
	if l.Audience != "" {
		name += " for " + l.Audience
	}
	for i, f := range l.Findings {
		lead := fmt.Sprintf("refused %s in %s", name, l.File)
		if i > 0 {
			lead = "  and"
		}
		if _, err := fmt.Fprintf(o.cmd.OutOrStdout(), "%s: %s\n", lead, explain(&f)); err != nil {
			return err
		}
	}
	return nil
}

// explain is a finding in one line: what, where, and by which rule.
func explain(f *stix.Finding) string {
	s := f.Error()
	if f.Section != "" {
		s += ", " + f.Section
	}
	return s
}

// progress rewrites one line at most four times a second.
func (o *publishOutput) progress(p client.Progress) {
	o.now = p
	if o.live == nil || time.Since(o.told) < 250*time.Millisecond {
		return
	}
	o.told, o.wrote = time.Now(), true
	if !p.Complete {
		fmt.Fprintf(o.live, "\rreading: %d objects ", p.Objects)
		return
	}
	fmt.Fprintf(o.live, "\r%d of %d objects answered (%d%%), %d refused ", p.Answered, p.Objects, 100*p.Answered/max(p.Objects, 1), p.Refused)
}

// finish ends the line of progress.
func (o *publishOutput) finish() {
	if o.wrote {
		fmt.Fprint(o.live, "\r\x1b[K")
		o.wrote = false
	}
}

// summary prints the totals, by audience and level.
func (o *publishOutput) summary(s *client.Summary) error {
	if o.json != nil {
		return o.json.Encode(struct {
			Summary *client.Summary `json:"summary"`
		}{s})
	}
	if o.lines > refusedMost {
		say(o.cmd, "and %d more refused; --json tells them all", o.lines-refusedMost)
	}
	if o.quiet || s.Objects == 0 {
		o.without(s)
		return nil
	}
	t := newTable(o.cmd, "AUDIENCE", "TLP", "ACCEPTED", "DUPLICATE", "REFUSED")
	for _, p := range s.Places {
		level := ""
		if p.Level != stix.NoLevel {
			level = shout(p.Level)
		}
		t.row(p.Audience, level, fmt.Sprint(p.Accepted), fmt.Sprint(p.Duplicate), fmt.Sprint(p.Refused))
	}
	if len(s.Places) != 1 {
		t.row("all", "", fmt.Sprint(s.Accepted), fmt.Sprint(s.Duplicate), fmt.Sprint(s.Refused))
	}
	if err := t.flush(); err != nil {
		return err
	}
	o.codes(s)
	o.without(s)
	return nil
}

// without tells of objects that have no line of their own.
func (o *publishOutput) without(s *client.Summary) {
	if s.Untold > 0 && (!o.quiet || s.Refused > 0) {
		say(o.cmd, "%s told of by number only, as the receipt was too large: selat receipts tells of each", counted(s.Untold, "object"))
	}
	if s.Unanswered > 0 {
		say(o.cmd, "%s without an answer", counted(s.Unanswered, "object"))
	}
}

// codes tells of what was refused, when that is much.
func (o *publishOutput) codes(s *client.Summary) {
	if s.Refused <= 3 {
		return
	}
	codes := make([]string, 0, len(s.Codes))
	for c := range s.Codes {
		codes = append(codes, c)
	}
	slices.SortFunc(codes, func(a, b string) int { return s.Codes[b] - s.Codes[a] })
	for _, c := range codes {
		say(o.cmd, "refused as %s: %d", c, s.Codes[c])
	}
}
