package main

import (
	"errors"

	"github.com/spf13/cobra"

	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

func newTaxiiCollectionsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "collections URL",
		Short: "List the collections of a TAXII server, and what one may do there",
		Long: `Lists the collections of all API roots of a TAXII 2.1 server, or of the one API
root that URL names, as this user sees them. An API root that cannot be asked is
told on standard error, and the others are listed.

With --json there is a line for each collection.

Exit code: 0 all API roots were asked, 1 some could not be, 5 the server does not
answer, 2 the command line cannot be understood.`,
		Example: `  selat taxii collections https://taxii.example
  selat taxii collections https://taxii.example/api1/ --token-file token --json | jq -r .id`,
		Args:              arguments("URL"),
		RunE:              taxiiCollections,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	taxiiFlags(cmd)
	jsonFlag(cmd)
	return cmd
}

func taxiiCollections(cmd *cobra.Command, args []string) error {
	c, err := askTaxii(cmd, args[0], newTaxiiProgress(cmd, "", false).notice)
	if err != nil {
		return err
	}
	defer c.Close()
	server, err := c.Discover(cmd.Context())
	if err != nil {
		return taxiiError(cmd, err)
	}
	var all []taxii.Collection
	var failed error
	for _, root := range server.Roots {
		err := root.Err
		var cols []taxii.Collection
		if err == nil {
			cols, err = c.Collections(cmd.Context(), root)
		}
		failed = errors.Join(failed, err)
		all = append(all, cols...)
	}
	if err := printCollections(cmd, all); err != nil {
		return err
	}
	return taxiiError(cmd, failed)
}

func printCollections(cmd *cobra.Command, all []taxii.Collection) error {
	if wantsJSON(cmd) {
		lines := jsonLines(cmd)
		for i := range all {
			if err := lines.Encode(struct {
				*taxii.Collection
				Root string `json:"api_root"`
			}{&all[i], all[i].Root.URL}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		say(cmd, "the server shows no collection to this user")
		return nil
	}
	t := newStreamTable(cmd, "ID", "ALIAS", "READ", "WRITE", "TITLE", "API ROOT")
	for i := range all {
		col := &all[i]
		if err := t.row(col.ID, col.Alias, yes(col.CanRead), yes(col.CanWrite), col.Title, col.Root.URL); err != nil {
			return err
		}
	}
	return t.flush()
}
