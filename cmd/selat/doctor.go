package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/ops/doctor"
)

func newDoctorCmd() *cobra.Command {
	var ntp string
	var noProbe bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why a hub or a seat does not work, and what to do",
		Long: `With --creds, looks from a seat's side: the credentials, the name, the network, TLS,
the login, the clock, an object's way to the hub and back, and that the hub denies
what it must. The object is a note in the community of exercises, if the member is
in that; nothing that waits for the seat's daemon is taken from it.

With --data or --config, looks at a hub's folder and machine, and where the hub
runs at the settings of every stream. Run it as the hub's user.

Exit code: 0 nothing failed, 1 something did.`,
		Example: `  selat doctor --creds ph-feed.creds
  selat doctor --data /var/lib/selat --ntp time.example`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := examine(cmd, ntp, !noProbe)
			if err != nil {
				return err
			}
			if wantsJSON(cmd) {
				err = printJSON(cmd, r)
			} else {
				err = printReport(cmd, r)
			}
			if err == nil && r.Failed() {
				err = &exitError{code: exitFailure}
			}
			return err
		},
	}
	configFlags(cmd, false)
	f := cmd.Flags()
	f.String("creds", "", "credentials file of the seat to look at (default: $SELAT_CREDS, where no hub is named)")
	f.String("hub", "", "URL of the hub (default: as in the credentials, or as the hub on the folder has noted)")
	f.String("admin-creds", "", "administrator's credentials (default: keys/admin.creds in the hub's folder)")
	f.StringVar(&ntp, "ntp", "", "time server to hold the hub's clock against")
	f.BoolVar(&noProbe, "no-probe", false, "publish nothing")
	jsonFlag(cmd)
	return cmd
}

// examine looks at a seat or at a hub, as the command line says.
func examine(cmd *cobra.Command, ntp string, probe bool) (*doctor.Report, error) {
	f := cmd.Flags()
	creds, err := f.GetString("creds")
	if err != nil {
		return nil, err
	}
	aHub := f.Changed("data") || f.Changed("config")
	if creds == "" && !aHub {
		if creds = os.Getenv("SELAT_CREDS"); creds == "" {
			return nil, usage(cmd, errors.New("name a seat's credentials with --creds FILE, or a hub's folder with --data DIR"))
		}
	}
	if creds != "" && aHub {
		return nil, usage(cmd, errors.New("look at a seat (--creds) or at a hub (--data, --config), one at a time"))
	}
	if creds != "" {
		hub, err := f.GetString("hub")
		if err != nil {
			return nil, err
		}
		return doctor.Member(cmd.Context(), doctor.MemberOptions{CredsFile: creds, URL: hub, Probe: probe}), nil
	}
	cfg, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	ask := func(ctx context.Context) (*api.Examination, error) { return askExamination(ctx, cmd) }
	return doctor.Hub(cmd.Context(), doctor.HubOptions{Config: cfg, Ask: ask, NTP: ntp}), nil
}

// askExamination asks the running hub, if there is one.
func askExamination(ctx context.Context, cmd *cobra.Command) (*api.Examination, error) {
	a, err := openAdmin(cmd, adminDial)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitUnreachable {
		return nil, fmt.Errorf("%w: %w", doctor.ErrNotRunning, err)
	}
	if err != nil {
		return nil, err
	}
	defer a.nc.Close()
	x := new(api.Examination)
	return x, a.ask(ctx, "examine", struct{}{}, x)
}

// printReport prints a line for each check and, below it, what to do.
func printReport(cmd *cobra.Command, r *doctor.Report) error {
	wide := 0
	for _, c := range r.Checks {
		wide = max(wide, len(c.Name))
	}
	oneLine := func(s string) string { return printable(strings.ReplaceAll(s, "\n", "; ")) }
	for _, c := range r.Checks {
		say(cmd, "%-4s  %-*s  %s", c.State, wide, c.Name, oneLine(c.Found))
		if c.Do != "" {
			say(cmd, "%6s%*s  -> %s", "", wide, "", oneLine(c.Do))
		}
	}
	say(cmd, "\n%s", r.Counts())
	return nil
}
