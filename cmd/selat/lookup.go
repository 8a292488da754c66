package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// Exit codes of lookup, which are grep's but for the hub that does not answer.
const (
	lookupNone  = 1
	lookupWrong = 2
)

// lookupWait is how long the answer to one request may take, and a hub that is
// busy asks to wait.
const lookupWait = 2 * time.Minute

func newLookupCmd() *cobra.Command {
	l := &lookupRun{}
	cmd := &cobra.Command{
		Use:   "lookup VALUE...",
		Short: "Tell which objects name an address, a domain, a hash or the like",
		Long: `Tells which objects that the seat may read name a value: from whom, under which
TLP, and whether what they say holds now. A value is an IPv4 or IPv6 address, a
network, a domain, a URL, an e-mail address, a hash or a MAC address, defanged or
not. An address is found in the networks around it, and a network has what is
inside; a domain has its subdomains with --subdomains.

Values also come from a file with --from, one a line, or with - from standard
input; empty lines and those that begin with # are passed over. There may be
millions: they are looked up as they come.

MATCH is exact, or what the object names instead: network, a network around the
value; inside, an address or network in it; subdomain. SAYS is decisive where an
observation of the value is all that an indicator asks for, asked where it asks
for more beside, excluded where it is what the indicator does not look for, and
observed for observables, which say nothing good or bad. STATE is valid, not-yet,
expired, revoked, superseded by a newer version, or observed.

Exit codes are those of grep: 0 something was found, 1 nothing was, 2 anything
else, such as that nothing was found while a value is none that can be looked up.
It is 5 if the hub does not answer.`,
		Example: `  selat lookup --creds my-analyst.creds 192.0.2.1 'example[.]com'
  selat lookup --creds my-analyst.creds --subdomains --limit 1000 example.com
  zeek-cut id.resp_h < conn.log | sort -u | selat lookup --json - | jq -r 'select(.mentions[0]).value'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && l.from == "" {
				return errors.New("name a value, or a file of them with --from FILE; - is standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := l.run(cmd, args)
			var exit *exitError
			if err == nil || cmd.Context().Err() != nil || errors.As(err, &exit) {
				return err
			}
			return &exitError{lookupWrong, err}
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	seatFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&l.from, "from", "", "read values from this file, one a line; - is standard input")
	f.BoolVar(&l.ask.Subdomains, "subdomains", false, "tell of what is below a domain as well")
	f.BoolVar(&l.ask.Drill, "drill", false, "look in exercises, and nowhere else")
	f.IntVar(&l.ask.Limit, "limit", api.LookupDefaultLimit, fmt.Sprintf("the most objects of each value, up to %d", api.LookupLimit))
	f.BoolVarP(&l.quiet, "quiet", "q", false, "print nothing: the exit code tells")
	return cmd
}

// lookupRun is one run of the command.
type lookupRun struct {
	from  string
	ask   api.LookupRequest
	quiet bool

	client *client.Client
	lines  *json.Encoder
	rows   *streamTable
	// What was counted: values, those of them that something names, and those
	// that were none.
	values, found, unread int
}

func (l *lookupRun) run(cmd *cobra.Command, args []string) error {
	if l.ask.Limit < 1 || l.ask.Limit > api.LookupLimit {
		return usage(cmd, fmt.Errorf("--limit is 1 to %d", api.LookupLimit))
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	in, err := l.open(ctx, cmd, args)
	if err != nil {
		return err
	}
	defer in.close()
	within, done := context.WithTimeout(ctx, askWait)
	defer done()
	if l.client, err = asSeat(within, cmd, false); err != nil {
		return err
	}
	defer l.client.Close()
	if wantsJSON(cmd) {
		l.lines = jsonLines(cmd)
	}
	for {
		batch, err := in.next(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		if err := l.batch(ctx, cmd, batch); err != nil {
			return err
		}
	}
	return l.end(cmd)
}

// batch looks some values up and prints what is told.
func (l *lookupRun) batch(ctx context.Context, cmd *cobra.Command, values []string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	l.ask.Values = values
	got, err := l.client.Lookup(ctx, l.ask)
	if err != nil {
		return unreachable(err)
	}
	for i := range got.Values {
		if err := l.value(cmd, &got.Values[i]); err != nil {
			return err
		}
	}
	if l.rows != nil {
		return l.rows.flush()
	}
	return nil
}

func (l *lookupRun) value(cmd *cobra.Command, v *api.LookedUp) error {
	l.values++
	tell := func(text string) {
		fmt.Fprintf(cmd.ErrOrStderr(), "selat: %s: %s\n", printable(shortValue(v.Value)), printable(text))
	}
	switch {
	case v.Error != nil:
		l.unread++
		if l.lines == nil || l.quiet {
			tell(v.Error.Message)
		}
	case len(v.Mentions) > 0:
		l.found++
	}
	switch {
	case l.quiet:
		return nil
	case l.lines != nil:
		return l.lines.Encode(v)
	}
	if err := l.table(cmd, v); err != nil {
		return err
	}
	if v.More {
		tell(fmt.Sprintf("there is more than the %d told here: raise --limit, or ask for less", len(v.Mentions)))
	}
	return nil
}

func (l *lookupRun) table(cmd *cobra.Command, v *api.LookedUp) error {
	for i := range v.Mentions {
		if l.rows == nil {
			l.rows = newStreamTable(cmd, "VALUE", "MATCH", "TLP", "AUDIENCE", "FROM", "SAYS", "STATE", "OBJECT", "VALID-UNTIL")
		}
		m := &v.Mentions[i]
		match := string(m.Match)
		if m.Match != api.MatchExact {
			match += " " + shortValue(m.Value)
		}
		if err := l.rows.row(shortValue(v.Value), match, shout(m.Level), m.Audience, m.Origin, m.Role, string(m.State), m.ID, m.ValidUntil); err != nil {
			return err
		}
	}
	return nil
}

// end says what came of it all.
func (l *lookupRun) end(cmd *cobra.Command) error {
	if l.values == 0 {
		return errors.New("there is no value to look up")
	}
	if l.lines == nil && !l.quiet {
		say(cmd, "%d of %s found", l.found, counted(l.values, "value"))
	}
	switch {
	case l.found > 0:
		return nil
	case l.unread > 0:
		return fmt.Errorf("nothing was found, and %s could not be looked up", counted(l.unread, "value"))
	}
	return &exitError{code: lookupNone}
}

// shortValue is a value as a table or a message shows it.
func shortValue(s string) string {
	const longest = 120
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}
