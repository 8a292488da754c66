package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/ops/drill"
)

func newDrillCmd() *cobra.Command {
	return newGroup("drill", "Run an exercise, and see who receives it",
		`An exercise is a script of objects that are published to the community drill, each
at its time. What is in that community is mixed with nothing else, and reaches no
sink but those that say drill: true.`,
		newDrillStartCmd())
}

// drillOptions is what the command line of drill start says.
type drillOptions struct {
	script, report string
	wait           time.Duration
	print          bool
}

func newDrillStartCmd() *cobra.Command {
	var o drillOptions
	cmd := &cobra.Command{
		Use:   "start NAME",
		Short: "Publish a script's injects, and tell who received and acknowledged them",
		Long: `Publishes the injects of a script from the seat of --creds (or from those the script
names), each at its time, and tells live and at the end which seats received and
acknowledged each. It asks the hub for that with the administrator's credentials.
Seats that publish are not counted. Ctrl-C ends it early, with a report.

Exit code: 0 everything was accepted and acknowledged, 3 not everything, 1, 2 or 5
anything else.`,
		Example: `  selat drill start --print-script >port.yaml
  selat drill start port-2026 --script port.yaml --creds sg-feed.creds --report port.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.print {
				_, err := cmd.OutOrStdout().Write(drill.Example)
				return err
			}
			if len(args) == 0 || o.script == "" {
				return usage(cmd, errors.New("name the exercise, and its script with --script FILE; --print-script writes one"))
			}
			return startDrill(cmd, &o, args[0])
		},
	}
	adminFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.String("creds", "", "credentials file of the seat that publishes (default: $SELAT_CREDS)")
	f.StringVar(&o.script, "script", "", "the script, a YAML file")
	f.StringVar(&o.report, "report", "", "also write the report to this file, as Markdown")
	f.DurationVar(&o.wait, "wait", 0, "how long to wait for acknowledgements after the last inject (default: as the script says, else 1m)")
	f.BoolVar(&o.print, "print-script", false, "print a script that is ready to run, and do nothing else")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}

func startDrill(cmd *cobra.Command, o *drillOptions, name string) error {
	script, err := drill.ReadScript(o.script)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("wait") {
		script.Wait = o.wait
	}
	creds, err := seatCreds(cmd)
	if err != nil {
		return err
	}
	return withAdmin(cmd, func(ctx context.Context, a *admin) error {
		out := cmd.OutOrStdout()
		if wantsJSON(cmd) {
			out = cmd.ErrOrStderr()
		}
		hub, err := cmd.Flags().GetString("hub")
		if err != nil {
			return err
		}
		r, err := drill.Run(ctx, drill.Options{
			Name: name, Script: script, CredsFile: creds, URL: hub,
			Positions: func(ctx context.Context) (*api.DrillPositions, error) {
				p := new(api.DrillPositions)
				return p, a.ask(ctx, "drill.positions", struct{}{}, p)
			},
			Tell: func(at time.Duration, format string, args ...any) {
				fmt.Fprintf(out, "%7.1f s  %s\n", at.Seconds(), printable(fmt.Sprintf(format, args...)))
			},
		})
		if r == nil {
			if errors.Is(err, client.ErrUnreachable) || errors.Is(err, client.ErrUnauthorized) {
				return seatError(err)
			}
			return err
		}
		return errors.Join(err, reportDrill(cmd, o, r))
	})
}

// reportDrill tells how the exercise went, in all the ways asked for.
func reportDrill(cmd *cobra.Command, o *drillOptions, r *drill.Report) error {
	var err error
	if wantsJSON(cmd) {
		err = printJSON(cmd, r)
	} else {
		err = printDrill(cmd, r)
	}
	if o.report != "" {
		err = errors.Join(err, writeReport(o.report, r))
	}
	if err == nil && !r.Complete {
		err = &exitError{code: exitPartly}
	}
	return err
}

func printDrill(cmd *cobra.Command, r *drill.Report) error {
	say(cmd, "")
	t := newTable(cmd, "INJECT", "PUBLISHED BY", "AT", "SEAT", "RECEIVED", "ACKNOWLEDGED")
	for _, in := range r.Injects {
		at := fmt.Sprintf("%.1f s", in.Sent)
		for range in.Refused {
			t.row(in.Name, in.Seat, at, "", "refused", "")
		}
		if len(in.Seats) == 0 && len(in.Refused) == 0 {
			t.row(in.Name, in.Seat, at, "nobody may read it", "", "")
		}
		for _, s := range in.Seats {
			t.row(in.Name, in.Seat, at, s.Seat, drill.After(s.Received), drill.After(s.Acknowledged))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if r.Complete {
		say(cmd, "\nEvery inject was accepted, and acknowledged by every seat that may read it.")
	} else {
		say(cmd, "\nNot everything was accepted and acknowledged.")
	}
	return nil
}

// writeReport writes the report to a file of mode 0600: it tells who was slow.
func writeReport(path string, r *drill.Report) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := errors.Join(r.Markdown(f), f.Close()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
