package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

// recallOptions is what the command line of recall says.
type recallOptions struct {
	origin string
	yes    bool
	ask    api.RecallRequest
}

func newRecallCmd() *cobra.Command {
	var o recallOptions
	cmd := &cobra.Command{
		Use:   "recall ID --reason TEXT",
		Short: "Order that an object be forgotten by all who hold it",
		Long: `Recalls an object that the seat's member published. When the command returns, the
object is erased at the hub and nobody receives it any more, and the order is on
its way to every member that may hold it, those that have left the community since
included. selat recall status tells who has acknowledged it.

Without --version every version is recalled, and those to come are refused: the
identifier is spent. --from recalls it from one audience only, a community or for
TLP:RED a member, and leaves it where else it is. The reason is told to all who
held the object. A recall cannot be taken back.

To say that an object is no longer valid, publish it with revoked true instead. A
version under a stricter TLP recalls the earlier ones by itself, from those who
may not hold it.

With --origin the hub's administrator recalls the object of any member; the hub
keeps a record of it.`,
		Example: `  selat recall --creds sg-feed.creds indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --reason "names a victim"
  selat recall --creds sg-feed.creds indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --version 2026-01-01T00:00:00.000Z --reason "wrong hash" --yes
  selat recall --creds sg-feed.creds report--f0bf9a4b-7f2a-4d43-a6a6-9ad5b7d29a44 --from asean-us --reason "meant for asean"
  selat recall --data /var/lib/selat --origin sg indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --reason "asked for by letter"`,
		Args: arguments("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ask.ID = args[0]
			return recall(cmd, &o)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	recallFlags(cmd, &o.origin)
	f := cmd.Flags()
	f.StringVar(&o.ask.Version, "version", "", "recall this version only, by its modified time, or by the SHA-256 of what has none")
	f.StringVar(&o.ask.From, "from", "", "recall it from this audience only")
	f.StringVar(&o.ask.Reason, "reason", "", "why, told to all who held it; 1 to 500 characters")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.AddCommand(newRecallStatusCmd())
	return cmd
}

// recallFlags are those of whoever recalls or asks how that goes: a seat, or with
// origin the hub's administrator.
func recallFlags(cmd *cobra.Command, origin *string) {
	adminFlags(cmd)
	f := cmd.Flags()
	f.String("creds", "", "credentials file of the seat (default: $SELAT_CREDS)")
	f.Bool("verbose", false, "tell on standard error what the connection does")
	f.StringVar(origin, "origin", "", "as the hub's administrator: the member whose object it is")
	completeFlagNames(cmd, "origin", "member.list")
	cmd.MarkFlagsMutuallyExclusive("creds", "origin")
	jsonFlag(cmd)
}

func recall(cmd *cobra.Command, o *recallOptions) error {
	if strings.TrimSpace(o.ask.Reason) == "" {
		return usage(cmd, errors.New("say why with --reason TEXT: all who hold the object are told"))
	}
	if !o.yes && isTerminal(cmd.ErrOrStderr()) {
		if err := confirm(cmd, o); err != nil {
			return err
		}
	}
	var done *api.Recalled
	err := asRecaller(cmd, o.origin,
		func(ctx context.Context, a *admin) error {
			done = &api.Recalled{}
			return a.ask(ctx, "recall", api.RecallAs{Origin: o.origin, RecallRequest: o.ask}, done)
		},
		func(ctx context.Context, c seatClient) (err error) {
			done, err = c.Recall(ctx, o.ask)
			return err
		})
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, done)
	}
	say(cmd, "Recalled %s: erased in %s, and %s told.", o.ask.ID, counted(done.Places, "place"), membersTold(done.Members))
	return nil
}

func membersTold(members int) string {
	if members == 1 {
		return "1 member is"
	}
	return counted(members, "member") + " are"
}

// confirm asks a person.
func confirm(cmd *cobra.Command, o *recallOptions) error {
	what := "every version of " + o.ask.ID
	if o.ask.Version != "" {
		what = "version " + o.ask.Version + " of " + o.ask.ID
	}
	where := "all who hold it"
	if o.ask.From != "" {
		where = o.ask.From
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "Recall %s from %s? It cannot be taken back. [y/N] ", printable(what), printable(where))
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.Join(errors.New("nothing was recalled"), notEnd(err))
	}
	return nil
}
