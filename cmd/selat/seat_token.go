package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

func newSeatTokenCmd() *cobra.Command {
	return newGroup("token", "Make and revoke what a seat asks with over HTTP",
		`A token lets a seat ask over HTTP (TAXII, lookups) what its credentials let it
ask over NATS: as "Authorization: Bearer TOKEN", or as the password of the user
MEMBER/SEAT. A seat may have 16. Rotating a seat's credentials leaves its tokens
as they are: revoke those that may be in wrong hands. A seat that is revoked, or
whose member is suspended, is refused whatever its token.`,
		newSeatTokenListCmd(), newSeatTokenAddCmd(), newSeatTokenRevokeCmd())
}

func newSeatTokenListCmd() *cobra.Command {
	cmd := verb("list SEAT", "List a seat's tokens", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		if _, _, no := policy.SplitSeat(args[0]); no != nil {
			return usage(cmd, no)
		}
		var answer api.Tokens
		if err := a.ask(ctx, "seat.token.list", api.Named{Name: args[0]}, &answer); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, answer)
		}
		t := newTable(cmd, "ID", "LABEL", "SINCE", "EXPIRES", "STATE")
		for i := range answer.Tokens {
			k := &answer.Tokens[i]
			t.row(k.ID, k.Label, day(k.Created), expiry(k.Expires), tokenState(k))
		}
		return t.flush()
	})
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}

func expiry(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return day(t)
}

func tokenState(k *policy.Token) string {
	if k.Expired(time.Now()) {
		return "expired"
	}
	return "active"
}

func newSeatTokenAddCmd() *cobra.Command {
	var out, expires string
	var q api.TokenAdd
	cmd := verb("add SEAT", "Make a token and write it to a file", arguments("MEMBER/SEAT"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) (err error) {
		q.Name = args[0]
		if _, _, no := policy.SplitSeat(q.Name); no != nil {
			return usage(cmd, no)
		}
		if q.Expires, err = parseExpiry(expires, time.Now()); err != nil {
			return usage(cmd, err)
		}
		file, err := newCredsFile(cmd, q.Name, out, holdsToken, false)
		if err != nil {
			return err
		}
		return fillToken(ctx, cmd, a, file, q)
	})
	cmd.Long = `Makes a token and writes it to a file of mode 0600. It is in that file only; the
hub keeps a hash of it. Without --expires it is good until it is revoked.`
	cmd.Example = `  selat seat token add my/firewall --label "perimeter gateway" --expires 90d
  selat seat token add my/siem --expires 2027-01-31 --out siem.token`
	f := cmd.Flags()
	f.StringVar(&q.Label, "label", "", "what the token is for, for people; up to 64 characters")
	f.StringVar(&expires, "expires", "", "when it ends by itself: 90d or 12h from now, a date, or a time (default: never)")
	f.StringVar(&out, "out", "", "file to write, - for standard output (default MEMBER-SEAT.token)")
	cmd.ValidArgsFunction = completeNames("seat.list")
	return cmd
}

// parseExpiry reads a duration from now, a date or a time; "" is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return now.UTC().AddDate(0, 0, int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.UTC().Add(d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		t, err := time.Parse(layout, text)
		switch {
		case err != nil:
		case !t.After(now):
			return time.Time{}, fmt.Errorf("%s is past", text)
		default:
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time to expire: say 90d, 12h, 2027-01-31 or 2027-01-31T08:00:00Z", text)
}

// fillToken asks the hub for a token and writes it.
func fillToken(ctx context.Context, cmd *cobra.Command, a *admin, file *credsFile, q api.TokenAdd) error {
	var answer api.NewToken
	if err := a.ask(ctx, "seat.token.add", q, &answer); err != nil {
		return errors.Join(err, file.drop())
	}
	if file.path == "" {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), answer.Token)
		return err
	}
	if err := file.write(answer.Token + "\n"); err != nil {
		return withHint(fmt.Errorf("the token was made, but could not be written and is lost: %w", errors.Join(err, file.drop())),
			"revoke it with `selat seat token revoke %s %s` and make another with --out FILE", answer.Seat, answer.ID)
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, struct {
			Seat    string    `json:"seat"`
			ID      string    `json:"id"`
			File    string    `json:"file"`
			Expires time.Time `json:"expires,omitzero"`
		}{answer.Seat, answer.ID, file.path, answer.Expires})
	}
	until := "until it is revoked"
	if !answer.Expires.IsZero() {
		until = "until " + day(answer.Expires)
	}
	say(cmd, "Seat %s has a token, %s, good %s.", answer.Seat, answer.ID, until)
	say(cmd, "It is in %s (mode 0600). Hand the file to its owner and keep no copy.", file.path)
	return nil
}

func newSeatTokenRevokeCmd() *cobra.Command {
	cmd := verb("revoke SEAT ID", "End a token at once", arguments("MEMBER/SEAT", "ID"), func(ctx context.Context, cmd *cobra.Command, a *admin, args []string) error {
		if _, _, no := policy.SplitSeat(args[0]); no != nil {
			return usage(cmd, no)
		}
		return a.act(cmd, ctx, "seat.token.revoke", api.TokenRevoke{Name: args[0], ID: args[1]}, "Token %s of seat %s is revoked.", args[1], args[0])
	})
	cmd.Long = `Ends a token: the next request with it is refused. The seat's other tokens and
its credentials stay. The id is what "selat seat token list" shows, and what
stands in the token itself between its underscores.`
	seats := completeNames("seat.list")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return seats(cmd, args, word)
		}
		return askTokens(cmd, args[0]), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
