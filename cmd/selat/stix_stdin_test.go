package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// silent is a standard input on which nothing comes.
type silent struct {
	waiting chan struct{} // closed when somebody reads
	over    chan struct{}
}

func (s *silent) Read([]byte) (int, error) {
	close(s.waiting)
	<-s.over
	return 0, io.EOF
}

func TestASignalEndsTheWaitForStandardInput(t *testing.T) {
	for _, args := range [][]string{{"validate", "-"}, {"validate", "--json", "-"}, {"tlp", "-"}, {"id"}, {"values", "-"}, {"match", "[a:b = 'c']", "-"}} {
		t.Run(args[0], func(t *testing.T) {
			in := &silent{make(chan struct{}), make(chan struct{})}
			defer close(in.over)
			ctx, interrupt := context.WithCancel(context.Background())
			go func() {
				<-in.waiting
				interrupt()
			}()
			var stdout, stderr bytes.Buffer
			code := run(ctx, append([]string{"stix"}, args...), in, &stdout, &stderr)
			if code != exitInterrupted || stderr.String() != "selat: interrupted\n" {
				t.Errorf("ends with %d: %s", code, &stderr)
			}
		})
	}
}

func TestInterruptibleInputIsReadWhole(t *testing.T) {
	text := strings.Repeat("one and the other ", 10_000)
	for name, in := range map[string]io.Reader{
		"at once":     strings.NewReader(text),
		"with an end": iotest.DataErrReader(strings.NewReader(text)),
		"in halves":   iotest.HalfReader(strings.NewReader(text)),
	} {
		if err := iotest.TestReader(newInterruptible(t.Context(), in), []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
