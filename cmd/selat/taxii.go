package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker"
	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

// newTaxiiCmd holds the verbs that ask other people's servers. None of them
// needs a hub.
func newTaxiiCmd() *cobra.Command {
	return newGroup("taxii", "Receive from and add to any TAXII 2.1 server, without a hub",
		`Asks a TAXII 2.1 server of anyone. URL is that of the server, of its discovery
resource, or of one of its API roots. Credentials are read from files of mode
0600, and are sent to that server and nowhere else.`,
		newTaxiiDiscoverCmd(), newTaxiiCollectionsCmd(), newTaxiiGetCmd(), newTaxiiPostCmd())
}

// taxiiFlags give a command what it needs to ask a server.
func taxiiFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("user", "", "user, with --password-file")
	f.String("password-file", "", "file with the password, of mode 0600")
	f.String("token-file", "", "file with a bearer token, of mode 0600")
	f.String("ca", "", "file with the authorities to believe, in PEM (default: the system's)")
	f.String("cert", "", "file with a certificate to show, in PEM, with --key")
	f.String("key", "", "file with the certificate's key, in PEM, of mode 0600")
	f.Bool("insecure-http", false, "allow http to other machines: credentials and objects travel in the clear")
	f.Duration("timeout", 5*time.Minute, "how long one request may take")
	cmd.MarkFlagsMutuallyExclusive("user", "token-file")
	cmd.MarkFlagsRequiredTogether("user", "password-file")
	cmd.MarkFlagsRequiredTogether("cert", "key")
}

// askTaxii makes the client that a command's flags describe. What the server
// does is told by notice.
func askTaxii(cmd *cobra.Command, url string, notice func(string)) (*taxii.Client, error) {
	o := taxii.Options{URL: url, UserAgent: "selat/" + broker.Version(), Notice: notice}
	f := cmd.Flags()
	var err error
	for name, to := range map[string]*string{"user": &o.Username, "password-file": &o.PasswordFile, "token-file": &o.TokenFile, "ca": &o.CAFile, "cert": &o.CertFile, "key": &o.KeyFile} {
		if *to, err = f.GetString(name); err != nil {
			return nil, err
		}
	}
	if o.InsecureHTTP, err = f.GetBool("insecure-http"); err != nil {
		return nil, err
	}
	if o.Timeout, err = f.GetDuration("timeout"); err != nil {
		return nil, err
	}
	return taxii.New(o)
}

// taxiiError gives an error of the client its exit code and a hint.
func taxiiError(cmd *cobra.Command, err error) error {
	var refused *taxii.Error
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, taxii.ErrNoCollection):
		return withHint(err, "`selat taxii collections URL` lists those there are")
	case errors.Is(err, taxii.ErrOtherState):
		return withHint(err, "name another file with --state for another server, collection or selection")
	case errors.Is(err, taxii.ErrUnreachable):
		return &exitError{exitUnreachable, err}
	case !errors.As(err, &refused):
		return err
	}
	if hint := deniedHint(cmd, refused.Status); hint != "" {
		return withHint(err, "%s", hint)
	}
	return err
}

// deniedHint is what to do about a denial; empty if the status is none. A 403
// to nobody in particular does not mean that the server knows who asks.
func deniedHint(cmd *cobra.Command, status int) string {
	known := false
	for _, flag := range []string{"user", "token-file", "cert"} {
		known = known || cmd.Flags().Changed(flag)
	}
	switch {
	case status == 401 && (cmd.Flags().Changed("user") || cmd.Flags().Changed("token-file")):
		return "the server does not take these credentials"
	case status == 401:
		return "the server asks for credentials: --user with --password-file, or --token-file"
	case status == 403 && known:
		return "the server does not let this user do that"
	case status == 403:
		return "the server does not let everyone do that: try --user with --password-file, or --token-file"
	}
	return ""
}

// completeCollections completes the argument after URL from the server.
func completeCollections(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	case len(args) > 1:
		return nil, cobra.ShellCompDirectiveDefault
	}
	ctx, cancel := context.WithTimeout(context.Background(), completePatience)
	defer cancel()
	c, err := askTaxii(cmd, args[0], func(string) {})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp // there is no place to say so
	}
	defer c.Close()
	server, err := c.Discover(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, root := range server.Roots {
		if root.Err != nil {
			continue
		}
		cols, err := c.Collections(ctx, root)
		if err != nil {
			continue
		}
		for i := range cols {
			names = append(names, cobra.CompletionWithDesc(cols[i].ID, printable(cols[i].Title)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
