package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// routeOptions is what a question about routing says beside its objects.
type routeOptions struct {
	from, creds string
	to          []string
	unmarked    stix.Level
	summary     bool
}

// asker asks who would receive the objects of one submission.
type asker func(ctx context.Context, payload []byte) (*api.Route, error)

func newRouteCmd() *cobra.Command {
	var o routeOptions
	cmd := &cobra.Command{
		Use:   "route --from MEMBER [--to AUDIENCE] FILE...",
		Short: "Tell who would receive objects and why, without publishing",
		Long: `Tells of every object who would receive it and why, and who would not and why.
Nothing is published. The hub's own team asks in the name of a member with
--from and is told about every seat; a member asks with its own --creds and is
told about the members it shares an audience with.`,
		Example: `  selat route --from sg --to asean report.json
  selat route --creds sg-feed.creds --to th,vn --summary report.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			switch {
			case (o.from == "") == (o.creds == ""):
				return usage(cmd, errors.New("give either --from MEMBER, as the hub's team, or --creds FILE, as a seat"))
			case o.creds != "":
				return routeAsSeat(cmd, &o, files)
			}
			return routeAsAdmin(cmd, &o, files)
		},
	}
	adminFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "member that would publish")
	f.StringVar(&o.creds, "creds", "", "credentials of the seat that asks")
	f.StringSliceVar(&o.to, "to", nil, "audience: a community, or for RED the members, separated by commas")
	levelFlag(cmd, &o.unmarked, "unmarked", false, "level for objects without a TLP marking")
	f.BoolVar(&o.summary, "summary", false, "fold objects that share a decision")
	completeFlagNames(cmd, "from", "member.list")
	completeFlagNames(cmd, "to", "community.list")
	return cmd
}
