package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// taxiiProgress tells on a terminal's standard error how far the work is.
type taxiiProgress struct {
	err     io.Writer
	done    string // what is done to objects
	live    bool
	told    time.Time
	wrote   bool
	objects int
}

func newTaxiiProgress(cmd *cobra.Command, done string, always bool) *taxiiProgress {
	return &taxiiProgress{err: cmd.ErrOrStderr(), done: done, live: always || isTerminal(cmd.ErrOrStderr())}
}

// count rewrites one line at most four times a second.
func (p *taxiiProgress) count(objects int) {
	p.objects += objects
	if !p.live || time.Since(p.told) < 250*time.Millisecond {
		return
	}
	p.told, p.wrote = time.Now(), true
	fmt.Fprintf(p.err, "\r%s: %s ", p.done, counted(p.objects, "object"))
}

// finish ends the line of progress; anything else printed comes after it.
func (p *taxiiProgress) finish() {
	if p.wrote {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.wrote = false
	}
}

// notice tells what the client notices.
func (p *taxiiProgress) notice(s string) {
	p.finish()
	fmt.Fprintln(p.err, "selat: "+printable(s))
}
