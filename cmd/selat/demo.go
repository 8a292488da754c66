package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/ops/demo"
	"github.com/selat-hub/selat/stix"
)

func newDemoCmd() *cobra.Command {
	var o demo.Options
	var plain bool
	cmd := &cobra.Command{
		Use:   "demo [FILE...]",
		Short: "Show a hub at work on this machine",
		Long: `Runs a hub in a temporary folder, connects publishers and subscribers of several
states to it over TCP, publishes a small feed at every TLP level, and shows who
received what and who was refused and why. With files, sg/feed publishes these
to the region instead.

The exit code is 0 only if exactly the entitled seats received exactly the bytes
that were published. The folder is removed at the end, unless --keep is given.`,
		Example: `  selat demo
  selat demo --to asean --unmarked green bundle.json
  selat demo --keep`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, files []string) error {
			o.Files = files
			return runDemo(cmd, o, plain)
		},
	}
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.To, "to", nil, "audience of the files: a community, or for RED the members, separated by commas (default region)")
	levelFlag(cmd, &o.Unmarked, "unmarked", false, "level for objects of the files without a TLP marking (default clear)")
	f.BoolVar(&o.Keep, "keep", false, "keep the folder, and leave the hub running until Ctrl-C")
	f.BoolVar(&plain, "plain", false, "write each line once, as when the output is no terminal")
	return cmd
}

func runDemo(cmd *cobra.Command, o demo.Options, plain bool) error {
	if !cmd.Flags().Changed("unmarked") {
		o.Unmarked = stix.Clear
	}
	right := false
	o.OnResult = func(r *demo.Result) error {
		right = r.Right
		if wantsJSON(cmd) {
			return printJSON(cmd, r)
		}
		return nil
	}
	if o.Out = cmd.OutOrStdout(); wantsJSON(cmd) {
		o.Out = io.Discard
		if o.Keep {
			o.Out = cmd.ErrOrStderr()
		}
	} else {
		o.Live = !plain && isTerminal(o.Out)
		o.Color = os.Getenv("NO_COLOR") == ""
	}
	if _, err := demo.Run(cmd.Context(), o); err != nil {
		return err
	}
	if !right {
		return &exitError{code: exitFailure}
	}
	return nil
}
