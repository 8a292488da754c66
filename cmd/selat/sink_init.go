package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	formats "github.com/selat-hub/selat/feeds/sink"
)

func newSinkInitCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "init FORMAT",
		Short: "Write a configuration for a sink of a format",
		Long: `Writes a commented configuration that works once the path of the seat's
credentials file is filled in, and what else the format cannot do without.
Formats:

` + sinkFormatList(),
		Example: `  selat sink init suricata --out sinks.yaml
  selat sink init csv`,
		Args:              arguments("FORMAT"),
		ValidArgsFunction: completeSinkFormats,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := formats.FormatNamed(args[0])
			if err != nil {
				return usage(cmd, err)
			}
			text := sinkTemplate(f)
			return giveConfiguration(cmd, f.Name, text, out, "sink check")
		},
	}
	jsonFlag(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return cmd
}

func sinkFormatList() string {
	var b strings.Builder
	for _, f := range formats.Formats() {
		fmt.Fprintf(&b, "  %-18s %s\n", f.Name, f.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

func sinkTemplate(f formats.Format) string {
	var b strings.Builder
	b.WriteString(`# Sinks that "selat sink run" keeps.

# The file that the hub's team handed over for the receiving seat. Relative paths
# count from this file.
credentials: seat.creds

# Where is kept what was received.
state: sinks-state

# A list of values that are never written, such as one's own networks.
# allow: allow.txt

# metrics: 127.0.0.1:9421

sinks:
`)
	fmt.Fprintf(&b, "  %s:\n    format: %s\n", f.Name, f.Name)
	b.WriteString(`    # Who sees what is written: organization, clients, community or public. What
    # its TLP does not let them see is withheld.
    exposure: organization
`)
	if f.Shape() != "stream" {
		fmt.Fprintf(&b, "    path: %s\n    # The least time between two reloads, and how many percent of its lines it may\n    # lose at once; neither holds up a recall.\n    # interval: 30s\n    # shrink_percent: 50\n", f.Default)
		if f.Check != "" {
			fmt.Fprintf(&b, "    # What must succeed before it takes its place, if installed; \"\" is nothing.\n    # check: %q\n", f.Check)
		}
		reload := f.Reload
		if reload == "" {
			reload = "systemctl reload SERVICE"
		}
		fmt.Fprintf(&b, "    # What has the consumer load it.\n    # reload: %q\n", reload)
	}
	sinkOptions(&b, f.Options)
	return b.String()
}

// sinkOptions lists options with their defaults; those that are needed are there to
// be filled in.
func sinkOptions(b *strings.Builder, options []formats.Option) {
	if len(options) == 0 {
		return
	}
	head := "    # options:\n"
	for _, o := range options {
		if o.Required {
			head = "    options:\n"
		}
	}
	b.WriteString(head)
	for _, o := range options {
		fmt.Fprintf(b, "      # %s\n", o.About)
		if o.Required {
			fmt.Fprintf(b, "      %s: \"\"\n", o.Name)
		} else {
			fmt.Fprintf(b, "      # %s: %q\n", o.Name, o.Default)
		}
	}
}
