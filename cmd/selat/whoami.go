package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// askWait is how long a single question may take.
const askWait = 30 * time.Second

func newWhoamiCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Tell what the hub knows of a seat and what it may read",
		Long: `Tells what the hub knows of the seat whose credentials are given: its member, its
ceiling, the audiences it may publish to, and the streams it may read with how
far it has read them. It is the first thing to try with a new credentials file.`,
		Example: `  selat whoami --creds my-feed.creds
  SELAT_CREDS=my-feed.creds selat whoami --json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), askWait)
			defer cancel()
			c, err := asSeat(ctx, cmd, false)
			if err != nil {
				return err
			}
			defer c.Close()
			me, err := c.Whoami(ctx)
			if err != nil {
				return unreachable(err)
			}
			streams, err := c.Streams(ctx)
			if err != nil {
				return unreachable(err)
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, struct {
					*api.Whoami
					Streams []api.StreamAccess `json:"streams"`
				}{me, streams.Streams})
			}
			return printWhoami(cmd, me, streams.Streams)
		},
	}
	seatFlags(cmd)
	jsonFlag(cmd)
	return cmd
}

func printWhoami(cmd *cobra.Command, me *api.Whoami, streams []api.StreamAccess) error {
	t := newTable(cmd)
	t.row("seat", fmt.Sprintf("%s of %s (%s)", me.Seat, me.Member, me.Title))
	t.row("hub", fmt.Sprintf("%s, version %s", me.Hub, me.Version))
	t.row("kind", fmt.Sprintf("%s, standing %s", me.Kind, me.Standing))
	t.row("ceiling", "TLP:"+shout(me.Ceiling))
	t.row("communities", strings.Join(me.Communities, ", "))
	t.row("members for TLP:RED", strings.Join(me.Members, ", "))
	if me.AmberTo != "" {
		t.row("AMBER goes to", me.AmberTo)
	}
	if me.Unmarked != stix.NoLevel {
		t.row("unmarked is", "TLP:"+shout(me.Unmarked))
	}
	t.row("speaks for", strings.Join(me.Identities, ", "))
	t.row("limits", fmt.Sprintf("%d bytes and %d objects a submission, %d bytes an object", me.Limits.PayloadBytes, me.Limits.Objects, me.Limits.ObjectBytes))
	t.row("account", me.Account)
	if err := t.flush(); err != nil {
		return err
	}
	if len(streams) == 0 {
		return nil
	}
	say(cmd, "")
	t = newTable(cmd, "READS", "TLP", "STREAM", "OPEN FROM", "LAST", "READ UP TO", "WAITING")
	for _, s := range streams {
		t.row(s.Audience, shout(s.Level), s.Name, fmt.Sprint(s.From), fmt.Sprint(s.Last), fmt.Sprint(s.AckFloor), fmt.Sprint(s.Pending))
	}
	return t.flush()
}
