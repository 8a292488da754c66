package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
)

// subscribeOptions is what the command line of subscribe says.
type subscribeOptions struct {
	types, origins []string
	since, replay  string
	state          string
	exec, dir      string
	envelope       bool
	recalls        bool
	recallExec     string
	count          int
	idle           time.Duration
	allPlaces      bool
	wait           bool
}

func newSubscribeCmd() *cobra.Command {
	var o subscribeOptions
	cmd := &cobra.Command{
		Use:   "subscribe",
		Short: "Receive everything a seat may read, each object once",
		Long: `Receives the objects the seat may read, as they come, until SIGINT or SIGTERM, and
hands each over once: to standard output, to files, or to a command. What was
handed over is remembered in a state folder, so that a restart neither misses
nor repeats. If the process is killed in the very moment between handing an
object over and remembering that, the object comes again, and standard error
says so.

Standard output has one object on each line, with the bytes that were published;
only line breaks between the parts of an object, where JSON allows any space,
become spaces. --dir and --exec give the exact bytes, and --envelope wraps each
object, exact, in a line of JSON with its origin, audience, TLP and address.

--dir writes DIR/ORIGIN/TYPE/ID@VERSION.json, complete or not at all. --exec runs
a shell command for each object, with the object on its standard input and
SELAT_ORIGIN, SELAT_AUDIENCE, SELAT_TLP, SELAT_TYPE, SELAT_ID, SELAT_VERSION,
SELAT_STREAM, SELAT_SEQUENCE, SELAT_INDEX, SELAT_ADDED, SELAT_SHA256 and
SELAT_REDELIVERED in its environment; if it fails, the object comes again later
and others go on.

An order to forget an object is told on standard error. --dir removes the object's
files, also where it was recalled from one audience only and had come through
another: --replay brings it back. --recalls prints it as the line {"recall": ...}
among the objects. --recall-exec runs a shell command for it, with the order in
JSON on its standard input and SELAT_RECALL, SELAT_ORIGIN, SELAT_TYPE, SELAT_ID,
SELAT_VERSION, SELAT_BEFORE, SELAT_AUDIENCE, SELAT_TLP, SELAT_REASON and SELAT_AT
in its environment: without a version every version is to be forgotten, with
SELAT_BEFORE those before it, and without an audience wherever it came from. Once
it was handed over the order is acknowledged, and the origin sees that.

--type and --origin select here, after the hub sent everything: what they leave
out is not kept for later.`,
		Example: `  selat subscribe --creds my-feed.creds
  selat subscribe --creds my-feed.creds --since 7d --dir /var/lib/cti
  selat subscribe --creds my-firewall.creds --type indicator --exec ./block.sh
  selat subscribe --creds my-feed.creds --replay all --idle 5s >everything.ndjson`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return subscribe(cmd, &o) },
	}
	seatFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.types, "type", nil, "only objects of these STIX types")
	f.StringSliceVar(&o.origins, "origin", nil, "only objects submitted by these members")
	f.StringVar(&o.since, "since", "", "at the very first start, begin at 24h or 7d ago, a time, a sequence, or STREAM:SEQUENCE (default: all)")
	f.StringVar(&o.replay, "replay", "", "receive again from there on, or all; what was handed over is forgotten")
	f.StringVar(&o.state, "state", "", "state folder (default: in $XDG_STATE_HOME/selat or ~/.local/state/selat, one for each seat)")
	f.StringVar(&o.exec, "exec", "", "shell command to run for each object")
	f.StringVar(&o.dir, "dir", "", "folder to write each object to, as a file")
	f.BoolVar(&o.envelope, "envelope", false, "print a line of JSON about each object, with its exact bytes as base64")
	f.BoolVar(&o.recalls, "recalls", false, "print orders to forget an object among the objects")
	f.StringVar(&o.recallExec, "recall-exec", "", "shell command to run for each order to forget an object")
	f.IntVar(&o.count, "count", 0, "end after this many objects")
	f.DurationVar(&o.idle, "idle", 0, "end once everything was received and nothing came for this long")
	f.BoolVar(&o.allPlaces, "all-places", false, "hand an object over once for each audience it came through")
	f.BoolVar(&o.wait, "wait", false, "wait for a hub that cannot be reached yet")
	cmd.MarkFlagsMutuallyExclusive("exec", "dir", "envelope")
	cmd.MarkFlagsMutuallyExclusive("since", "replay")
	cmd.MarkFlagsMutuallyExclusive("recalls", "dir")
	cmd.MarkFlagsMutuallyExclusive("recalls", "exec")
	return cmd
}

func subscribe(cmd *cobra.Command, o *subscribeOptions) error {
	options := client.SubscribeOptions{Types: o.types, Origins: o.origins, EveryPlace: o.allPlaces, Idle: o.idle}
	var err error
	var replay client.Start
	for _, s := range []struct {
		text string
		to   *client.Start
	}{{o.since, &options.Since}, {o.replay, &replay}} {
		if s.text == "" {
			continue
		}
		if *s.to, err = client.ParseStart(s.text, time.Now()); err != nil {
			return usage(cmd, err)
		}
	}
	if !replay.IsZero() {
		options.Replay = []client.Start{replay}
	}
	if o.count < 0 || o.idle < 0 {
		return usage(cmd, errors.New("--count and --idle count forward"))
	}
	sink, err := newSink(cmd, o)
	if err != nil {
		return err
	}
	options.OnRecall = newRecallSink(cmd, o)
	c, err := asSeat(cmd.Context(), cmd, o.wait)
	if err != nil {
		return err
	}
	defer c.Close()
	if options.StateDir = o.state; options.StateDir == "" {
		if options.StateDir, err = defaultState(c.Seat(), c.Account()); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	received := 0
	err = c.Subscribe(ctx, func(ctx context.Context, d client.Delivery) error {
		if d.Redelivered {
			fmt.Fprintf(cmd.ErrOrStderr(), "selat: %s of %s may have been handed over before (%s %d/%d)\n", d.ID, d.Origin, d.Stream, d.Sequence, d.Index)
		}
		if err := sink(ctx, &d); err != nil {
			return err
		}
		if received++; received == o.count {
			stop()
		}
		return nil
	}, options)
	return seatError(err)
}

// defaultState is a folder of its own for each seat. It ends in a part of the
// seat's account key, so that a seat of the same name on another hub, or made
// anew, does not share it.
func defaultState(seat, account string) (string, error) {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" || !filepath.IsAbs(base) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", withHint(fmt.Errorf("finding a place for the state folder: %w", err), "name one with --state DIR")
		}
		base = filepath.Join(home, ".local", "state")
	}
	name := safeName(strings.ReplaceAll(seat, "/", "_")) + "." + strings.ToLower(account[max(0, len(account)-8):])
	return filepath.Join(base, "selat", name), nil
}
