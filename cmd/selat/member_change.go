package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// memberFields are the flags that add and edit share.
type memberFields struct {
	title, amberTo string
	identities     []string
	receiveOnly    bool
	unmarked       stix.Level
}

func (f *memberFields) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.title, "title", "", "the team and its state, for people")
	cmd.Flags().StringArrayVar(&f.identities, "identity", nil, "STIX identity the member speaks for; may be given several times")
	cmd.Flags().BoolVar(&f.receiveOnly, "receive-only", false, "the member may not submit")
	levelFlag(cmd, &f.unmarked, "unmarked", true, "level for its objects without a TLP marking; none refuses them")
	cmd.Flags().StringVar(&f.amberTo, "amber-to", "", "community for its AMBER without a named audience; empty refuses it")
	completeFlagNames(cmd, "amber-to", "community.list")
}

// change says only what was given.
func (f *memberFields) change(cmd *cobra.Command, name string) api.MemberChange {
	q := api.MemberChange{Name: name}
	given := cmd.Flags().Changed
	if given("title") {
		q.Title = &f.title
	}
	if given("identity") {
		q.Identities = &f.identities
	}
	if given("receive-only") {
		q.ReceiveOnly = &f.receiveOnly
	}
	if given("unmarked") {
		q.Unmarked = &f.unmarked
	}
	if given("amber-to") {
		q.AmberTo = &f.amberTo
	}
	return q
}

func newMemberAddCmd() *cobra.Command {
	var f memberFields
	cmd := verb("add MEMBER", "Enrol a member", arguments("MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		name := args[0]
		err := a.act(cmd, ctx, "member.add", f.change(cmd, name), "Member %s is enrolled. It is on no roster and has no seat.", name)
		if err != nil || wantsJSON(cmd) {
			return err
		}
		return hintKnown(ctx, cmd, a, name)
	})
	cmd.Example = "  selat member add jp --title \"JPCERT/CC, Japan\" --identity identity--0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f"
	cmd.ValidArgsFunction = completeNames("")
	f.flags(cmd)
	return cmd
}

// hintKnown tells which mechanisms a new member takes part in. Adding it joins
// it to nothing; that is the administrator's own act.
func hintKnown(ctx context.Context, cmd *cobra.Command, a *admin, name string) error {
	d, err := a.directory(ctx, "community.list", "")
	if err != nil {
		return fmt.Errorf("member %s is enrolled, but looking up where it is known failed: %w", name, err)
	}
	var known []string
	for _, c := range d.Communities {
		if slices.Contains(c.Known, name) {
			known = append(known, c.Name)
		}
	}
	if len(known) == 0 {
		return nil
	}
	say(cmd, "It is a known participant of %s. To give it a place there:", strings.Join(known, ", "))
	for _, c := range known {
		say(cmd, "  selat community join %s %s", c, name)
	}
	return nil
}

func newMemberEditCmd() *cobra.Command {
	var f memberFields
	cmd := verb("edit MEMBER", "Change a member's title, identities or defaults", arguments("MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		q := f.change(cmd, args[0])
		if q.Title == nil && q.Identities == nil && q.ReceiveOnly == nil && q.Unmarked == nil && q.AmberTo == nil {
			return usage(cmd, errors.New("there is nothing to change: give at least one flag"))
		}
		return a.act(cmd, ctx, "member.edit", q, "Member %s is changed.", args[0])
	})
	cmd.ValidArgsFunction = completeNames("member.list")
	f.flags(cmd)
	return cmd
}

func newMemberSuspendCmd() *cobra.Command {
	return memberAct("suspend", "Shut a member out until it is resumed", "member.suspend",
		"Member %s is suspended: its connections are closed, its places and positions kept.")
}

func newMemberResumeCmd() *cobra.Command {
	return memberAct("resume", "Let a suspended member in again", "member.resume",
		"Member %s is resumed: its seats go on after what they had acknowledged.")
}

func memberAct(use, short, act, done string) *cobra.Command {
	cmd := verb(use+" MEMBER", short, arguments("MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		return a.act(cmd, ctx, act, api.Named{Name: args[0]}, done, args[0])
	})
	cmd.ValidArgsFunction = completeNames("member.list")
	return cmd
}

func newMemberRemoveCmd() *cobra.Command {
	var sure bool
	cmd := verb("remove MEMBER", "Remove a member for good", arguments("MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		name := args[0]
		if !sure {
			d, err := a.directory(ctx, "member.list", name)
			if err != nil {
				return err
			}
			return withHint(fmt.Errorf("removing %s takes it off every roster and ends its %s for good; what it published stays", name, counted(len(d.Seats), "seat")),
				"say --yes to do it, or shut it out for a while with `selat member suspend %s`", name)
		}
		return a.act(cmd, ctx, "member.remove", api.Named{Name: name}, "Member %s is removed. What it published stays.", name)
	})
	cmd.Flags().BoolVar(&sure, "yes", false, "do it")
	cmd.ValidArgsFunction = completeNames("member.list")
	return cmd
}
