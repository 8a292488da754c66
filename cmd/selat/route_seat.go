package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// routeAsSeat asks with a seat's own credentials.
func routeAsSeat(cmd *cobra.Command, o *routeOptions, files []string) error {
	hub, err := cmd.Flags().GetString("hub")
	if err != nil {
		return err
	}
	c, err := client.Connect(cmd.Context(), client.Options{CredsFile: o.creds, URL: hub})
	if err != nil {
		return err
	}
	defer c.Close()
	return explainFiles(cmd, o, files, func(ctx context.Context, payload []byte) (*api.Route, error) {
		return c.Route(ctx, payload, client.SubmitOptions{To: o.to, Unmarked: o.unmarked})
	})
}
