package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

func newRecallStatusCmd() *cobra.Command {
	var origin string
	cmd := &cobra.Command{
		Use:   "status ID",
		Short: "Tell who has acknowledged the recalls of an object",
		Long: `Tells of each recall of an object of the seat's member which members were told, how
many of their seats follow orders, and how many of those have acknowledged it. A
seat follows orders once its daemon has asked for its streams. The names of seats
that have not are told to the member itself and to the hub's administrator.

Exit code: 0 everything is erased and acknowledged, 1 something is outstanding, or
there is no recall of the object; otherwise as everywhere.`,
		Example: `  selat recall status --creds sg-feed.creds indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7
  selat recall status --data /var/lib/selat --origin sg indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --json`,
		Args: arguments("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var st *api.RecallStatuses
			err := asRecaller(cmd, origin,
				func(ctx context.Context, a *admin) error {
					st = &api.RecallStatuses{}
					return a.ask(ctx, "recall.status", api.RecallStatusAs{Origin: origin, ID: args[0]}, st)
				},
				func(ctx context.Context, c seatClient) (err error) {
					st, err = c.RecallStatus(ctx, args[0])
					return err
				})
			if err != nil {
				return err
			}
			return recallStatus(cmd, st, args[0])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	recallFlags(cmd, &origin)
	return cmd
}

func recallStatus(cmd *cobra.Command, st *api.RecallStatuses, id string) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, st)
	} else {
		err = printRecalls(cmd, st)
	}
	if err != nil {
		return err
	}
	if len(st.Recalls) == 0 {
		return fmt.Errorf("there is no recall of %s", id)
	}
	outstanding := 0
	for _, r := range st.Recalls {
		if !r.Erased {
			outstanding++
		}
		for _, m := range r.Members {
			outstanding += m.Seats - m.Acknowledged
		}
	}
	if outstanding > 0 {
		return &exitError{code: exitFailure}
	}
	return nil
}

func printRecalls(cmd *cobra.Command, st *api.RecallStatuses) error {
	for i, r := range st.Recalls {
		if i > 0 {
			say(cmd, "")
		}
		what := "every version"
		if r.Version != "" {
			what = "version " + r.Version
		}
		from := "everywhere"
		if r.From != "" {
			from = r.From
		}
		erased := "the hub is erasing it"
		if r.Erased {
			erased = "erased at the hub"
		}
		say(cmd, "%s, recalled from %s by %s at %s: %s", printable(what), printable(from), r.By, r.At.UTC().Format(time.RFC3339), erased)
		say(cmd, "reason: %s", printable(r.Reason))
		if len(r.Members) == 0 {
			continue
		}
		t := newTable(cmd, "MEMBER", "SEATS", "ACKNOWLEDGED", "OUTSTANDING")
		for _, m := range r.Members {
			t.row(m.Member, fmt.Sprint(m.Seats), fmt.Sprint(m.Acknowledged), strings.Join(m.Outstanding, ", "))
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	return nil
}
