package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func newMemberCmd() *cobra.Command {
	return newGroup("member", "Enrol, suspend and remove members",
		`A member is a national CERT or partner. Being one gives no audience: a place on
a community's roster does ("selat community join"). Changes take effect at once,
live connections included.`,
		newMemberListCmd(), newMemberShowCmd(), newMemberAddCmd(), newMemberEditCmd(), newMemberInviteCmd(), newMemberInvitationsCmd(),
		newMemberSuspendCmd(), newMemberResumeCmd(), newMemberRemoveCmd())
}

// verb is a command that asks a running hub.
func verb(use, short string, args cobra.PositionalArgs, run func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAdmin(cmd, func(ctx context.Context, a *admin) error { return run(ctx, cmd, a, args) })
		},
	}
	adminFlags(cmd)
	jsonFlag(cmd)
	return cmd
}

func newMemberListCmd() *cobra.Command {
	return verb("list", "List members", arguments(), func(ctx context.Context, cmd *cobra.Command, a *admin, _ []string) error {
		d, err := a.directory(ctx, "member.list", "")
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, d)
		}
		t := newTable(cmd, "MEMBER", "TITLE", "STATE", "UNMARKED", "AMBER TO")
		for _, m := range d.Members {
			t.row(m.Name, m.Title, memberState(&m), unmarkedOf(&m), m.AmberTo)
		}
		return t.flush()
	})
}

func memberState(m *policy.Member) string {
	switch {
	case m.Suspended:
		return "suspended"
	case m.ReceiveOnly:
		return "receives only"
	}
	return "active"
}

func unmarkedOf(m *policy.Member) string {
	if m.Unmarked == stix.NoLevel {
		return ""
	}
	return m.Unmarked.String()
}

func newMemberShowCmd() *cobra.Command {
	cmd := verb("show MEMBER", "Show a member, its places and its seats", arguments("MEMBER"), memberShow)
	cmd.ValidArgsFunction = completeNames("member.list")
	return cmd
}

func memberShow(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
	d, err := a.directory(ctx, "member.list", args[0])
	if err != nil {
		return err
	}
	groups, err := a.directory(ctx, "community.list", "")
	if err != nil {
		return err
	}
	for _, c := range groups.Communities {
		if _, on := c.Places[args[0]]; on {
			d.Communities = append(d.Communities, c)
		}
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, d)
	}
	for i := range d.Members {
		m := &d.Members[i]
		t := newTable(cmd)
		t.row("member", m.Name)
		t.row("title", m.Title)
		t.row("state", memberState(m))
		t.row("speaks for", strings.Join(m.Identities, ", "))
		t.row("unmarked objects", orElse(unmarkedOf(m), "refused"))
		t.row("AMBER without audience", orElse(m.AmberTo, "refused"))
		for _, c := range d.Communities {
			t.row("on the roster of", c.Name+" since "+day(c.Places[m.Name].Since))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	say(cmd, "")
	return printSeats(cmd, d.Seats)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// day is a moment as tables show it, in UTC.
func day(t time.Time) string {
	if t.IsZero() {
		return "ever"
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}
