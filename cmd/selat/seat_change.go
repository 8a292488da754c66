package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func newSeatAddCmd() *cobra.Command {
	var kind, standing, out string
	q := api.SeatAdd{Ceiling: stix.Green}
	cmd := verb("add MEMBER/SEAT", "Make a seat and write its credentials file", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		q.Name, q.Kind, q.Standing = args[0], policy.Kind(kind), policy.Standing(standing)
		if _, _, no := policy.SplitSeat(q.Name); no != nil {
			return usage(cmd, no)
		}
		file, err := newCredsFile(cmd, q.Name, out, holdsCredentials, false)
		if err != nil {
			return err
		}
		return file.fill(ctx, cmd, a, "seat.add", q, "Seat %s is made: %s, up to TLP:%s.", q.Name, kind, shout(q.Ceiling))
	})
	cmd.Long = `Makes a seat and writes one credentials file of mode 0600, which is all a daemon
needs: its key, and where the hub is. The key is in that file only; the hub
keeps none. A ceiling of red must be asked for.`
	cmd.Example = `  selat seat add my/feed
  selat seat add my/analyst --ceiling red --out analyst.creds
  selat seat add my/isp --kind subscriber --standing client --ceiling amber`
	f := cmd.Flags()
	f.StringVar(&kind, "kind", string(policy.Both), "publisher, subscriber or both")
	f.StringVar(&standing, "standing", string(policy.Organization), "organization, or client: a constituent or outsourced provider")
	levelFlag(cmd, &q.Ceiling, "ceiling", false, "highest TLP the seat may hold")
	f.StringVar(&q.FilterType, "filter-type", "", "receive objects of this STIX type only, for good")
	f.StringVar(&q.FilterOrigin, "filter-origin", "", "receive objects of this member only, for good")
	f.StringVar(&out, "out", "", "credentials file to write, - for standard output (default MEMBER-SEAT.creds)")
	completeFlag(cmd, "kind", string(policy.Publisher), string(policy.Subscriber), string(policy.Both))
	completeFlag(cmd, "standing", string(policy.Organization), string(policy.Client))
	completeFlagNames(cmd, "filter-origin", "member.list")
	cmd.ValidArgsFunction = completeNames("")
	return cmd
}

func newSeatRotateCmd() *cobra.Command {
	var out string
	cmd := verb("rotate SEAT", "Replace a seat's credentials; the old ones end at once", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		if _, _, no := policy.SplitSeat(args[0]); no != nil {
			return usage(cmd, no)
		}
		file, err := newCredsFile(cmd, args[0], out, holdsCredentials, true)
		if err != nil {
			return err
		}
		return file.fill(ctx, cmd, a, "seat.rotate", api.Named{Name: args[0]}, "Seat %s has new credentials; the old ones are void.", args[0])
	})
	cmd.Long = `Replaces a seat's credentials. Connections under the old ones end at once; what
the seat has acknowledged stays acknowledged. The file is replaced in one step
if it holds this seat's old credentials, and a running "selat subscribe" picks
the new ones up by itself. The seat's tokens stay as they are: see "selat seat
token".`
	cmd.Flags().StringVar(&out, "out", "", "credentials file to write, - for standard output (default MEMBER-SEAT.creds)")
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}

func newSeatCeilingCmd() *cobra.Command {
	cmd := verb("ceiling SEAT LEVEL", "Set the highest TLP a seat may hold", arguments("MEMBER/SEAT", "LEVEL"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		level, err := stix.ParseLevel(args[1])
		if err != nil {
			return usage(cmd, err)
		}
		return a.act(cmd, ctx, "seat.ceiling", api.SeatCeiling{Name: args[0], Ceiling: level},
			"Seat %s may hold up to TLP:%s from now on.", args[0], shout(level))
	})
	cmd.Long = `Sets the highest TLP a seat may hold. Lowering it takes away at once. Raising it
shows what comes from now on; a replay fetches what came before.`
	names := completeNames("seat.list")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return names(cmd, args, word)
		}
		var levels []cobra.Completion
		for _, l := range stix.Levels {
			levels = append(levels, l.String())
		}
		return levels, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

func newSeatRevokeCmd() *cobra.Command {
	cmd := verb("revoke SEAT", "Shut a seat for good", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		return a.act(cmd, ctx, "seat.revoke", api.Named{Name: args[0]}, "Seat %s is revoked for good: its connections are closed.", args[0])
	})
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}
