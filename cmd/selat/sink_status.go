package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sinks"
)

func newSinkStatusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how sinks stand: last write, what is withheld, what waits",
		Args:  arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := sinkConfig(cmd)
			if err != nil {
				return err
			}
			all, err := c.AskStatus(cmd.Context())
			if !errors.Is(err, daemon.ErrNotRunning) {
				if err != nil {
					return err
				}
				return printSinks(cmd, all)
			}
			d, err := openSinks(c, sinks.Options{})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, d.Close()) }()
			if all, err = d.Status(); err != nil {
				return err
			}
			return printSinks(cmd, all)
		},
	}
	sinkFlags(cmd)
	return cmd
}
