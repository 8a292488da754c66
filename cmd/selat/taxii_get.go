package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

// taxiiGetOptions is what the command line of get says.
type taxiiGetOptions struct {
	after    string
	query    taxii.Query
	state    string
	dir      string
	bundle   bool
	manifest bool
	progress bool
}

func newTaxiiGetCmd() *cobra.Command {
	var o taxiiGetOptions
	cmd := &cobra.Command{
		Use:   "get URL COLLECTION",
		Short: "Receive the objects of a collection, each once",
		Long: `Receives the objects of a collection, which is named by its id, alias or title,
and ends with the last that is there. Without --version the server gives the
latest version of each object.

Standard output has one object on each line, with the bytes that the server sent;
only line breaks between the parts of an object, where JSON allows any space,
become spaces. --bundle prints one STIX bundle instead. --dir writes the exact
bytes to DIR/TYPE/ID@VERSION.json, complete or not at all; with --json it prints
a line for each file. No file is replaced: other bytes of the same id and version,
of another origin for instance, go to ID@VERSION-HASH.json, with the first 12
digits of their SHA-256. --manifest lists what is there and receives no object.

--state FILE remembers after each page how far it came. Given again with the same
file the command goes on there, after an interruption or for what is new since.
If it is interrupted in the very moment between handing a page over and
remembering that, the page comes again.

A server that is overloaded is asked again, for a while. What a server does that
makes going on impossible, such as going in circles, is told.

Exit code: 0 everything was received, 5 the server does not answer, 1 or 2
anything else.`,
		Example: `  selat taxii get https://taxii.example Indicators --user cert --password-file pw
  selat taxii get https://taxii.example/api1/ 91a7b528-80eb-42ed-a74d-c6fbd5a26116 --added-after 24h
  selat taxii get https://taxii.example Indicators --state state.json --dir /var/lib/cti
  selat taxii get https://taxii.example Indicators --type indicator | selat stix validate -`,
		Args:              arguments("URL", "COLLECTION"),
		RunE:              func(cmd *cobra.Command, args []string) error { return taxiiGet(cmd, &o, args[0], args[1]) },
		ValidArgsFunction: completeCollections,
	}
	taxiiFlags(cmd)
	jsonFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&o.after, "added-after", "", "only what was added after this time, or since 24h or 7d ago")
	f.StringSliceVar(&o.query.Types, "type", nil, "only objects of these STIX types")
	f.StringSliceVar(&o.query.IDs, "id", nil, "only objects with these identifiers")
	f.StringSliceVar(&o.query.Versions, "version", nil, "versions of each object: first, last, all, or times (default: last)")
	f.StringSliceVar(&o.query.SpecVersions, "spec-version", nil, "versions of STIX (default: the latest of each object)")
	f.IntVar(&o.query.Limit, "limit", 0, "objects to ask for on one page (default: as the server likes)")
	f.StringVar(&o.state, "state", "", "file to remember in how far this came")
	f.StringVar(&o.dir, "dir", "", "folder to write each object to, as a file")
	f.BoolVar(&o.bundle, "bundle", false, "print one STIX bundle")
	f.BoolVar(&o.manifest, "manifest", false, "list what is there, without the objects")
	f.BoolVar(&o.progress, "progress", false, "tell progress on standard error even when that is no terminal")
	cmd.MarkFlagsMutuallyExclusive("dir", "bundle", "manifest")
	// A bundle that was interrupted is worth nothing, and a manifest is no
	// receiving.
	cmd.MarkFlagsMutuallyExclusive("state", "bundle")
	cmd.MarkFlagsMutuallyExclusive("state", "manifest")
	completeFlag(cmd, "version", "first", "last", "all")
	completeFlag(cmd, "spec-version", "2.1", "2.0")
	completeFlag(cmd, "type", commonTypes...)
	return cmd
}

// commonTypes are offered where a type is asked for; any other may be named.
var commonTypes = []string{
	"attack-pattern", "campaign", "course-of-action", "domain-name", "file", "grouping", "identity", "indicator",
	"infrastructure", "intrusion-set", "ipv4-addr", "ipv6-addr", "location", "malware", "malware-analysis",
	"marking-definition", "note", "observed-data", "opinion", "relationship", "report", "sighting", "threat-actor",
	"tool", "url", "vulnerability",
}

func taxiiGet(cmd *cobra.Command, o *taxiiGetOptions, url, name string) error {
	if o.after != "" {
		from, err := client.ParseStart(o.after, time.Now())
		if err != nil || from.Time.IsZero() {
			return usage(cmd, fmt.Errorf("%q is no time: say 24h, 7d, 2026-01-31 or 2026-01-31T08:00:00Z", o.after))
		}
		o.query.AddedAfter = from.Time
	}
	if o.query.Limit < 0 {
		return usage(cmd, errors.New("--limit counts objects"))
	}
	progress := newTaxiiProgress(cmd, "received", o.progress)
	defer progress.finish()
	c, err := askTaxii(cmd, url, progress.notice)
	if err != nil {
		return err
	}
	defer c.Close()
	var state *taxii.State
	if o.state != "" {
		if state, err = taxii.OpenState(o.state); err != nil {
			return err
		}
	}
	col, err := c.Find(cmd.Context(), name)
	if err != nil {
		return taxiiError(cmd, err)
	}
	if o.manifest {
		err = taxiiManifest(cmd, c, col, o, progress)
	} else {
		err = taxiiObjects(cmd, c, col, o, state, progress)
	}
	progress.finish()
	return taxiiError(cmd, err)
}

func taxiiObjects(cmd *cobra.Command, c *taxii.Client, col *taxii.Collection, o *taxiiGetOptions, state *taxii.State, progress *taxiiProgress) error {
	sink, err := newPageSink(cmd, o)
	if err != nil {
		return err
	}
	sum, err := c.Poll(cmd.Context(), col, o.query, state, func(_ context.Context, p *taxii.Page) error {
		progress.finish()
		if err := sink.page(p.Objects); err != nil {
			return err
		}
		progress.count(len(p.Objects))
		return nil
	})
	progress.finish()
	if err != nil {
		if state != nil && sum.Pages > 0 {
			err = fmt.Errorf("receiving ended early, after %s; the same command goes on there: %w", counted(sum.Objects, "object"), err)
		}
		return err // a bundle stays open, so that nobody takes it for all
	}
	return sink.end(&sum)
}

func taxiiManifest(cmd *cobra.Command, c *taxii.Client, col *taxii.Collection, o *taxiiGetOptions, progress *taxiiProgress) error {
	if wantsJSON(cmd) {
		return c.Manifest(cmd.Context(), col, o.query, func(_ context.Context, records []taxii.Record) error {
			for i := range records {
				if err := writeLine(cmd.OutOrStdout(), records[i].Raw); err != nil {
					return err
				}
			}
			progress.count(len(records))
			return nil
		})
	}
	t := newStreamTable(cmd, "ADDED", "ID", "VERSION", "MEDIA TYPE")
	err := c.Manifest(cmd.Context(), col, o.query, func(_ context.Context, records []taxii.Record) error {
		progress.finish()
		for i := range records {
			r := &records[i]
			if err := t.row(r.DateAdded, r.ID, r.Version, r.MediaType); err != nil {
				return err
			}
		}
		progress.count(len(records))
		return nil
	})
	progress.finish()
	return errors.Join(err, t.flush())
}
