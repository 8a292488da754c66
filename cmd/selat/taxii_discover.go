package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

func newTaxiiDiscoverCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "discover URL",
		Short: "Tell what a TAXII server is and which API roots it has",
		Long: `Tells what a TAXII 2.1 server says of itself, and of each of its API roots. It is
the first thing to try with a new server. If URL has no path, or is neither a
discovery resource nor an API root, the discovery resource is looked for at
taxii2/.

Exit code: 0 there is one, 5 the server does not answer, 1 or 2 anything else.`,
		Example: `  selat taxii discover https://taxii.example
  selat taxii discover https://taxii.example/taxii2/ --user cert --password-file pw --json`,
		Args: arguments("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := askTaxii(cmd, args[0], newTaxiiProgress(cmd, "", false).notice)
			if err != nil {
				return err
			}
			defer c.Close()
			server, err := c.Discover(cmd.Context())
			if err != nil {
				return taxiiError(cmd, err)
			}
			if wantsJSON(cmd) {
				return printServerJSON(cmd, server)
			}
			return printServer(cmd, server)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	taxiiFlags(cmd)
	jsonFlag(cmd)
	return cmd
}

func printServer(cmd *cobra.Command, s *taxii.Server) error {
	if s.URL != "" {
		t := newTable(cmd)
		for _, row := range [][2]string{{"server", s.Title}, {"about", s.Description}, {"contact", s.Contact}, {"default", s.Default}} {
			if row[1] != "" {
				t.row(row[0], printable(row[1]))
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
		say(cmd, "")
	}
	t := newStreamTable(cmd, "API ROOT", "TITLE", "TAKES AT MOST")
	for _, r := range s.Roots {
		most := ""
		if r.MaxContentLength > 0 {
			most = fmt.Sprintf("%d bytes", r.MaxContentLength)
		}
		title := r.Title
		if r.Err != nil {
			title = "(" + r.Err.Error() + ")"
		}
		if err := t.row(r.URL, title, most); err != nil {
			return err
		}
	}
	return t.flush()
}

// rootJSON is an API root with why it cannot be looked at, if so.
type rootJSON struct {
	*taxii.Root
	Error string `json:"error,omitempty"`
}

func printServerJSON(cmd *cobra.Command, s *taxii.Server) error {
	out := struct {
		*taxii.Server
		Roots []rootJSON `json:"api_roots"`
	}{s, []rootJSON{}}
	for _, r := range s.Roots {
		line := rootJSON{Root: r}
		if r.Err != nil {
			line.Error = r.Err.Error()
		}
		out.Roots = append(out.Roots, line)
	}
	e := json.NewEncoder(plainJSON{cmd.OutOrStdout()})
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
