package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sinks"
)

func newSinkVerifyCmd() *cobra.Command {
	var repair bool
	var idle time.Duration
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare what was received with what the hub lists for the seat",
		Long: `Asks the hub, stream by stream, for all that the seat may read, and compares it
with what the state holds. WAITING comes by itself; MISSING was acknowledged and is
not there, as when a state was lost; EXTRA is there though the hub does not list it.
What else is different has a reason, which is told: it was stored before "since" or
before the seat's place on a roster, or was narrowed and may be kept.

With --repair what is missing is sent again, from the first of each stream on.

Exit code: 0 nothing is missing or extra, 3 something is, 5 the hub cannot be
reached, 1 or 2 anything else.`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if idle <= 0 {
				return usage(cmd, errors.New("--idle must be longer than nothing"))
			}
			return sinkVerify(cmd, repair, idle)
		},
	}
	sinkFlags(cmd)
	f := cmd.Flags()
	f.Bool("verbose", false, "tell on standard error what the connection does")
	f.BoolVar(&repair, "repair", false, "receive what is missing, and write the sinks")
	f.DurationVar(&idle, "idle", 2*time.Second, "with --repair, how long nothing must have come")
	return cmd
}

func sinkVerify(cmd *cobra.Command, repair bool, idle time.Duration) (err error) {
	c, err := sinkConfig(cmd)
	if err != nil {
		return err
	}
	v, err := c.AskVerify(cmd.Context(), sinks.VerifyRequest{Repair: repair})
	if !errors.Is(err, daemon.ErrNotRunning) {
		if err == nil && repair && !v.Equal() && !wantsJSON(cmd) {
			say(cmd, "The running daemon receives again what is missing; verify once more in a while.")
		}
		if err != nil {
			return err
		}
		return printVerified(cmd, c, v)
	}
	err = withSinks(cmd, c, func(d *sinks.Daemon, hub *client.Client) (err error) {
		v, err = d.Verify(cmd.Context(), hub)
		if err == nil && repair && len(v.Gaps()) > 0 {
			if err = d.Repair(cmd.Context(), hub, v, idle); err == nil {
				v, err = d.Verify(cmd.Context(), hub)
			}
		}
		return unreachable(err)
	})
	if err != nil {
		return err
	}
	return printVerified(cmd, c, v)
}

func printVerified(cmd *cobra.Command, c *sinks.Config, v *sinks.Verified) error {
	if wantsJSON(cmd) {
		err := printJSON(cmd, struct {
			Equal bool `json:"equal"`
			*sinks.Verified
		}{v.Equal(), v})
		if err != nil {
			return err
		}
		return gap(v)
	}
	t := newTable(cmd, "STREAM", "AUDIENCE", "TLP", "HUB", "HELD", "WAITING", "MISSING", "EXTRA", "EXPLAINED")
	for _, s := range v.Streams {
		t.row(s.Stream, s.Audience, shout(s.Level), fmt.Sprint(s.Hub), fmt.Sprint(s.Held), fmt.Sprint(s.Waiting), fmt.Sprint(s.Missing), fmt.Sprint(s.Extra), explained(&s))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if v.NotOpen > 0 {
		say(cmd, "%s held of streams that the seat may not read any more, which stays until an order to forget it comes.", counted(v.NotOpen, "object"))
	}
	for _, s := range v.Streams {
		if s.Missing > 0 {
			say(cmd, "%s: %s from message %d on MISSING, such as %s", s.Stream, counted(s.Missing, "object"), s.FirstMissing, s.Examples[0])
		} else if s.Extra > 0 {
			say(cmd, "%s: %s that the hub does not list, such as %s", s.Stream, counted(s.Extra, "object"), s.Examples[0])
		}
	}
	tellGap(cmd, c, v)
	return gap(v)
}

// explained says what is different for a reason.
func explained(s *sinks.VerifiedStream) string {
	n := map[string]int{}
	for code, count := range map[string]int{"before-start": s.BeforeStart, "kept": s.Kept, "before-roster": s.BeforeOpen, "to-forget": s.ToForget} {
		if count > 0 {
			n[code] = count
		}
	}
	return codes(n)
}

// tellGap says what to do about a difference.
func tellGap(cmd *cobra.Command, c *sinks.Config, v *sinks.Verified) {
	missing, extra := 0, 0
	for _, s := range v.Streams {
		missing, extra = missing+s.Missing, extra+s.Extra
	}
	if missing > 0 {
		say(cmd, "To receive what is missing: selat sink verify --repair")
	}
	if extra > 0 {
		say(cmd, "What is extra stays in the files. The hub may have been restored from an older backup: ask its team. To hold what it has and nothing else, end the daemon, move %s/objects away, then: selat sink verify --repair", c.State)
	}
	if v.Equal() {
		say(cmd, "Nothing is missing, and nothing extra.")
	}
}

// gap is the exit code of a difference.
func gap(v *sinks.Verified) error {
	if v.Equal() {
		return nil
	}
	return &exitError{code: exitPartly}
}
