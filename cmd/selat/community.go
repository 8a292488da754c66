package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func newCommunityCmd() *cobra.Command {
	return newGroup("community", "Keep the rosters that objects are sent to",
		`A community is an explicit roster of members, and nothing else: the name of a
mechanism gives nobody an audience. Its known participants receive nothing until
they are members and have a place. Changes take effect at once.`,
		newCommunityListCmd(), newCommunityShowCmd(), newCommunityAddCmd(),
		newCommunityJoinCmd(), newCommunityLeaveCmd())
}

func newCommunityListCmd() *cobra.Command {
	return verb("list", "List communities", arguments(), func(ctx context.Context, cmd *cobra.Command, a *admin, _ []string) error {
		d, err := a.directory(ctx, "community.list", "")
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, d)
		}
		t := newTable(cmd, "COMMUNITY", "TITLE", "MEMBERS", "KNOWN", "PRIVATE")
		for _, c := range d.Communities {
			t.row(c.Name, c.Title, fmt.Sprint(len(c.Places)), fmt.Sprint(len(c.Known)), yes(c.Private))
		}
		return t.flush()
	})
}

func newCommunityShowCmd() *cobra.Command {
	cmd := verb("show COMMUNITY", "Show a community's roster and known participants", arguments("COMMUNITY"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		d, err := a.directory(ctx, "community.list", args[0])
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, d)
		}
		for i := range d.Communities {
			if err := printRoster(cmd, &d.Communities[i]); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.ValidArgsFunction = completeNames("community.list")
	return cmd
}

func printRoster(cmd *cobra.Command, c *policy.Community) error {
	t := newTable(cmd)
	t.row("community", c.Name)
	t.row("title", c.Title)
	if c.Private {
		t.row("private", "in subjects and streams it is called "+c.Token)
	}
	t.row("known without a place", strings.Join(c.Known, ", "))
	if err := t.flush(); err != nil {
		return err
	}
	say(cmd, "")
	t = newTable(cmd, "MEMBER", "SINCE", "AMBER FROM", "AMBER+STRICT FROM")
	for _, m := range slices.Sorted(maps.Keys(c.Places)) {
		p := c.Places[m]
		t.row(m, day(p.Since), startOf(p, stix.Amber), startOf(p, stix.AmberStrict))
	}
	return t.flush()
}

// startOf tells from where on a place opens a level.
func startOf(p policy.Place, l stix.Level) string {
	if from := p.Start[l]; from > 1 {
		return fmt.Sprintf("message %d", from)
	}
	return "the beginning"
}
