package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// completePatience bounds how long a press of Tab waits for the hub.
const completePatience = time.Second

// completeNames completes each argument from the running hub's directory. One
// list for each argument; "" is an argument that only its author knows.
func completeNames(lists ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(lists) || lists[len(args)] == "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return askNames(cmd, lists[len(args)]), cobra.ShellCompDirectiveNoFileComp
	}
}

func askNames(cmd *cobra.Command, list string) (names []cobra.Completion) {
	askBriefly(cmd, func(ctx context.Context, a *admin) {
		if d, err := a.directory(ctx, list, ""); err == nil {
			names = namesIn(d)
		}
	})
	return names
}

// askTokens completes the id of a token of a seat.
func askTokens(cmd *cobra.Command, seat string) (ids []cobra.Completion) {
	askBriefly(cmd, func(ctx context.Context, a *admin) {
		var answer api.Tokens
		if err := a.ask(ctx, "seat.token.list", api.Named{Name: seat}, &answer); err != nil {
			return
		}
		for _, t := range answer.Tokens {
			ids = append(ids, cobra.CompletionWithDesc(t.ID, t.Label))
		}
	})
	return ids
}

// askBriefly asks the running hub, if there is one. There is no place to say
// that there is none.
func askBriefly(cmd *cobra.Command, ask func(ctx context.Context, a *admin)) {
	ctx, cancel := context.WithTimeout(context.Background(), completePatience)
	defer cancel()
	a, err := openAdmin(cmd, completePatience)
	if err != nil {
		return
	}
	defer a.nc.Close()
	ask(ctx, a)
}

func namesIn(d *api.Directory) (names []cobra.Completion) {
	for _, m := range d.Members {
		names = append(names, cobra.CompletionWithDesc(m.Name, m.Title))
	}
	for _, s := range d.Seats {
		if !s.Revoked {
			names = append(names, s.Name)
		}
	}
	for _, c := range d.Communities {
		names = append(names, cobra.CompletionWithDesc(c.Name, c.Title))
	}
	return names
}

// completeFlag completes a flag from fixed words.
func completeFlag(cmd *cobra.Command, flag string, words ...string) {
	fixed := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, fixed); err != nil {
		cobra.CompErrorln(err.Error()) // a flag that does not exist: a test meets it
	}
}

// completeFlagNames completes a flag from the running hub's directory.
func completeFlagNames(cmd *cobra.Command, flag, list string) {
	ask := func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return askNames(cmd, list), cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, ask); err != nil {
		cobra.CompErrorln(err.Error())
	}
}

// levelFlag adds a flag that takes a TLP level and, with orNone, "none".
func levelFlag(cmd *cobra.Command, level *stix.Level, name string, orNone bool, about string) {
	cmd.Flags().Var(&levelValue{level, orNone}, name, about)
	words := make([]string, 0, len(stix.Levels)+1)
	for _, l := range stix.Levels {
		words = append(words, l.String())
	}
	if orNone {
		words = append(words, stix.NoLevel.String())
	}
	completeFlag(cmd, name, words...)
}

type levelValue struct {
	level  *stix.Level
	orNone bool
}

func (v *levelValue) Type() string { return "level" }

func (v *levelValue) String() string {
	if v.level == nil || *v.level == stix.NoLevel {
		return ""
	}
	return v.level.String()
}

func (v *levelValue) Set(s string) (err error) {
	if v.orNone && s == stix.NoLevel.String() {
		*v.level = stix.NoLevel
		return nil
	}
	*v.level, err = stix.ParseLevel(s)
	return err
}
