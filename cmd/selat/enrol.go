package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/invite"
	"github.com/selat-hub/selat/feeds/enrol"
)

func newEnrolCmd() *cobra.Command {
	var out, tokenOut string
	var token bool
	cmd := &cobra.Command{
		Use:   "enrol CODE",
		Short: "Redeem an invitation: make this seat's credentials here",
		Long: `Redeems an invitation code of the hub's team, once. The seat's private key is made
on this machine and stays in the file that is written (mode 0600): the hub
receives the public half, and a proof that the other half is here. The code says
where the hub is and pins its certificate, so that nothing need be installed.

The code may be wrapped, quoted or in several words; - reads it from standard
input, where it shows in no list of processes.`,
		Example: `  selat enrol selat-invite-ae3kq...
  selat enrol - --token <code.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, words []string) (err error) {
			code, err := readCode(cmd, words)
			if err != nil {
				return err
			}
			file, err := newCredsFile(cmd, code.Seat, out, holdsCredentials, true)
			if err != nil {
				return err
			}
			var second *credsFile
			if token {
				if second, err = newCredsFile(cmd, code.Seat, tokenOut, holdsToken, false); err != nil {
					return errors.Join(err, file.drop())
				}
			}
			return enrolSeat(cmd, code, file, second)
		},
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "credentials file to write (default MEMBER-SEAT.creds)")
	f.BoolVar(&token, "token", false, "also get a token for TAXII and lookups over HTTP")
	f.StringVar(&tokenOut, "token-out", "", "file to write the token to (default MEMBER-SEAT.token)")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	jsonFlag(cmd)
	return cmd
}

// maxCodeInput bounds what is read from standard input.
const maxCodeInput = 16 << 10

func readCode(cmd *cobra.Command, words []string) (invite.Code, error) {
	text := strings.Join(words, " ")
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxCodeInput))
		if err != nil {
			return invite.Code{}, fmt.Errorf("reading the code: %w", err)
		}
		text = string(b)
	}
	code, err := invite.Parse(text)
	if errors.Is(err, invite.ErrNoCode) {
		return code, usage(cmd, err)
	}
	return code, err
}

// enrolSeat redeems the code into files whose places are made sure of.
func enrolSeat(cmd *cobra.Command, code invite.Code, creds, token *credsFile) (err error) {
	got, err := enrol.Redeem(cmd.Context(), code, token != nil)
	if err != nil {
		err = errors.Join(enrolError(err), creds.drop())
		if token != nil {
			err = errors.Join(err, token.drop())
		}
		return err
	}
	lost := func(what string, err error) error {
		return withHint(fmt.Errorf("the seat is enrolled, but its %s could not be written and are lost: %w", what, err), "ask the hub's team for a new code, made with --replace")
	}
	if creds.path == "" {
		fmt.Fprint(cmd.OutOrStdout(), string(got.Creds))
	} else if err := creds.write(string(got.Creds)); err != nil {
		return lost("credentials", errors.Join(err, creds.drop()))
	}
	switch {
	case token == nil:
	case token.path == "":
		fmt.Fprintln(cmd.OutOrStdout(), got.Token)
	default:
		if err := token.write(got.Token + "\n"); err != nil {
			return lost("token", errors.Join(err, token.drop()))
		}
	}
	return tellEnrolled(cmd, got, creds, token)
}

func tellEnrolled(cmd *cobra.Command, got *enrol.Seat, creds, token *credsFile) error {
	told := struct {
		Seat  string `json:"seat"`
		File  string `json:"file"`
		Token string `json:"token_file,omitempty"`
	}{Seat: got.Name, File: creds.path}
	if token != nil {
		told.Token = token.path
	}
	switch {
	case wantsJSON(cmd):
		return printJSON(cmd, told)
	case creds.path == "":
		return nil
	}
	say(cmd, "Seat %s is enrolled. Its key was made here and is in %s (mode 0600) only.", got.Name, creds.path)
	if told.Token != "" {
		say(cmd, "Its token is in %s (mode 0600).", told.Token)
	}
	say(cmd, "See that all is well: selat doctor --creds %s", creds.path)
	return nil
}

// enrolError gives an error its exit code and a hint.
func enrolError(err error) error {
	var refused *api.Error
	switch {
	case errors.Is(err, enrol.ErrUnreachable):
		return &exitError{exitUnreachable, withHint(err, "the code is as good as before: look at the network, then try again")}
	case errors.As(err, &refused) && refused.Code == "enrolment-refused":
		return withHint(err, "a code is good once, and for as long as `selat member invite` said")
	}
	return err
}
