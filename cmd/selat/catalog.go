package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
)

func newCatalogCmd() *cobra.Command {
	return newGroup("catalog", "Verify and count what the hub holds",
		`The catalogue is the hub's view of its streams: what TAXII and lookups answer
from. It is never the truth: stop the hub, remove the folder "catalogue" in its
data, and the next start builds it again.`,
		newCatalogVerifyCmd(), newCatalogCountsCmd())
}

// verifyEvery is how often the hub is asked how far it is.
const verifyEvery = 250 * time.Millisecond

func newCatalogVerifyCmd() *cobra.Command {
	var node string
	cmd := verb("verify", "Hold the catalogue against the streams, object by object", arguments(), func(ctx context.Context, cmd *cobra.Command, a *admin, _ []string) error {
		v, err := awaitVerification(ctx, cmd, a, node)
		if err != nil {
			return err
		}
		if wantsJSON(cmd) {
			if err := printJSON(cmd, v); err != nil {
				return err
			}
		} else {
			for _, d := range v.Differences {
				say(cmd, "%s", d)
			}
			say(cmd, "%s in %s and the %s they name were looked for.", counted(int(v.Objects), "object"), counted(int(v.Messages), "message"), counted(int(v.Values), "value"))
		}
		switch {
		case v.Error != "":
			return errors.New("the catalogue could not be verified: " + v.Error)
		case v.Wrong > 0:
			return withHint(fmt.Errorf("the catalogue does not agree with the streams: %s", counted(int(v.Wrong), "difference")),
				"stop the hub, remove the folder \"catalogue\" in its data, and start it: the streams hold everything")
		}
		if !wantsJSON(cmd) {
			say(cmd, "The catalogue agrees with the streams.")
		}
		return nil
	})
	cmd.Long = `Reads every message of every stream and looks for each object under each of the
keys that the catalogue should have for it, then counts that there is nothing
more. The hub goes on meanwhile; what it stores after the beginning is left out.

Exit code: 0 the catalogue agrees, 1 it does not or could not be verified, 5 the
hub does not answer.`
	cmd.Flags().StringVar(&node, "node", "", "in a cluster, the node whose catalogue is meant (default: the one that leads)")
	return cmd
}

// awaitVerification asks for a verification, or joins the one under way, and
// waits for its end.
func awaitVerification(ctx context.Context, cmd *cobra.Command, a *admin, node string) (v api.CatalogVerification, err error) {
	live := isTerminal(cmd.ErrOrStderr()) && !wantsJSON(cmd)
	tick := time.NewTicker(verifyEvery)
	defer tick.Stop()
	for q := (api.CatalogVerify{Begin: true, Node: node}); ; q.Begin = false {
		v = api.CatalogVerification{}
		if err := a.ask(ctx, "catalog.verify", q, &v); err != nil || !v.Running {
			if live {
				fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
			}
			return v, err
		}
		if live {
			fmt.Fprintf(cmd.ErrOrStderr(), "\rverifying: %s of about %d messages ", counted(int(v.Objects), "object"), v.Of)
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-tick.C:
		}
	}
}

func newCatalogCountsCmd() *cobra.Command {
	by := []string{"member", "tlp"}
	cmd := verb("counts", "Count objects by member, type, level and day", arguments(), func(ctx context.Context, cmd *cobra.Command, a *admin, _ []string) error {
		for _, b := range by {
			if !slices.Contains(api.CountBy, b) {
				return usage(cmd, fmt.Errorf("%q cannot be counted by: use %s", b, strings.Join(api.CountBy, ", ")))
			}
		}
		var all api.ObjectCounts
		if err := a.ask(ctx, "catalog.counts", api.CatalogCounts{By: by}, &all); err != nil {
			return err
		}
		if wantsJSON(cmd) {
			return printJSON(cmd, all)
		}
		return printCounts(cmd, all.Counts, by)
	})
	cmd.Long = `Counts the objects that were stored, each once for each audience it was stored
for. Days are those of UTC on which the hub took them in. Who received RED is not
told.`
	cmd.Flags().StringSliceVar(&by, "by", by, "what to count by: member, tlp, type, day")
	completeFlag(cmd, "by", api.CountBy...)
	return cmd
}

var countColumns = map[string]func(*api.ObjectCount) string{
	"member": func(c *api.ObjectCount) string { return c.Member },
	"tlp":    func(c *api.ObjectCount) string { return c.Level.String() },
	"type":   func(c *api.ObjectCount) string { return c.Type },
	"day":    func(c *api.ObjectCount) string { return c.Day },
}

func printCounts(cmd *cobra.Command, counts []api.ObjectCount, by []string) error {
	heads := make([]string, len(by))
	for i, b := range by {
		heads[i] = strings.ToUpper(b)
	}
	t := newTable(cmd, append(heads, "OBJECTS")...)
	for i := range counts {
		row := make([]string, 0, len(by)+1)
		for _, b := range by {
			row = append(row, countColumns[b](&counts[i]))
		}
		t.row(append(row, fmt.Sprint(counts[i].Objects))...)
	}
	return t.flush()
}
