package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/publisher"
)

func newFeedStatusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how feeds stand: last success, what waits, what was refused",
		Args:  arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := feedConfig(cmd)
			if err != nil {
				return err
			}
			all, err := feedStatus(cmd.Context(), c)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				return printJSON(cmd, all)
			}
			t := newTable(cmd, "FEED", "LAST SUCCESS", "WAITING", "SINCE", "SET ASIDE", "TROUBLE")
			for _, s := range all {
				trouble := s.State.Reason
				if s.State.Shrunk != nil {
					trouble = s.State.Shrunk.String() + ": nothing is revoked"
				}
				t.row(s.Feed, moment(s.State.Success), fmt.Sprint(s.Waiting), moment(s.Oldest), fmt.Sprint(s.Dead), trouble)
			}
			return t.flush()
		},
	}
	feedFlags(cmd)
	return cmd
}

// feedStatus asks the daemon that runs, or looks into the state itself.
func feedStatus(ctx context.Context, c *publisher.Config) (all []publisher.Status, err error) {
	if all, err = c.AskStatus(ctx); !errors.Is(err, daemon.ErrNotRunning) {
		return all, err
	}
	p, err := openFeeds(c, nil, publisher.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Status()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
