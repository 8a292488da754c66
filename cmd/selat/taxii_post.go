package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	taxii "github.com/selat-hub/selat/feeds/taxii/client"
	"github.com/selat-hub/selat/stix"
)

// taxiiObjectMost bounds one object that is sent to other people's servers.
const taxiiObjectMost = 32 << 20

func newTaxiiPostCmd() *cobra.Command {
	var quiet, progress bool
	cmd := &cobra.Command{
		Use:   "post URL COLLECTION FILE...",
		Short: "Add objects to a collection",
		Long: `Adds the objects in files to a collection of a TAXII 2.1 server: a STIX bundle,
one object, or objects one on each line; - is standard input. Large inputs are
cut into requests that the server takes, and the bytes of objects are not
changed. What becomes of each object is the server's to say; one that it has
already counts as accepted, so after any failure the same command can be given
again.

TLP is not looked at: whoever adds an object to a server shares it with all that
may read it there.

Exit code: 0 everything accepted, 3 some objects refused or without an answer,
4 none accepted, 5 the server does not answer, 1 or 2 anything else.`,
		Example: `  selat taxii post https://taxii.example Indicators report.json --token-file token
  producer | selat taxii post https://taxii.example/api1/ indicators --json - >outcomes.ndjson`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 {
				return arguments("URL", "COLLECTION", "FILE")(nil, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return taxiiPost(cmd, &postOutput{cmd: cmd, quiet: quiet}, progress, args)
		},
		ValidArgsFunction: completeCollections,
	}
	taxiiFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "print objects that are not accepted only")
	f.BoolVar(&progress, "progress", false, "tell progress on standard error even when that is no terminal")
	return cmd
}

func taxiiPost(cmd *cobra.Command, out *postOutput, always bool, args []string) error {
	ctx := cmd.Context()
	sources, err := onceSources(cmd, args[2:])
	if err != nil {
		return err
	}
	out.progress = newTaxiiProgress(cmd, "answered", always)
	if wantsJSON(cmd) {
		out.json = jsonLines(cmd)
	}
	c, err := askTaxii(cmd, args[0], out.progress.notice)
	if err != nil {
		return err
	}
	defer c.Close()
	col, err := c.Find(ctx, args[1])
	if err != nil {
		return taxiiError(cmd, err)
	}
	sender := c.NewSender(col, out.answered)
	err = sendAll(ctx, sender, sources, out)
	if err == nil {
		err = sender.Flush(ctx)
	}
	if err != nil {
		err = errors.Join(err, out.abandon())
	}
	out.progress.finish()
	err = errors.Join(err, out.summary())
	if err != nil {
		return taxiiError(cmd, fmt.Errorf("adding objects ended early; give the same command again: %w", err))
	}
	return out.exit()
}

// sendAll reads the sources and sends what is in them.
func sendAll(ctx context.Context, sender *taxii.Sender, sources []client.Source, out *postOutput) error {
	for _, src := range sources {
		if err := sendOne(ctx, sender, src, out); err != nil {
			return err
		}
	}
	return nil
}

func sendOne(ctx context.Context, sender *taxii.Sender, src client.Source, out *postOutput) (err error) {
	in, err := src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	reader := stix.NewReader(in, stix.Limits{ObjectBytes: taxiiObjectMost})
	for index := 0; ; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := reader.Next()
		line := postLine{File: src.Name, Object: index}
		var fault *stix.Finding
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &fault):
			line.Outcome, line.Message = taxii.Refused, explain(fault)
			if err := out.tell(&line); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("reading %s: %w", src.Name, err)
		}
		o, err := taxii.Identify(raw)
		if err != nil {
			line.Outcome, line.Message = taxii.Refused, "it is broken JSON: "+err.Error()
			if err := out.tell(&line); err != nil {
				return err
			}
			continue
		}
		line.ID, line.Version = o.ID, o.Version
		out.waiting = append(out.waiting, line)
		if err := sender.Add(ctx, o); err != nil {
			return err
		}
	}
}

// postLine is what became of one object, as a line of JSON.
type postLine struct {
	File    string       `json:"file"`
	Object  int          `json:"object"` // in its file, from 0
	ID      string       `json:"id,omitempty"`
	Version string       `json:"version,omitempty"`
	Outcome taxii.Result `json:"outcome"`
	Message string       `json:"message,omitempty"`
}

// postTotals counts objects by what became of them.
type postTotals struct {
	Objects    int `json:"objects"`
	Accepted   int `json:"accepted"`
	Refused    int `json:"refused"`
	Unanswered int `json:"unanswered"`
}

// postOutput tells what became of the objects.
type postOutput struct {
	cmd      *cobra.Command
	json     *json.Encoder
	quiet    bool
	progress *taxiiProgress

	waiting []postLine // sent or about to be, from number first on
	first   int
	totals  postTotals
	lines   int
}

// answered takes the outcome of the object of that number. They come nearly in
// order, so little waits.
func (o *postOutput) answered(number int, got taxii.Outcome) error {
	at := number - o.first
	line := &o.waiting[at]
	line.Outcome, line.Message = got.Result, got.Message
	if err := o.tell(line); err != nil {
		return err
	}
	done := 0
	for done < len(o.waiting) && o.waiting[done].Outcome != "" {
		done++
	}
	o.waiting = o.waiting[done:]
	o.first += done
	return nil
}

// abandon tells of the objects that were read and never sent.
func (o *postOutput) abandon() error {
	for i := range o.waiting {
		if l := &o.waiting[i]; l.Outcome == "" {
			l.Outcome, l.Message = taxii.Unanswered, "it was not sent"
			if err := o.tell(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell counts and prints a line.
func (o *postOutput) tell(l *postLine) error {
	o.totals.Objects++
	switch l.Outcome {
	case taxii.Accepted:
		o.totals.Accepted++
	case taxii.Refused:
		o.totals.Refused++
	default:
		o.totals.Unanswered++
	}
	o.progress.count(1)
	if l.Outcome == taxii.Accepted && (o.quiet || o.json == nil) {
		return nil
	}
	o.progress.finish()
	if o.json != nil {
		return o.json.Encode(l)
	}
	if o.lines++; o.lines > refusedMost {
		return nil
	}
	name := l.ID
	if name == "" {
		name = fmt.Sprintf("object %d", l.Object+1)
	}
	text := fmt.Sprintf("%s %s in %s", l.Outcome, name, l.File)
	if l.Message != "" {
		text += ": " + l.Message
	}
	say(o.cmd, "%s", printable(text))
	return nil
}

func (o *postOutput) summary() error {
	if o.json != nil {
		return o.json.Encode(struct {
			Summary postTotals `json:"summary"`
		}{o.totals})
	}
	if o.lines > refusedMost {
		say(o.cmd, "and %d more; --json tells them all", o.lines-refusedMost)
	}
	if o.quiet || o.totals.Objects == 0 {
		return nil
	}
	t := newTable(o.cmd, "ACCEPTED", "REFUSED", "UNANSWERED")
	t.row(fmt.Sprint(o.totals.Accepted), fmt.Sprint(o.totals.Refused), fmt.Sprint(o.totals.Unanswered))
	return t.flush()
}

// exit is the exit code of a sending that went to its end.
func (o *postOutput) exit() error {
	switch t := &o.totals; {
	case t.Objects == 0:
		return errNoObject
	case t.Accepted == 0:
		return &exitError{code: exitRefused}
	case t.Accepted < t.Objects:
		return &exitError{code: exitPartly}
	}
	return nil
}
