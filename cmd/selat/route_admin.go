package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

// routeAsAdmin asks in the name of a member.
func routeAsAdmin(cmd *cobra.Command, o *routeOptions, files []string) error {
	return withAdmin(cmd, func(_ context.Context, a *admin) error {
		return explainFiles(cmd, o, files, func(ctx context.Context, payload []byte) (*api.Route, error) {
			r := &api.Route{}
			return r, a.ask(ctx, "route", api.RouteAs{From: o.from, To: o.to, Unmarked: o.unmarked, Payload: payload}, r)
		})
	})
}

// explainFiles asks about every object of the files and prints the answers.
func explainFiles(cmd *cobra.Command, o *routeOptions, files []string, ask asker) error {
	in, err := readRouted(cmd, files)
	if err != nil {
		return err
	}
	route, err := in.ask(cmd.Context(), ask)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, route)
	}
	return printRoute(cmd, route, o.summary)
}
