package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/publisher"
)

func newFeedOnceCmd() *cobra.Command {
	var accept bool
	var patience time.Duration
	cmd := &cobra.Command{
		Use:   "once [NAME...]",
		Short: "Read feeds once, and publish until nothing waits",
		Long: `Reads the feeds named, or all, once, and publishes what is new in them and what
waited from before. It can be given again after any failure.

Where over half of a list of 100 rows or more left at once, or what came in its
place has no row to publish or cannot be read for the most part, nothing of it is
revoked, until --accept-shrink says that the list is right.

Exit code: 0 everything accepted or duplicate, 3 some objects refused, 4 none
accepted, 5 the hub cannot be reached, 1 or 2 anything else.`,
		Example: `  selat feed once
  selat feed once urlhaus --accept-shrink`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeFeeds,
		RunE: func(cmd *cobra.Command, names []string) error {
			if accept && len(names) == 0 {
				return usage(cmd, errors.New("--accept-shrink needs the name of the feed"))
			}
			return feedOnce(cmd, names, accept, patience)
		},
	}
	feedFlags(cmd)
	f := cmd.Flags()
	f.Bool("verbose", false, "tell on standard error what the connection does")
	f.BoolVar(&accept, "accept-shrink", false, "the list is meant to have shrunk")
	f.DurationVar(&patience, "patience", 0, "how long all of it may take; 0 is for ever")
	return cmd
}

func feedOnce(cmd *cobra.Command, names []string, accept bool, patience time.Duration) (err error) {
	c, err := feedConfig(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	hub, err := daemonHub(ctx, cmd, c.Credentials, c.Hub, false)
	if err != nil {
		return err
	}
	defer hub.Close()
	o := publisher.Options{AcceptShrink: accept}
	if o.Logger, err = seatLogger(cmd); err != nil {
		return err
	}
	if isTerminal(cmd.ErrOrStderr()) {
		o.Progress = func(feed string, rows int) { fmt.Fprintf(cmd.ErrOrStderr(), "\r%s: %d rows ", feed, rows) }
	}
	p, err := openFeeds(c, hub, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	results, err := p.Once(ctx, names...)
	if o.Progress != nil {
		fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
	}
	if printErr := printResults(cmd, results); printErr != nil {
		return printErr
	}
	if err != nil {
		return unreachable(err)
	}
	return feedEnd(results)
}

func feedEnd(results []publisher.Result) error {
	good, refused := 0, 0
	for _, r := range results {
		good += r.Sent.Accepted + r.Sent.Duplicate
		refused += r.Sent.Refused
	}
	switch {
	case refused == 0:
		return nil
	case good == 0:
		return &exitError{code: exitRefused}
	}
	return &exitError{code: exitPartly}
}

func printResults(cmd *cobra.Command, results []publisher.Result) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, results)
	}
	t := newTable(cmd, "FEED", "ROWS", "UNCHANGED", "NEW", "CHANGED", "REVOKED", "ACCEPTED", "DUPLICATE", "REFUSED")
	for _, r := range results {
		t.row(r.Feed, fmt.Sprint(r.Rows), fmt.Sprint(r.Unchanged), fmt.Sprint(r.New), fmt.Sprint(r.Changed), fmt.Sprint(r.Revoked),
			fmt.Sprint(r.Sent.Accepted), fmt.Sprint(r.Sent.Duplicate), fmt.Sprint(r.Sent.Refused))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.NotModified {
			say(cmd, "%s: not changed since it was read last", r.Feed)
		}
		if len(r.Refused) > 0 {
			say(cmd, "%s: rows that became nothing: %s", r.Feed, codes(r.Refused))
		}
		if len(r.Skipped) > 0 {
			say(cmd, "%s: rows that are not to share: %s", r.Feed, codes(r.Skipped))
		}
		if len(r.Sent.Codes) > 0 {
			say(cmd, "%s: objects refused by the hub and set aside: %s", r.Feed, codes(r.Sent.Codes))
		}
		if r.Shrunk != nil {
			say(cmd, "%s: %s, so NOTHING is revoked; if the list is right: selat feed once %s --accept-shrink", r.Feed, r.Shrunk, r.Feed)
		}
	}
	return nil
}
