package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/policy"
)

func newSeatCmd() *cobra.Command {
	return newGroup("seat", "Make, rotate and revoke credentials",
		`A seat is one credential of one daemon or person of a member, such as my/feed.
Its ceiling is the highest TLP it may hold; its standing says whether the
member's own organization is behind it, or a client of it, who never holds
AMBER+STRICT or RED. Changes take effect at once, live connections included.`,
		newSeatListCmd(), newSeatShowCmd(), newSeatAddCmd(), newSeatRotateCmd(),
		newSeatCeilingCmd(), newSeatRevokeCmd(), newSeatTokenCmd())
}

func newSeatListCmd() *cobra.Command {
	cmd := verb("list [MEMBER]", "List seats, all or one member's", cobra.MaximumNArgs(1), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		member := strings.Join(args, "")
		if member != "" {
			if _, err := a.directory(ctx, "member.list", member); err != nil {
				return err // a member that is none is not one without seats
			}
		}
		d, err := a.directory(ctx, "seat.list", member)
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, d)
		}
		return printSeats(cmd, d.Seats)
	})
	cmd.ValidArgsFunction = completeNames("member.list")
	return cmd
}

func printSeats(cmd *cobra.Command, seats []policy.Seat) error {
	t := newTable(cmd, "SEAT", "KIND", "CEILING", "STANDING", "ONLY", "STATE", "SINCE")
	for i := range seats {
		s := &seats[i]
		t.row(s.Name, string(s.Kind), s.Ceiling.String(), string(s.Standing), seatFilter(s), seatState(s), day(s.Created))
	}
	return t.flush()
}

func seatFilter(s *policy.Seat) string {
	var only []string
	if s.FilterType != "" {
		only = append(only, "type "+s.FilterType)
	}
	if s.FilterOrigin != "" {
		only = append(only, "origin "+s.FilterOrigin)
	}
	return strings.Join(only, ", ")
}

func seatState(s *policy.Seat) string {
	switch {
	case s.Revoked:
		return "revoked"
	case s.Enrolled():
		return "active"
	case s.Invitation == nil:
		return "no credentials"
	case s.Invitation.Expired(time.Now()):
		return "invitation expired"
	}
	return "invited"
}

func newSeatShowCmd() *cobra.Command {
	cmd := verb("show SEAT", "Show a seat", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		if _, _, no := policy.SplitSeat(args[0]); no != nil {
			return usage(cmd, no)
		}
		d, err := a.directory(ctx, "seat.list", args[0])
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, d)
		}
		t := newTable(cmd)
		for i := range d.Seats {
			s := &d.Seats[i]
			t.row("seat", s.Name)
			t.row("state", seatState(s))
			if s.Invitation != nil {
				t.row("invited until", day(s.Invitation.Expires))
			}
			t.row("kind", string(s.Kind))
			t.row("ceiling", s.Ceiling.String())
			t.row("standing", string(s.Standing))
			t.row("receives only", seatFilter(s))
			t.row("account, and name of its durables", s.Account)
			t.row("credential", s.User)
			t.row("credentials replaced", counted(len(s.Retired), "time"))
			t.row("tokens", counted(len(s.Tokens), "token"))
			t.row("made", day(s.Created))
		}
		return t.flush()
	})
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}
