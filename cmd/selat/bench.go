package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/ops/bench"
)

func newBenchCmd() *cobra.Command {
	var o bench.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: the hub against the bare engine",
		Long: `Measures the hub against the engine it stands on, in one run and on one disk:
bare JetStream with the same settings (synced writes, compression, encryption)
is measured first, then the hub, and the ratios are printed. The store is made
in a temporary folder under --dir and removed.`,
	}
	measure := func(use, short string, run func(context.Context, bench.Options) (*bench.Report, error)) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp(o.Dir, "selat-bench-")
			if err != nil {
				return fmt.Errorf("making a folder to measure in: %w", err)
			}
			rep, err := run(cmd.Context(), bench.Options{Dir: dir, Objects: o.Objects, Progress: cmd.ErrOrStderr()})
			if gone := os.RemoveAll(dir); err == nil && gone != nil {
				err = fmt.Errorf("removing the measured folder: %w", gone)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
			}
			return rep.Table(cmd.OutOrStdout())
		}}
	}
	cmd.AddCommand(
		measure("accept", "Objects acknowledged a second, every one of them synced", bench.Accept),
		measure("deliver", "Objects delivered a second, to 1 and to 12 seats", bench.Deliver),
	)
	cmd.PersistentFlags().StringVar(&o.Dir, "dir", "", "folder whose disk is measured (default: the system's temporary folder)")
	cmd.PersistentFlags().IntVar(&o.Objects, "objects", 100_000, "about how many objects each phase moves")
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
