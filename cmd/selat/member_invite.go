package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// invitation is what the command line of member invite says.
type invitation struct {
	fields                        memberFields
	kind, standing, seat, expires string
	join                          []string
	ask                           api.SeatInvite
}

func newMemberInviteCmd() *cobra.Command {
	i := invitation{ask: api.SeatInvite{Ceiling: stix.Green}}
	cmd := verb("invite MEMBER", "Make a code by which a member's own side makes its credentials", arguments("MEMBER"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		return i.run(ctx, cmd, a, args[0])
	})
	cmd.Long = `Makes an invitation code of a seat, for its owner only. The owner redeems it once
with "selat enrol CODE", which makes the private key there: it never travels. The
code pins the hub's certificate, so that nothing else need be handed over.

A member that is not there yet is enrolled with --title, and given places with
--join. A seat that is invited already gets a new code, and the old one ends.`
	cmd.Example = `  selat member invite ph
  selat member invite ph --seat ph/firewall --kind subscriber --ceiling amber --expires 2h
  selat member invite jp --title "JPCERT/CC, Japan" --join admm-plus --join region
  selat member invite ph --seat ph/feed --replace     # new credentials, made over there`
	f := cmd.Flags()
	f.StringVar(&i.seat, "seat", "", "the seat it is for (default MEMBER/feed)")
	f.StringVar(&i.kind, "kind", string(policy.Both), "publisher, subscriber or both")
	f.StringVar(&i.standing, "standing", string(policy.Organization), "organization, or client: a constituent or outsourced provider")
	levelFlag(cmd, &i.ask.Ceiling, "ceiling", false, "highest TLP the seat may hold")
	f.StringVar(&i.expires, "expires", "24h", "how long the code is good: 24h, 7d, a date or a time; 30 days at most")
	f.BoolVar(&i.ask.Replace, "replace", false, "the seat has credentials: they end when the code is redeemed")
	f.StringVar(&i.fields.title, "title", "", "enrol the member under this title, if it is not there yet")
	f.StringArrayVar(&i.fields.identities, "identity", nil, "with --title: STIX identity it speaks for; may be given several times")
	f.StringArrayVar(&i.join, "join", nil, "community to give the member a place in; may be given several times")
	completeFlag(cmd, "kind", string(policy.Publisher), string(policy.Subscriber), string(policy.Both))
	completeFlag(cmd, "standing", string(policy.Organization), string(policy.Client))
	completeFlagNames(cmd, "seat", "seat.list")
	completeFlagNames(cmd, "join", "community.list")
	cmd.ValidArgsFunction = completeNames("member.list")
	return cmd
}

func (i *invitation) run(ctx context.Context, cmd *cobra.Command, a *admin, member string) (err error) {
	if i.ask.Name = i.seat; i.seat == "" {
		i.ask.Name = member + "/feed"
	}
	of, _, no := policy.SplitSeat(i.ask.Name)
	if no != nil {
		return usage(cmd, no)
	}
	if of != member {
		return usage(cmd, fmt.Errorf("seat %s is not of member %s", i.ask.Name, member))
	}
	if i.ask.Expires, err = parseExpiry(i.expires, time.Now()); err != nil || i.expires == "" {
		return usage(cmd, errors.Join(err, orNil(i.expires == "", "an invitation expires: say when")))
	}
	i.ask.Kind, i.ask.Standing = policy.Kind(i.kind), policy.Standing(i.standing)
	if err := i.prepare(ctx, cmd, a, member); err != nil {
		return err
	}
	var answer api.Invited
	if err := a.ask(ctx, "seat.invite", i.ask, &answer); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, answer)
	}
	say(cmd, "%s", answer.Code)
	out := cmd.ErrOrStderr()
	fmt.Fprintf(out, "The code is for the owner of seat %s only, and good once, until %s.\n", answer.Seat, day(answer.Expires))
	fmt.Fprintf(out, "At the owner's side: selat enrol CODE\nIt reaches the hub at %s.\n", answer.URL)
	return nil
}

func orNil(bad bool, text string) error {
	if bad {
		return errors.New(text)
	}
	return nil
}

// prepare enrols the member, if it is not there and has a title, and gives it the
// places asked for that it has not.
func (i *invitation) prepare(ctx context.Context, cmd *cobra.Command, a *admin, member string) error {
	var done api.Done
	_, err := a.directory(ctx, "member.list", member)
	var known *api.Error
	switch {
	case errors.As(err, &known) && known.Code == "not-found" && i.fields.title == "":
		return withHint(err, "--title \"The team, its state\" enrols it now")
	case errors.As(err, &known) && known.Code == "not-found":
		if err := a.ask(ctx, "member.add", i.fields.change(cmd, member), &done); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if len(i.join) == 0 {
		return nil
	}
	groups, err := a.directory(ctx, "community.list", "")
	if err != nil {
		return err
	}
	for _, name := range i.join {
		if onRoster(groups, name, member) {
			continue
		}
		if err := a.ask(ctx, "community.join", api.Roster{Community: name, Member: member}, &done); err != nil {
			return err
		}
	}
	return nil
}

func onRoster(d *api.Directory, community, member string) bool {
	for _, c := range d.Communities {
		if _, on := c.Places[member]; on && c.Name == community {
			return true
		}
	}
	return false
}

func newMemberInvitationsCmd() *cobra.Command {
	cmd := verb("invitations [MEMBER]", "List invitations that nobody has redeemed, all or one member's", cobra.MaximumNArgs(1), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		d, err := a.directory(ctx, "seat.list", strings.Join(args, ""))
		if err != nil {
			return err
		}
		open := []policy.Seat{}
		for _, s := range d.Seats {
			if s.Invitation != nil {
				open = append(open, s)
			}
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, map[string][]policy.Seat{"seats": open})
		}
		t := newTable(cmd, "SEAT", "KIND", "CEILING", "STATE", "SINCE", "EXPIRES")
		for k := range open {
			s := &open[k]
			t.row(s.Name, string(s.Kind), s.Ceiling.String(), invitationState(s), day(s.Invitation.Created), day(s.Invitation.Expires))
		}
		return t.flush()
	})
	cmd.ValidArgsFunction = completeNames("member.list")
	cmd.AddCommand(newInvitationRevokeCmd())
	return cmd
}

// invitationState tells, unlike seatState, of the invitation of a seat that has
// credentials too.
func invitationState(s *policy.Seat) string {
	switch {
	case s.Invitation.Expired(time.Now()):
		return "expired"
	case s.Enrolled():
		return "to replace"
	}
	return "open"
}

func newInvitationRevokeCmd() *cobra.Command {
	cmd := verb("revoke SEAT", "End an invitation at once", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		return a.act(cmd, ctx, "seat.invitation.revoke", api.Named{Name: args[0]}, "The invitation of seat %s is withdrawn: its code opens nothing.", args[0])
	})
	cmd.Long = `Ends an invitation: its code is refused from now on. A seat that never had
credentials goes with it; one that has keeps them.`
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}
