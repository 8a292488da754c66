package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sinks"
)

func newSinkRunCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Receive, and keep every sink as it should be, until ended",
		Long: `Receives what comes and writes each sink when what it shows changes, until SIGINT
or SIGTERM. It waits for a hub that does not answer; what is over leaves meanwhile.`,
		Args: arguments(),
		RunE: runSinks,
	}
	sinkFlags(cmd)
	cmd.Flags().Bool("verbose", false, "tell on standard error all that is done")
	return cmd
}

func runSinks(cmd *cobra.Command, _ []string) (err error) {
	c, err := sinkConfig(cmd)
	if err != nil {
		return err
	}
	logger, err := seatLogger(cmd)
	if err != nil {
		return err
	}
	registry, stop, err := daemon.ServeMetrics(c.Metrics, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	d, err := openSinks(c, sinks.Options{Logger: logger, Metrics: registry})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	end := serveDaemon(c.State, d.Handler(), logger)
	defer func() { err = errors.Join(err, end()) }()
	return seatError(d.Run(cmd.Context(), func(ctx context.Context) (*client.Client, error) {
		return daemonHub(ctx, cmd, c.Credentials, c.Hub, true)
	}))
}

// serveDaemon answers the verbs that ask a daemon while it runs. A daemon that cannot
// be asked does its work all the same.
func serveDaemon(state string, h http.Handler, logger *slog.Logger) (end func() error) {
	end, err := daemon.Serve(state, h, logger)
	if err != nil {
		logger.Warn("this daemon cannot be asked while it runs", "error", err)
		return func() error { return nil }
	}
	return end
}
