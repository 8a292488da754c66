package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	formats "github.com/selat-hub/selat/feeds/sink"
	"github.com/selat-hub/selat/feeds/sinks"
)

// newSinkCmd holds the verbs of the subscriber's daemon.
func newSinkCmd() *cobra.Command {
	return newGroup("sink", "Write what a seat receives for firewalls, sensors and SIEMs, unattended",
		`Receives what the seat may read, and writes of it what counts now into the files
that other tools load: not what is revoked, expired or recalled, and nothing that
its TLP does not let those see who see the file.`,
		newSinkInitCmd(), newSinkCheckCmd(), newSinkOnceCmd(), newSinkRunCmd(), newSinkStatusCmd(), newSinkVerifyCmd())
}

func sinkFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "sinks.yaml", "configuration of the sinks")
	jsonFlag(cmd)
}

func sinkConfig(cmd *cobra.Command) (*sinks.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	c, err := sinks.Load(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, withHint(err, "`selat sink init FORMAT` writes one; --config names another file")
	}
	return c, err
}

func openSinks(c *sinks.Config, o sinks.Options) (*sinks.Daemon, error) {
	d, err := sinks.Open(c, o)
	return d, withHint(err, "a running `selat sink run` has the state of %s to itself", c.State)
}

// knownSinks refuses a name that the configuration does not have.
func knownSinks(c *sinks.Config, names []string) error {
	for _, n := range names {
		if c.Sinks[n] == nil {
			return fmt.Errorf("the configuration has no sink %q", n)
		}
	}
	return nil
}

func completeSinks(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := sinkConfig(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for name, s := range c.Sinks {
		names = append(names, cobra.CompletionWithDesc(name, s.Format))
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeSinkFormats(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, f := range formats.Formats() {
		if len(args) == 0 {
			names = append(names, cobra.CompletionWithDesc(f.Name, f.About))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
