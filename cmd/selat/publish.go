package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// publishOptions is what the command line of publish says.
type publishOptions struct {
	to       []string
	unmarked stix.Level
	quiet    bool
	progress bool
	dryRun   bool
	patience time.Duration
}

func newPublishCmd() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish FILE... --to AUDIENCE",
		Short: "Publish STIX objects to a community, or TLP:RED to members",
		Long: `Publishes the objects in files: a STIX bundle, one object, or objects one on each
line; - is standard input. Large inputs are cut into submissions. Each object
stands under its own TLP marking, and its bytes are not changed.

An object is accepted only once it is on the hub's disk. A duplicate is there
already, byte for byte, and just as good. After any failure the same command can
be given again: nothing is stored twice. Marking definitions, extension
definitions and identities travel with the objects that refer to them.

Exit code: 0 everything accepted or duplicate, 3 some objects refused or without
an answer, 4 none accepted or duplicate, 5 the hub cannot be reached, 1 or 2 anything else.`,
		Example: `  selat publish --creds sg-feed.creds --to asean report.json
  selat publish --creds sg-feed.creds --to my,th red.json
  selat publish --creds sg-feed.creds --unmarked clear enterprise-attack.json
  producer | selat publish --creds sg-feed.creds --to asean --json - >receipts.ndjson`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if o.dryRun {
				return dryRun(cmd, &o, files)
			}
			return publish(cmd, &o, files)
		},
	}
	seatFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.to, "to", nil, "audience: a community, or for RED the members, separated by commas")
	levelFlag(cmd, &o.unmarked, "unmarked", false, "level for objects without a TLP marking (default: as the member set it, else they are refused)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print refused objects only")
	f.BoolVar(&o.progress, "progress", false, "tell progress on standard error even when that is no terminal")
	f.BoolVar(&o.dryRun, "dry-run", false, "tell who would receive the objects, and publish nothing")
	f.DurationVar(&o.patience, "patience", 2*time.Minute, "how long to go without an answer of the hub before giving up; 0 is for ever")
	return cmd
}

func publish(cmd *cobra.Command, o *publishOptions, files []string) (err error) {
	ctx := cmd.Context()
	sources, release, err := openSources(cmd, files)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	c, err := asSeat(ctx, cmd, false)
	if err != nil {
		return err
	}
	defer c.Close()
	out := newPublishOutput(cmd, o)
	sum, err := c.Publish(ctx, sources, client.PublishOptions{
		SubmitOptions: client.SubmitOptions{To: o.to, Unmarked: o.unmarked},
		Patience:      o.patience, OnLine: out.line, OnProgress: out.progress,
	})
	out.finish()
	if printErr := out.summary(sum); printErr != nil {
		err = errors.Join(err, printErr)
	}
	if err != nil {
		return unreachable(fmt.Errorf("publishing ended early; give the same command again: %w", err))
	}
	return publishEnd(sum)
}

// publishEnd is the exit code of a publishing that went to its end. Only what
// the hub said it has counts as success.
func publishEnd(sum *client.Summary) error {
	switch {
	case sum.Objects == 0:
		return errors.New("there is no object in the input")
	case sum.Accepted+sum.Duplicate == 0:
		return &exitError{code: exitRefused}
	case sum.Refused > 0 || sum.Unanswered > 0:
		return &exitError{code: exitPartly}
	}
	return nil
}

// openSources makes the inputs readable twice; release frees what that took.
func openSources(cmd *cobra.Command, files []string) (sources []client.Source, release func() error, err error) {
	release = func() error { return nil }
	stdin := false
	for _, name := range files {
		if name != "-" {
			sources = append(sources, client.File(name))
			continue
		}
		if stdin {
			return nil, nil, errors.Join(usage(cmd, errors.New("- is named twice, and standard input can be read only once")), release())
		}
		stdin = true
		src, free, err := client.Spool("-", cmd.InOrStdin())
		if err != nil {
			return nil, nil, err
		}
		release = free
		sources = append(sources, src)
	}
	return sources, release, nil
}

// dryRun is `selat route` with the same flags.
func dryRun(cmd *cobra.Command, o *publishOptions, files []string) error {
	creds, err := seatCreds(cmd)
	if err != nil {
		return err
	}
	return routeAsSeat(cmd, &routeOptions{creds: creds, to: o.to, unmarked: o.unmarked, summary: true}, files)
}
