package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/publisher"
)

func newFeedRunCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Read and publish feeds on their schedules, until ended",
		Long: `Reads each feed on its schedule, or when a file comes into its folder, and
publishes what is new, until SIGINT or SIGTERM. Without a link to the hub it goes
on reading; what is to be published waits on disk, for days if it must.`,
		Args: arguments(),
		RunE: runFeeds,
	}
	feedFlags(cmd)
	cmd.Flags().Bool("verbose", false, "tell on standard error all that is done")
	return cmd
}

func runFeeds(cmd *cobra.Command, _ []string) (err error) {
	c, err := feedConfig(cmd)
	if err != nil {
		return err
	}
	logger, err := seatLogger(cmd)
	if err != nil {
		return err
	}
	hub := publisher.NewLink(c, logger)
	defer func() { hub.Close() }()
	registry, stop, err := daemon.ServeMetrics(c.Metrics, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	p, err := openFeeds(c, hub, publisher.Options{Logger: logger, Registry: registry})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	end := serveDaemon(c.State, p.Handler(), logger)
	defer func() { err = errors.Join(err, end()) }()
	return p.Run(cmd.Context())
}
