// Selat is a hub through which national CERTs exchange STIX 2.1 under TLP, and
// everything a member needs to publish to it and receive from it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program but for the process around it. It prints an error
// once and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(ctx, stderr, root.ExecuteContext(ctx))
}

// report prints what went wrong, and what to do about it where that is known.
func report(ctx context.Context, stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	code := exitFailure
	var exit *exitError
	var hint *hinted
	switch {
	case errors.As(err, &exit):
		code = exit.code
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err, code = errors.New("interrupted"), exitInterrupted
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "selat: "+printableLines(text)) // it may name what others chose
	}
	if errors.As(err, &hint) {
		fmt.Fprintln(stderr, "  "+printableLines(hint.hint))
	}
	return code
}

// exitInterrupted is what shells expect of a program that Ctrl-C ended.
const exitInterrupted = 130

// hinted is an error with a line on how to mend it, printed below it.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// withHint adds what to do about an error; nil stays nil.
func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, hint: fmt.Sprintf(format, args...)}
}

// usage is an error in the command line itself.
func usage(cmd *cobra.Command, err error) error {
	return &exitError{exitUsage, withHint(err, "`%s --help` tells how it is used", cmd.CommandPath())}
}
