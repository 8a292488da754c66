package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/stix"
)

// feedbackOptions is what the command line of feedback says.
type feedbackOptions struct {
	seen, falsePositive bool
	agree               int
	note                string
	count               int64
	first, last         string
	origin              string
	to                  []string
	level               stix.Level
}

func newFeedbackCmd() *cobra.Command {
	var o feedbackOptions
	cmd := &cobra.Command{
		Use:   "feedback ID --origin MEMBER",
		Short: "Tell the origin of an object what one makes of it",
		Long: `Publishes what one makes of an object: with --seen a sighting, with
--false-positive an opinion that strongly disagrees, with --agree an opinion from
1, strongly disagree, to 5, strongly agree. It is created by the identity of the
seat's member.

It goes to the origin of the object alone, as TLP:RED, which is never less strict
than the object. subscribe tells the origin with --envelope, or as the folder in
--dir. To tell a community, name it with --to, and with --tlp the level of the
object or a stricter one: nobody is to learn of an object what its own level does
not allow.

An object has one sighting and one opinion of a member each day (UTC): to repeat
the command publishes nothing new, and to give it with other words or another
count replaces what was said.`,
		Example: `  selat feedback indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --seen --count 12 --origin sg --creds my-analyst.creds
  selat feedback indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --false-positive --note "a public resolver" --origin sg --creds my-analyst.creds
  selat feedback indicator--a740531e-63ff-4e49-a9e1-a0a3eed0e3e7 --agree 4 --to asean --tlp amber --creds my-analyst.creds`,
		Args:              arguments("ID"),
		RunE:              func(cmd *cobra.Command, args []string) error { return feedback(cmd, &o, args[0]) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	seatFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.seen, "seen", false, "it was seen")
	f.BoolVar(&o.falsePositive, "false-positive", false, "it is wrong")
	f.IntVar(&o.agree, "agree", 0, "how far one agrees, 1 to 5")
	f.StringVar(&o.note, "note", "", "what else there is to say")
	f.Int64Var(&o.count, "count", 1, "with --seen: how often")
	f.StringVar(&o.first, "first", "", "with --seen: when first (RFC 3339)")
	f.StringVar(&o.last, "last", "", "with --seen: when last (RFC 3339)")
	f.StringVar(&o.origin, "origin", "", "the member that published the object, which alone is told")
	f.StringSliceVar(&o.to, "to", nil, "tell a community instead, or for RED members, separated by commas")
	levelFlag(cmd, &o.level, "tlp", false, "with --to: the level of the object, or a stricter one")
	cmd.MarkFlagsMutuallyExclusive("seen", "false-positive", "agree")
	cmd.MarkFlagsOneRequired("seen", "false-positive", "agree")
	cmd.MarkFlagsMutuallyExclusive("origin", "to")
	cmd.MarkFlagsOneRequired("origin", "to")
	cmd.MarkFlagsRequiredTogether("to", "tlp")
	return cmd
}

// agreement is opinion-enum (STIX 2.1 §10.18), from 1 to 5.
var agreement = []string{"strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"}

func feedback(cmd *cobra.Command, o *feedbackOptions, id string) error {
	given := cmd.Flags().Changed
	switch {
	case given("agree") && (o.agree < 1 || o.agree > len(agreement)):
		return usage(cmd, fmt.Errorf("--agree is 1 to %d", len(agreement)))
	case !o.seen && (given("count") || given("first") || given("last")):
		return usage(cmd, errors.New("--count, --first and --last go with --seen"))
	case o.count < 1 || o.count > 999_999_999:
		return usage(cmd, errors.New("--count is 1 to 999999999 (STIX 2.1 §5.2)"))
	}
	if o.origin != "" {
		o.to, o.level = []string{o.origin}, stix.Red
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), askWait)
	defer cancel()
	c, err := asSeat(ctx, cmd, false)
	if err != nil {
		return err
	}
	defer c.Close()
	me, err := c.Whoami(ctx)
	if err != nil {
		return unreachable(err)
	}
	now := time.Now().UTC()
	draft, err := o.draft(cmd, id, me, now)
	if err != nil {
		return err
	}
	// What was said first that day has the time of its beginning, so that to say it
	// again is to publish the same.
	day := now.Truncate(24 * time.Hour)
	line, err := sendFeedback(ctx, c, o, draft, build.Version{Created: day, Modified: day})
	if err == nil && slices.ContainsFunc(line.Findings, func(f stix.Finding) bool { return f.Code == "conflict" }) {
		line, err = sendFeedback(ctx, c, o, draft, build.Version{Created: day, Modified: now})
	}
	if err != nil {
		return unreachable(err)
	}
	return tellFeedback(cmd, line)
}

// draft makes the object that says it.
func (o *feedbackOptions) draft(cmd *cobra.Command, id string, me *api.Whoami, now time.Time) (build.Draft, error) {
	m := build.Maker{Feed: "feedback", Namespace: me.Member, Level: o.level}
	if len(me.Identities) > 0 {
		m.Identity = me.Identities[0]
	}
	common := build.Common{Key: id + " " + now.Format(time.DateOnly)}
	if o.seen {
		w := build.Sighting{Common: common, Of: id, Count: o.count, Description: o.note}
		for _, t := range []struct {
			flag, text string
			to         *time.Time
		}{{"first", o.first, &w.FirstSeen}, {"last", o.last, &w.LastSeen}} {
			if t.text == "" {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, t.text)
			if err != nil {
				return build.Draft{}, usage(cmd, fmt.Errorf("--%s is %q: give a time such as 2026-01-31T08:00:00Z", t.flag, t.text))
			}
			*t.to = at
		}
		return m.Sighting(w), nil
	}
	w := build.Opinion{Common: common, Objects: []string{id}, Explanation: o.note}
	if o.falsePositive {
		w.Value, w.Labels = agreement[0], []string{"false-positive"}
	} else {
		w.Value = agreement[o.agree-1]
	}
	return m.Opinion(w), nil
}

// sendFeedback submits one version, and returns what became of it.
func sendFeedback(ctx context.Context, c *client.Client, o *feedbackOptions, d build.Draft, v build.Version) (*api.ObjectReceipt, error) {
	raw, err := d.Build(v)
	if err != nil {
		return nil, fmt.Errorf("making the object: %w", err)
	}
	r, err := c.Submit(ctx, stix.AppendBundle(nil, "bundle--"+uuid.NewString(), raw), client.SubmitOptions{To: o.to})
	switch {
	case err != nil:
		return nil, err
	case r.Error != nil:
		return nil, r.Error
	case len(r.Objects) == 0:
		return nil, errors.New("the hub's receipt tells of no object")
	}
	for i := range r.Objects {
		if r.Objects[i].Outcome == api.Refused {
			return &r.Objects[i], nil
		}
	}
	return &r.Objects[0], nil
}

func tellFeedback(cmd *cobra.Command, l *api.ObjectReceipt) error {
	if wantsJSON(cmd) {
		if err := printJSON(cmd, l); err != nil {
			return err
		}
	} else if l.Outcome == api.Refused {
		for i := range l.Findings {
			say(cmd, "refused %s: %s", l.ID, printable(explain(&l.Findings[i])))
		}
	} else {
		typ, _, _ := strings.Cut(l.ID, "--")
		say(cmd, "%s %s to %s, TLP:%s (%s)", typ, l.ID, l.Audience, shout(l.Level), l.Outcome)
	}
	if l.Outcome == api.Refused {
		return &exitError{code: exitRefused}
	}
	return nil
}
