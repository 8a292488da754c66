package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/sinks"
	"github.com/selat-hub/selat/stix"
)

func newSinkCheckCmd() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try configuration, credentials and sinks, and write nothing",
		Long: `Reads the configuration and the credentials, asks the hub what the seat may read,
and tries of each sink whether its folder can be written to, whether the programs
that check and load it are there, and whether what is in the state can be rendered.
It tells which levels and streams reach each sink, and why others do not. Nothing is
received, written or remembered.

Exit code: 0 all is well, 5 the hub cannot be reached, 1 something else would fail, 2
the command line cannot be understood.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return sinkCheck(cmd, offline) },
	}
	sinkFlags(cmd)
	cmd.Flags().Bool("verbose", false, "tell on standard error what the connection does")
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask the hub")
	return cmd
}

// sinkChecked is what checking came to.
type sinkChecked struct {
	Seat string `json:"seat,omitempty"`
	Hub  string `json:"hub,omitempty"`
	// Credentials and Unreachable say what is wrong with them.
	Credentials string `json:"credentials,omitempty"`
	Unreachable string `json:"unreachable,omitempty"`
	*sinks.Tried
}

func sinkCheck(cmd *cobra.Command, offline bool) error {
	c, err := sinkConfig(cmd)
	if err != nil {
		return err
	}
	var out sinkChecked
	var streams []api.StreamAccess
	if offline {
		_, err = client.ReadCredentials(c.Credentials)
	} else {
		streams, err = askAsSinks(cmd, c, &out)
	}
	if err != nil {
		out.Credentials = err.Error()
		var exit *exitError
		if errors.As(err, &exit) && exit.code == exitUnreachable {
			out.Credentials, out.Unreachable = "", err.Error()
		}
	}
	if out.Tried, err = c.Try(cmd.Context(), streams, time.Now()); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd, out)
	} else {
		printSinkCheck(cmd, &out)
	}
	if err != nil {
		return err
	}
	return out.end()
}

// askAsSinks asks the hub who the seat is and what it may read.
func askAsSinks(cmd *cobra.Command, c *sinks.Config, out *sinkChecked) ([]api.StreamAccess, error) {
	hub, err := daemonHub(cmd.Context(), cmd, c.Credentials, c.Hub, false)
	if err != nil {
		return nil, err
	}
	defer hub.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), askWait)
	defer cancel()
	me, err := hub.Whoami(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	out.Seat, out.Hub = me.Seat, me.Hub
	streams, err := hub.Streams(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	return streams.Streams, nil
}

func (out *sinkChecked) end() error {
	failed := out.Credentials != ""
	for _, t := range out.Sinks {
		failed = failed || len(t.Trouble) > 0
	}
	switch {
	case out.Unreachable != "":
		return &exitError{code: exitUnreachable}
	case failed:
		return &exitError{code: exitFailure}
	}
	return nil
}

func printSinkCheck(cmd *cobra.Command, out *sinkChecked) {
	switch {
	case out.Credentials != "":
		say(cmd, "CREDENTIALS: %s", out.Credentials)
	case out.Unreachable != "":
		say(cmd, "HUB: %s", out.Unreachable)
	case out.Seat != "":
		say(cmd, "seat %s, at %s", out.Seat, out.Hub)
	}
	for i, t := range out.Sinks {
		if i > 0 || out.Credentials+out.Unreachable+out.Seat != "" {
			say(cmd, "")
		}
		say(cmd, "%s: %s, for %s: shows %s", t.Sink, t.Format, t.Exposure, shouted(t.Levels))
		if t.Path != "" {
			say(cmd, "  writes %s", t.Path)
		}
		if t.Checked != "" {
			say(cmd, "  checked by %s", t.Checked)
		}
		for _, r := range t.Streams {
			verdict := "takes"
			if !r.Reaches {
				verdict = "leaves out"
			}
			say(cmd, "  %s %s: %s", verdict, r.Stream, r.Why)
		}
		printRendered(cmd, out.State, &t)
		for _, trouble := range t.Trouble {
			say(cmd, "  NOT WELL: %s", trouble)
		}
	}
}

func printRendered(cmd *cobra.Command, state string, t *sinks.Trial) {
	if state != "read" {
		say(cmd, "  objects: the state is %s", state)
		return
	}
	var shown []string
	for _, level := range slices.Sorted(maps.Keys(t.Shown)) {
		shown = append(shown, fmt.Sprintf("%s: %d", shout(level), t.Shown[level]))
	}
	if len(shown) == 0 {
		shown = []string{"none"}
	}
	say(cmd, "  objects that count: %s", strings.Join(shown, ", "))
	if len(t.Withheld) > 0 {
		say(cmd, "  objects withheld: %s", codes(t.Withheld))
	}
	if t.Path != "" {
		say(cmd, "  rendered: %s of %s", counted(t.Count.Lines, "line"), counted(t.Count.Written, "object"))
	}
	if len(t.Count.Skipped) > 0 {
		say(cmd, "  objects that the format has nothing for: %s", codes(t.Count.Skipped))
	}
}

func shouted(levels []stix.Level) string {
	var out []string
	for _, l := range levels {
		out = append(out, shout(l))
	}
	return strings.Join(out, ", ")
}
