package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/publisher"
	"github.com/selat-hub/selat/feeds/source"
)

// newFeedCmd holds the verbs of the publisher daemon.
func newFeedCmd() *cobra.Command {
	return newGroup("feed", "Publish what lists, folders and other servers say, unattended",
		`Reads feeds (lists of abuse.ch, MISP, Shadowserver, CSV, TAXII servers, folders
of files), makes STIX 2.1 objects of them and publishes these. What was published
is remembered: reading a feed twice publishes nothing twice, a changed row is a
new version, and a row that left its list is revoked.`,
		newFeedInitCmd(), newFeedCheckCmd(), newFeedOnceCmd(), newFeedRunCmd(), newFeedStatusCmd(), newFeedRetryCmd())
}

func feedFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "feeds.yaml", "configuration of the feeds")
	jsonFlag(cmd)
}

func feedConfig(cmd *cobra.Command) (*publisher.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	c, err := publisher.Load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, withHint(err, "`selat feed init FORMAT` writes one; --config names another file")
	}
	return c, err
}

// daemonHub connects as the seat that a daemon's configuration names.
func daemonHub(ctx context.Context, cmd *cobra.Command, credentials, hub string, wait bool) (*client.Client, error) {
	logger, err := seatLogger(cmd)
	if err != nil {
		return nil, err
	}
	if credentials == "" {
		return nil, errors.New("the configuration names no credentials: name the file of the seat there, as in \"credentials: my-feed.creds\"")
	}
	c, err := client.Connect(ctx, client.Options{CredsFile: credentials, URL: hub, Name: "selat " + cmd.CommandPath(), Logger: logger, Wait: wait})
	return c, seatError(err)
}

func openFeeds(c *publisher.Config, hub publisher.Submitter, o publisher.Options) (*publisher.Publisher, error) {
	p, err := publisher.Open(c, hub, o)
	return p, withHint(err, "a running `selat feed run` has the state of %s to itself", c.State)
}

// completeFeeds completes the names of configured feeds.
func completeFeeds(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := feedConfig(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for name, f := range c.Feeds {
		names = append(names, cobra.CompletionWithDesc(name, f.Format))
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeFormats(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, f := range source.Formats {
		if len(args) == 0 {
			names = append(names, cobra.CompletionWithDesc(f.Name, f.About))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func codes(n map[string]int) string {
	var out []string
	for code, n := range n {
		out = append(out, fmt.Sprintf("%s: %d", code, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
