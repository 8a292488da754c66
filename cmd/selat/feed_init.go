package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/feeds/source"
	"github.com/selat-hub/selat/stix"
)

func newFeedInitCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "init FORMAT",
		Short: "Write a configuration for a feed of a format",
		Long: `Writes a commented configuration that works once the path of the seat's
credentials file is filled in. Formats:

` + formatList(),
		Example: `  selat feed init urlhaus --out feeds.yaml
  selat feed init csv`,
		Args:              arguments("FORMAT"),
		ValidArgsFunction: completeFormats,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := source.Lookup(args[0])
			if err != nil {
				return usage(cmd, err)
			}
			text := feedTemplate(f)
			return giveConfiguration(cmd, f.Name, text, out, "feed check")
		},
	}
	jsonFlag(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return cmd
}

// giveConfiguration prints a configuration, or writes it to a new file and says what
// to do next.
func giveConfiguration(cmd *cobra.Command, format, text, out, next string) error {
	switch {
	case wantsJSON(cmd):
		return printJSON(cmd, map[string]string{"format": format, "configuration": text})
	case out == "":
		_, err := fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err == nil {
		say(cmd, "%s is written. Fill in credentials, then: selat %s --config %s", out, next, out)
	}
	return err
}

func formatList() string {
	var b strings.Builder
	for _, f := range source.Formats {
		fmt.Fprintf(&b, "  %-13s %s\n", f.Name, f.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

func feedTemplate(f source.Format) string {
	var b strings.Builder
	b.WriteString(`# Feeds that "selat feed run" reads and publishes.

# The file that the hub's team handed over for the publishing seat. Relative
# paths count from this file.
credentials: seat.creds

# Where is remembered what was published.
state: feeds-state

# The identity that objects are made by, and a name of the publisher that makes
# their ids its own. The name must not change, or every object is a new one.
# identity: identity--00000000-0000-4000-8000-000000000000
namespace: cert.example

# metrics: 127.0.0.1:9420

feeds:
  # The name is part of the ids too.
`)
	fmt.Fprintf(&b, "  %s:\n    format: %s\n", f.Name, f.Name)
	switch {
	case f.URL != "":
		fmt.Fprintf(&b, "    url: %s\n    every: 1h\n    # A key, in a file of mode 0600:\n    # auth: {header: Auth-Key, file: %s.key}\n", f.URL, f.Name)
	case f.Name == "misp-feed":
		b.WriteString("    # The manifest; its events are read beside it.\n    url: https://misp.example/feed/manifest.json\n    every: 1h\n")
	default:
		b.WriteString("    # One of: url, file, folder.\n    folder: incoming\n    every: 1m\n    # Files go there once the hub has answered for all of their objects:\n    # done: done\n")
	}
	b.WriteString("    # The audience: a community, or for TLP:RED members. Without it CLEAR and\n    # GREEN go to the hub's default.\n    # to: [asean]\n")
	if f.Level != stix.NoLevel {
		fmt.Fprintf(&b, "    tlp: %s\n", f.Level)
	} else {
		b.WriteString("    # Objects without a marking travel as:\n    # unmarked: clear\n")
	}
	if f.Confidence > 0 {
		fmt.Fprintf(&b, "    confidence: %d\n", f.Confidence)
	}
	if f.ValidFor > 0 {
		if f.Whole && f.Name != "misp-feed" {
			b.WriteString("    # From when the source saw it last; what says no such time holds while it\n    # is listed.\n")
		}
		fmt.Fprintf(&b, "    valid_for: %dd\n", int(f.ValidFor.Hours()/24))
	}
	if f.Whole {
		b.WriteString("    # All of the list: what is no longer in it is revoked after the grace.\n    grace: 24h\n")
	}
	if f.Name == "csv" {
		b.WriteString("    mapping:\n      columns: {value: indicator, first_seen: date}\n")
	}
	return b.String()
}
