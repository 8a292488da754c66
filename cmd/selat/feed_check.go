package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/publisher"
	"github.com/selat-hub/selat/stix"
)

// checked is what a dry run of a feed found.
type checked struct {
	publisher.Trial
	Route *api.Route `json:"route,omitempty"`
}

func newFeedCheckCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [NAME...]",
		Short: "Try configuration, credentials and feeds, and publish nothing",
		Long: `Reads the configuration, asks the hub who the seat is, reads each feed, and asks
the hub who would receive some of what would be published. Nothing is published
or remembered.`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeFeeds,
		RunE:              feedCheck,
	}
	feedFlags(cmd)
	cmd.Flags().Bool("verbose", false, "tell on standard error what the connection does")
	return cmd
}

func feedCheck(cmd *cobra.Command, names []string) error {
	c, err := feedConfig(cmd)
	if err != nil {
		return err
	}
	hub, err := daemonHub(cmd.Context(), cmd, c.Credentials, c.Hub, false)
	if err != nil {
		return err
	}
	defer hub.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), askWait)
	defer cancel()
	me, err := hub.Whoami(ctx)
	if err != nil {
		return unreachable(err)
	}
	trials, err := publisher.Try(cmd.Context(), c, names...)
	if err != nil {
		return err
	}
	var all []checked
	failed := false
	for _, t := range trials {
		k := checked{Trial: t}
		failed = failed || t.Error != ""
		if len(t.Objects) > 0 {
			f := c.Feeds[t.Feed]
			payload := stix.AppendBundle(nil, "bundle--"+uuid.NewString(), t.Objects...)
			if k.Route, err = hub.Route(cmd.Context(), payload, client.SubmitOptions{To: f.To, Unmarked: f.UnmarkedLevel()}); err != nil {
				return unreachable(err)
			}
		}
		all = append(all, k)
	}
	if err := printChecked(cmd, me, all); err != nil {
		return err
	}
	if failed {
		return errors.New("a feed could not be read")
	}
	return nil
}

func printChecked(cmd *cobra.Command, me *api.Whoami, all []checked) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			Seat  string    `json:"seat"`
			Feeds []checked `json:"feeds"`
		}{me.Seat, all})
	}
	say(cmd, "seat %s of %s, at %s", me.Seat, me.Member, me.Hub)
	for _, k := range all {
		say(cmd, "")
		say(cmd, "%s: %s, %s", k.Feed, counted(k.Rows, "row"), fmt.Sprintf("%d refused", k.RefusedRows))
		if len(k.Refused) > 0 {
			say(cmd, "  rows that became nothing: %s", codes(k.Refused))
		}
		if k.Error != "" {
			say(cmd, "  NOT READ TO ITS END: %s", k.Error)
		}
		if k.Route != nil {
			if err := printRoute(cmd, k.Route, true); err != nil {
				return err
			}
		}
	}
	return nil
}
