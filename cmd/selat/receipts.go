package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

func newReceiptsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receipts ID[@VERSION]...",
		Short: "Tell what is stored of objects the member published",
		Long: `Tells where objects that the seat's member published are stored, by id, and by
version if one is named. What is not named in the answer is not stored; the
exit code is then 1.`,
		Example: `  selat receipts --creds sg-feed.creds indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7
  selat receipts --creds sg-feed.creds indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7@2026-01-01T00:00:00.000Z --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: runReceipts,
	}
	seatFlags(cmd)
	jsonFlag(cmd)
	return cmd
}

func runReceipts(cmd *cobra.Command, args []string) error {
	asked := make([]api.ObjectVersion, len(args))
	for i, a := range args {
		asked[i].ID, asked[i].Version, _ = strings.Cut(a, "@")
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askWait)
	defer cancel()
	c, err := asSeat(ctx, cmd, false)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := c.Receipts(ctx, asked)
	if err != nil {
		return unreachable(err)
	}
	found := map[string]bool{}
	for _, o := range r.Objects {
		found[o.ID] = true
		found[o.ID+"@"+o.Version] = true
	}
	if wantsJSON(cmd) {
		err = printJSON(cmd, r)
	} else {
		err = printReceipts(cmd, r)
	}
	if err != nil {
		return err
	}
	var missing []string
	for _, a := range args {
		if !found[a] {
			missing = append(missing, a)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not stored: %s", strings.Join(missing, ", "))
	}
	return nil
}

func printReceipts(cmd *cobra.Command, r *api.Receipts) error {
	if len(r.Objects) == 0 {
		return nil
	}
	t := newTable(cmd, "ID", "VERSION", "AUDIENCE", "TLP", "STREAM", "SEQUENCE", "INDEX", "ADDED")
	for _, o := range r.Objects {
		for _, p := range o.Places {
			t.row(o.ID, o.Version, p.Audience, shout(p.Level), p.Stream, fmt.Sprint(p.Sequence), fmt.Sprint(p.Index), p.Added)
		}
	}
	return t.flush()
}
