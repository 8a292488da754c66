package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"
)

// interruptible is standard input that a signal ends. Whoever types or sends
// nothing keeps a read waiting, and closing a terminal or a pipe from here does
// not end the read.
type interruptible struct {
	ctx  context.Context
	in   io.Reader
	buf  []byte
	rest []byte // of buf, read and not passed on yet
	err  error  // after rest
}

func newInterruptible(ctx context.Context, in io.Reader) *interruptible {
	return &interruptible{ctx: ctx, in: in, buf: make([]byte, 64<<10)}
}

// interruptStdin makes the command's standard input interruptible.
func interruptStdin(cmd *cobra.Command) {
	cmd.SetIn(newInterruptible(cmd.Context(), cmd.InOrStdin()))
}

// Read waits for the one goroutine that it starts. Only an interrupt leaves it
// behind, waiting for the operating system, and the program is about to end
// then: nothing is read again.
func (r *interruptible) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		done := make(chan struct{})
		var n int
		var err error
		go func() {
			defer close(done)
			n, err = r.in.Read(r.buf)
		}()
		select {
		case <-done:
			r.rest, r.err = r.buf[:n], err
		case <-r.ctx.Done():
			r.err = r.ctx.Err()
		}
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) > 0 {
		return n, nil
	}
	return n, r.err
}
