package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
)

// credsFile is a file of credentials, or of a token, about to be written. Its
// place is made sure of before the hub is asked, because the hub tells a secret
// once.
type credsFile struct {
	path string   // "" for standard output
	tmp  *os.File // beside path, mode 0600
	link bool     // path must not exist yet
}

// What a credsFile holds, and how its name ends by default.
const (
	holdsCredentials = "credentials"
	holdsToken       = "token"
)

var fileEndings = map[string]string{holdsCredentials: ".creds", holdsToken: ".token"}

// newCredsFile makes ready to write credentials or a token of a seat to out.
// With replace, a file that holds credentials of the same seat may be replaced.
func newCredsFile(cmd *cobra.Command, seat, out, holds string, replace bool) (*credsFile, error) {
	switch {
	case out == "-" && wantsJSON(cmd):
		return nil, usage(cmd, errors.New("--json and --out - both want standard output"))
	case out == "-":
		return &credsFile{}, nil
	case out == "":
		out = strings.ReplaceAll(seat, "/", "-") + fileEndings[holds]
	}
	c := &credsFile{path: out, link: true}
	switch _, err := os.Lstat(out); {
	case err == nil && !replace:
		return nil, withHint(fmt.Errorf("%s exists already, and no file is written over", out), "name another file with --out")
	case err == nil:
		old, err := client.ReadCredentials(out)
		if err != nil || old.Seat != seat {
			return nil, withHint(fmt.Errorf("%s exists already, and holds no credentials of seat %s", out, seat), "name another file with --out")
		}
		c.link = false
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("making a %s file: %w", holds, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("making a %s file: %w", holds, err)
	}
	c.tmp = tmp
	return c, nil
}

// fill asks the hub for credentials and writes them.
func (c *credsFile) fill(ctx context.Context, cmd *cobra.Command, a *admin, act string, question any, done string, args ...any) error {
	var answer api.Credentials
	if err := a.ask(ctx, act, question, &answer); err != nil {
		return errors.Join(err, c.drop())
	}
	if c.path == "" {
		_, err := fmt.Fprint(cmd.OutOrStdout(), answer.Creds)
		return err
	}
	if err := c.write(answer.Creds); err != nil {
		return withHint(fmt.Errorf("%s was done, but its credentials could not be written and are lost: %w", act, errors.Join(err, c.drop())),
			"make new ones with `selat seat rotate %s --out FILE`", answer.Seat)
	}
	if wantsJSON(cmd) {
		return printJSON(cmd, map[string]string{"seat": answer.Seat, "file": c.path})
	}
	say(cmd, done, args...)
	say(cmd, "Its credentials are in %s (mode 0600). Hand the file to its owner and keep no copy.", c.path)
	return nil
}

// write puts the credentials on disk and then, in one step, in their place.
func (c *credsFile) write(creds string) error {
	_, err := c.tmp.WriteString(creds)
	if err == nil {
		err = c.tmp.Sync()
	}
	if err = errors.Join(err, c.tmp.Close()); err != nil {
		return err
	}
	if !c.link {
		return os.Rename(c.tmp.Name(), c.path)
	}
	// Unlike a rename, a link fails if someone made the file meanwhile.
	if err := os.Link(c.tmp.Name(), c.path); err != nil {
		return err
	}
	return os.Remove(c.tmp.Name())
}

// drop takes the temporary file away again.
func (c *credsFile) drop() error {
	if c.tmp == nil {
		return nil
	}
	c.tmp.Close() //nolint:errcheck // may be closed already, and goes away
	if err := os.Remove(c.tmp.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
