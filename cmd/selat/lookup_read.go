package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

// valueLines are the values of one run: those of the command line, then those of
// a file, a line each. What is read ahead is bounded, and whoever waits for one
// value is not kept waiting for a thousand.
type valueLines struct {
	lines chan string
	err   error // once lines is closed
	stop  context.CancelFunc
	file  io.Closer
}

func (l *lookupRun) open(ctx context.Context, cmd *cobra.Command, args []string) (*valueLines, error) {
	in := &valueLines{lines: make(chan string, api.LookupValues)}
	var named []string
	for _, a := range args {
		switch {
		case a != "-":
			named = append(named, a)
		case l.from != "":
			return nil, usage(cmd, errors.New("- is standard input, and --from names another: give one of the two"))
		default:
			l.from = a
		}
	}
	ctx, in.stop = context.WithCancel(ctx)
	var from io.Reader
	switch l.from {
	case "":
	case "-":
		from = newInterruptible(ctx, cmd.InOrStdin())
	default:
		f, err := os.Open(l.from)
		if err != nil {
			in.stop()
			return nil, err
		}
		from, in.file = newInterruptible(ctx, f), f // it may be a pipe
	}
	go in.read(ctx, named, from)
	return in, nil
}

// read passes the values on until there are no more, or ctx ends.
func (in *valueLines) read(ctx context.Context, named []string, from io.Reader) {
	defer close(in.lines)
	pass := func(v string) bool {
		select {
		case in.lines <- v:
			return true
		case <-ctx.Done():
			in.err = ctx.Err()
			return false
		}
	}
	for _, v := range named {
		if !pass(v) {
			return
		}
	}
	if from == nil {
		return
	}
	r := bufio.NewReaderSize(from, 64<<10)
	for n := 1; ; n++ {
		line, err := readValue(r)
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if v := strings.TrimSpace(line); v != "" && v[0] != '#' && !pass(v) {
			return
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				in.err = fmt.Errorf("reading line %d: %w", n, err)
			}
			return
		}
	}
}

// readValue reads a line. Of one that is longer than any value only so much is
// kept that it is seen to be.
func readValue(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := r.ReadSlice('\n')
		if room := api.LookupValueBytes + 1 - b.Len(); room > 0 {
			b.Write(part[:min(room, len(part))])
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return b.String(), err
		}
	}
}

// next returns the values that are there, at least one and as many as a request
// takes; none after the last.
func (in *valueLines) next(ctx context.Context) (batch []string, err error) {
	for len(batch) < api.LookupValues {
		if len(batch) > 0 && len(in.lines) == 0 {
			break
		}
		v, more := <-in.lines
		if !more {
			break
		}
		batch = append(batch, v)
	}
	if len(batch) == 0 {
		err = in.err
	}
	return batch, errors.Join(err, ctx.Err())
}

// close waits for the reading to end.
func (in *valueLines) close() {
	in.stop()
	for range in.lines {
	}
	if in.file != nil {
		_ = in.file.Close() // it was only read
	}
}
