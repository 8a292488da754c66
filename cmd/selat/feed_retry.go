package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/publisher"
)

func newFeedRetryCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry [ID]",
		Short: "Put objects that the hub refused back among what is to be published",
		Long: `Puts objects that were set aside back, with the bytes they have: one, or all. A
running "selat feed run" publishes them at once, without one the next does, or the
next "selat feed once". They are in the folder "dead" of the state, each beside its
receipt, which says why it was refused.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := feedConfig(cmd)
			if err != nil {
				return err
			}
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			n, err := feedRetry(cmd.Context(), c, id)
			if err == nil && n == 0 && id != "" {
				err = fmt.Errorf("no object %q was set aside", id)
			}
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, map[string]int{"retried": n})
			}
			say(cmd, "%s to be published again.", counted(n, "object"))
			return nil
		},
	}
	feedFlags(cmd)
	return cmd
}

// feedRetry asks the daemon that runs, or changes the state itself.
func feedRetry(ctx context.Context, c *publisher.Config, id string) (n int, err error) {
	if n, err = c.AskRetry(ctx, id); !errors.Is(err, daemon.ErrNotRunning) {
		return n, err
	}
	p, err := openFeeds(c, nil, publisher.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Retry(id)
}
