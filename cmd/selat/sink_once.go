package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sinks"
)

func newSinkOnceCmd() *cobra.Command {
	var accept bool
	var idle time.Duration
	cmd := &cobra.Command{
		Use:   "once [NAME...]",
		Short: "Receive what there is, and write sinks once",
		Long: `Receives until nothing came for a while, then writes the sinks named, or all. It
can be given again after any failure.

A file of 20 lines or more that would lose over half of them at once keeps them,
but for what was recalled, until --accept-shrink says that this is right. That may be
said while "selat sink run" has the state: then the daemon writes them.

Exit code: 0 all is written, 1 a sink is not as it should be, 5 the hub cannot be
reached, 2 the command line cannot be understood.`,
		Example: `  selat sink once
  selat sink once suricata --accept-shrink`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeSinks,
		RunE: func(cmd *cobra.Command, names []string) error {
			switch {
			case accept && len(names) == 0:
				return usage(cmd, errors.New("--accept-shrink needs the name of the sink"))
			case idle <= 0:
				return usage(cmd, errors.New("--idle must be longer than nothing"))
			}
			return sinkOnce(cmd, names, accept, idle)
		},
	}
	sinkFlags(cmd)
	f := cmd.Flags()
	f.Bool("verbose", false, "tell on standard error what the connection does")
	f.BoolVar(&accept, "accept-shrink", false, "the file is meant to shrink")
	f.DurationVar(&idle, "idle", 2*time.Second, "how long nothing must have come")
	return cmd
}

func sinkOnce(cmd *cobra.Command, names []string, accept bool, idle time.Duration) (err error) {
	c, err := sinkConfig(cmd)
	if err != nil {
		return err
	}
	if err := knownSinks(c, names); err != nil {
		return err
	}
	if accept {
		if err := c.AskAccept(cmd.Context(), names); !errors.Is(err, daemon.ErrNotRunning) {
			return errors.Join(err, printRunning(cmd, c, names...))
		}
	}
	return withSinks(cmd, c, func(d *sinks.Daemon, hub *client.Client) error {
		failed := d.Once(cmd.Context(), hub, idle, accept, names...)
		all, err := d.Status()
		if err != nil {
			return errors.Join(failed, err)
		}
		if err := printSinks(cmd, all, names...); err != nil {
			return err
		}
		return seatError(failed)
	})
}

// withSinks opens the state of a configuration, and a connection, for what is done
// while no daemon runs.
func withSinks(cmd *cobra.Command, c *sinks.Config, do func(*sinks.Daemon, *client.Client) error) (err error) {
	logger, err := seatLogger(cmd)
	if err != nil {
		return err
	}
	d, err := openSinks(c, sinks.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	hub, err := daemonHub(cmd.Context(), cmd, c.Credentials, c.Hub, false)
	if err != nil {
		return err
	}
	defer hub.Close()
	return do(d, hub)
}

// printRunning tells how sinks of the running daemon stand.
func printRunning(cmd *cobra.Command, c *sinks.Config, names ...string) error {
	all, err := c.AskStatus(cmd.Context())
	if err != nil {
		return err
	}
	return printSinks(cmd, all, names...)
}

// printSinks tells how sinks stand, all without names.
func printSinks(cmd *cobra.Command, all []sinks.Status, names ...string) error {
	all = slices.DeleteFunc(all, func(s sinks.Status) bool { return len(names) > 0 && !slices.Contains(names, s.Name) })
	if wantsJSON(cmd) {
		return printJSON(cmd, all)
	}
	t := newTable(cmd, "SINK", "FORMAT", "WRITTEN", "OBJECTS", "LINES", "GUARDED", "RELOAD WAITS", "EVENTS WAITING")
	for _, s := range all {
		w := &s.Written
		t.row(s.Name, s.Format, moment(w.At), fmt.Sprint(w.Count.Written), fmt.Sprint(w.Count.Lines), yes(w.Guarded), yes(w.Reload), fmt.Sprint(s.Pending))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, s := range all {
		if s.Aside > 0 {
			say(cmd, "%s: events that the receiver refused for good: %d; dead/%s in the state has what it answered", s.Name, s.Aside, s.Name)
		}
		if len(s.Written.Withheld) > 0 {
			say(cmd, "%s: objects withheld: %s", s.Name, codes(s.Written.Withheld))
		}
		if len(s.Written.Count.Skipped) > 0 {
			say(cmd, "%s: objects that the format has nothing for: %s", s.Name, codes(s.Written.Count.Skipped))
		}
		if len(s.Written.Count.Withheld) > 0 {
			say(cmd, "%s: single values left out: %s", s.Name, codes(s.Written.Count.Withheld))
		}
	}
	return nil
}
