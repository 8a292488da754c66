package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
)

const rootLong = `Selat (Malay: strait) is a hub through which national CERTs exchange STIX 2.1
under TLP. Members publish objects to a community, or for TLP:RED to members
named one by one; the hub stores them durably, says of each object what became
of it, and delivers it to exactly those who may have it. One program runs the
hub, looks after its members, publishes and receives. To see it at work on this
machine: selat demo.`

// Groups of commands in the help of the root.
const (
	groupHub     = "hub"
	groupMembers = "members"
	groupTraffic = "traffic"
	groupMore    = "more"
)

// newRoot builds the command line. Every call makes a new one, so that tests
// can run side by side.
func newRoot() *cobra.Command {
	cobra.EnableCommandSorting = false // the order in which one meets them
	root := &cobra.Command{
		Use:           "selat",
		Short:         "Exchange STIX 2.1 between CERTs under TLP",
		Long:          rootLong,
		Version:       broker.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE:          helpOrUnknown,

		DisableFlagsInUseLine: true,
	}
	root.SetVersionTemplate("selat {{.Version}}\n")
	root.SetFlagErrorFunc(usage)
	root.AddGroup(
		&cobra.Group{ID: groupHub, Title: "Run a hub:"},
		&cobra.Group{ID: groupMembers, Title: "Look after members:"},
		&cobra.Group{ID: groupTraffic, Title: "Publish and receive:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupHub, newInitCmd(), newHubCmd(), newConfigCmd(), newTLSCmd(), newClusterCmd(), newHealthCmd(), newCatalogCmd(), newBackupCmd(), newRestoreCmd(), newDrillCmd())
	add(groupMembers, newMemberCmd(), newSeatCmd(), newCommunityCmd())
	add(groupTraffic, newEnrolCmd())
	add(groupTraffic, trafficCmds()...)
	add(groupMore, moreCmds()...)
	root.SetHelpCommandGroupID(groupMore)
	root.SetCompletionCommandGroupID(groupMore)
	checkArgs(root)
	return root
}

// newGroup is a command that only holds others.
func newGroup(use, short, long string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: helpOrUnknown, DisableFlagsInUseLine: true}
	c.AddCommand(subs...)
	return c
}

// helpOrUnknown answers a command that only holds others: its help, or that
// there is no such command.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	err := fmt.Errorf("there is no command %q", cmd.CommandPath()+" "+args[0])
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
	}
	return usage(cmd, err)
}

// checkArgs makes wrong arguments of any command, and flags that do not go
// together, an error in its usage.
func checkArgs(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		var err error
		if check != nil {
			err = check(c, args)
		}
		if err == nil {
			err = c.ValidateFlagGroups()
		}
		if err != nil {
			return usage(c, err)
		}
		return nil
	}
	for _, c := range cmd.Commands() {
		checkArgs(c)
	}
}

// arguments asks for exactly these, by name.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s is missing", strings.Join(names[len(args):], " "))
		case len(args) > len(names):
			return fmt.Errorf("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}
