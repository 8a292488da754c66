package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
)

// stixProgress tells on a terminal's standard error how far reading is.
type stixProgress struct {
	live  io.Writer // nil for no progress
	total int64     // bytes to read, 0 where that is not known
	read  int64
	items int
	told  time.Time
	wrote bool
}

func newStixProgress(cmd *cobra.Command, quiet bool) *stixProgress {
	p := &stixProgress{told: time.Now()}
	if !quiet && isTerminal(cmd.ErrOrStderr()) {
		p.live = cmd.ErrOrStderr()
	}
	return p
}

// expect learns how much there is to read.
func (p *stixProgress) expect(sources []client.Source) {
	if p.live == nil {
		return
	}
	p.total, p.read = 0, 0
	for _, src := range sources {
		st, err := os.Stat(src.Name)
		if src.Name == "-" || err != nil || !st.Mode().IsRegular() {
			p.total = 0 // opening it will say what is wrong
			return
		}
		p.total += st.Size()
	}
}

// follow counts what is read from in.
func (p *stixProgress) follow(in io.Reader) io.Reader { return &counting{in, &p.read} }

type counting struct {
	in   io.Reader
	read *int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	*c.read += int64(n)
	return n, err
}

// object rewrites one line at most four times a second.
func (p *stixProgress) object() {
	p.items++
	if p.live == nil || time.Since(p.told) < 250*time.Millisecond {
		return
	}
	p.told, p.wrote = time.Now(), true
	if p.total > 0 {
		fmt.Fprintf(p.live, "\rreading: %s, %d%% ", counted(p.items, "object"), min(100, 100*p.read/p.total))
		return
	}
	fmt.Fprintf(p.live, "\rreading: %s, %d MB ", counted(p.items, "object"), p.read/1_000_000)
}

// finish ends the line of progress; anything else printed comes after it.
func (p *stixProgress) finish() {
	if p.wrote {
		fmt.Fprint(p.live, "\r\x1b[K")
		p.wrote = false
	}
}
