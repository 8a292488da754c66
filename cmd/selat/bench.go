package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/ops/bench"
)

func newBenchCmd() *cobra.Command {
	var o bench.Options
	var asJSON bool
	var profile string
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
			endProfile, err := startProfile(profile)
			if err != nil {
				return err
			}
			rep, err := run(cmd.Context(), bench.Options{Dir: dir, Objects: o.Objects, Progress: cmd.ErrOrStderr()})
			err = errors.Join(err, endProfile())
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
	cmd.PersistentFlags().StringVar(&profile, "cpuprofile", "", "write a processor profile to this file, for go tool pprof")
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// startProfile profiles the processor into a file until the function it
// returns is called; without a name it does nothing.
func startProfile(name string) (end func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("making the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("profiling: %w", err), f.Close())
	}
	return func() error { pprof.StopCPUProfile(); return f.Close() }, nil
}
