package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

func newCommunityAddCmd() *cobra.Command {
	var q api.CommunityAdd
	cmd := verb("add COMMUNITY", "Make a community with an empty roster", arguments("COMMUNITY"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		q.Name = args[0]
		return a.act(cmd, ctx, "community.add", q, "Community %s is made. Its roster is empty: selat community join %s MEMBER", q.Name, q.Name)
	})
	f := cmd.Flags()
	f.StringVar(&q.Title, "title", "", "what it is, for people")
	f.BoolVar(&q.Private, "private", false, "keep its name out of subjects and streams, for good")
	f.StringSliceVar(&q.Known, "known", nil, "participants of the mechanism that have no place yet, separated by commas")
	cmd.ValidArgsFunction = completeNames("")
	return cmd
}

func newCommunityJoinCmd() *cobra.Command {
	var history bool
	cmd := verb("join COMMUNITY MEMBER", "Give a member a place on a roster", arguments("COMMUNITY", "MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		opens := "AMBER and AMBER+STRICT are open to it from now on, CLEAR and GREEN from the beginning."
		if history {
			opens = "Everything is open to it from the beginning."
		}
		return a.act(cmd, ctx, "community.join", api.Roster{Community: args[0], Member: args[1], History: history},
			"Member %s is on the roster of %s. %s", args[1], args[0], opens)
	})
	cmd.Long = `Gives a member a place on a roster. TLP:AMBER and AMBER+STRICT are open to it from
this moment on, whatever it asks for; CLEAR and GREEN from the beginning.`
	cmd.Flags().BoolVar(&history, "history", false, "open AMBER and AMBER+STRICT from the beginning too")
	cmd.ValidArgsFunction = completeNames("community.list", "member.list")
	return cmd
}

func newCommunityLeaveCmd() *cobra.Command {
	cmd := verb("leave COMMUNITY MEMBER", "Take a member off a roster", arguments("COMMUNITY", "MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		return a.act(cmd, ctx, "community.leave", api.Roster{Community: args[0], Member: args[1]},
			"Member %s is off the roster of %s; its seats receive nothing more from there.", args[1], args[0])
	})
	cmd.ValidArgsFunction = completeNames("community.list", "member.list")
	return cmd
}
