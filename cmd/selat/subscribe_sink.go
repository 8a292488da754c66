package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// sink hands one object over; once it returns nil the object is remembered.
type sink func(context.Context, *client.Delivery) error

func newSink(cmd *cobra.Command, o *subscribeOptions) (sink, error) {
	switch {
	case o.exec != "":
		return commandSink(cmd, o.exec), nil
	case o.dir != "":
		if err := os.MkdirAll(o.dir, 0o750); err != nil {
			return nil, fmt.Errorf("making the folder for objects: %w", err)
		}
		if err := sweep(o.dir); err != nil {
			return nil, fmt.Errorf("removing what an end left unfinished: %w", err)
		}
		return folderSink(o.dir), nil
	case o.envelope:
		return envelopeSink(cmd.OutOrStdout()), nil
	}
	return lineSink(cmd.OutOrStdout()), nil
}

// lineSink prints an object on a line of its own. A line break in JSON can only
// stand between its parts, where it means as much as a space.
func lineSink(w io.Writer) sink {
	return func(_ context.Context, d *client.Delivery) error {
		line := make([]byte, 0, len(d.Object)+1)
		line = append(line, d.Object...)
		for i, c := range line {
			if c == '\n' || c == '\r' {
				line[i] = ' '
			}
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("printing an object: %w", err)
		}
		return nil
	}
}

// envelope is an object with what the hub says of it.
type envelope struct {
	Origin      string     `json:"origin"`
	Audience    string     `json:"audience"`
	Level       stix.Level `json:"tlp"`
	Unmarked    bool       `json:"unmarked,omitempty"`
	Type        string     `json:"type"`
	ID          string     `json:"id"`
	Version     string     `json:"version,omitempty"`
	Stream      string     `json:"stream"`
	Sequence    uint64     `json:"sequence"`
	Index       int        `json:"index"`
	Added       time.Time  `json:"added"`
	SHA256      string     `json:"sha256"`
	Redelivered bool       `json:"redelivered,omitempty"`
	Object      []byte     `json:"object"`
}

func envelopeSink(w io.Writer) sink {
	e := json.NewEncoder(w)
	return func(_ context.Context, d *client.Delivery) error {
		err := e.Encode(envelope{Origin: d.Origin, Audience: d.Audience, Level: d.Level, Unmarked: d.Unmarked,
			Type: d.Type, ID: d.ID, Version: d.Version, Stream: d.Stream, Sequence: d.Sequence, Index: d.Index,
			Added: d.Added, SHA256: d.Hash(), Redelivered: d.Redelivered, Object: d.Object})
		if err != nil {
			return fmt.Errorf("printing an object: %w", err)
		}
		return nil
	}
}

// commandSink runs a shell command for each object.
func commandSink(cmd *cobra.Command, command string) sink {
	return func(ctx context.Context, d *client.Delivery) error {
		return runCommand(ctx, cmd, command, d.Object,
			"SELAT_ORIGIN="+d.Origin, "SELAT_AUDIENCE="+d.Audience, "SELAT_TLP="+d.Level.String(),
			"SELAT_TYPE="+d.Type, "SELAT_ID="+d.ID, "SELAT_VERSION="+d.Version,
			"SELAT_STREAM="+d.Stream, "SELAT_SEQUENCE="+strconv.FormatUint(d.Sequence, 10), "SELAT_INDEX="+strconv.Itoa(d.Index),
			"SELAT_ADDED="+d.Added.Format(time.RFC3339Nano), "SELAT_SHA256="+d.Hash(), "SELAT_REDELIVERED="+strconv.FormatBool(d.Redelivered))
	}
}

// runCommand runs a shell command with an input and more in its environment.
func runCommand(ctx context.Context, cmd *cobra.Command, command string, input []byte, env ...string) error {
	shell, flag := "/bin/sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	c := exec.CommandContext(ctx, shell, flag, command)
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(input), cmd.OutOrStdout(), cmd.ErrOrStderr()
	c.WaitDelay = 5 * time.Second
	// A signal meant for this program must not end the command's work.
	c.SysProcAttr = ownGroup()
	c.Env = append(os.Environ(), env...)
	if err := c.Run(); err != nil {
		return fmt.Errorf("running the command: %w", err)
	}
	return nil
}

// folderSink writes each object to a file of its own: DIR/ORIGIN/TYPE/ID@VERSION.json,
// or @HASH for an object that has no version.
func folderSink(dir string) sink {
	return func(_ context.Context, d *client.Delivery) error {
		version := d.Version
		if version == "" {
			version = d.Hash()[:hashShown]
		}
		folder := filepath.Join(dir, safeName(d.Origin), safeName(d.Type))
		if err := makeFolder(dir, folder); err != nil {
			return fmt.Errorf("making a folder for objects: %w", err)
		}
		if err := writeWhole(filepath.Join(folder, fileName(d.ID, version)), d.Object); err != nil {
			return fmt.Errorf("writing an object: %w", err)
		}
		return nil
	}
}

// hashShown is how much of a hash stands in a file's name.
const hashShown = 16

func fileName(id, version string) string { return safeName(id+"@"+version) + ".json" }

// unfinished begins the name of a file that is being written.
const unfinished = ".new-"

// sweep removes files that the end of a program left unfinished: they have bytes of
// objects, and no name that a recall would find them by.
func sweep(dir string) error {
	left, err := fs.Glob(os.DirFS(dir), "*/*/"+unfinished+"*")
	for _, path := range left {
		err = errors.Join(err, os.Remove(filepath.Join(dir, path)))
	}
	return err
}

// writeWhole makes a file that is complete and on disk, or not there. A file
// with these bytes already is left alone.
func writeWhole(path string, b []byte) (err error) {
	if had, err := os.ReadFile(path); err == nil && bytes.Equal(had, b) {
		return nil
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncFolder(dir)
}

// makeFolder makes dir/ORIGIN/TYPE, durably if it is new.
func makeFolder(dir, folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(folder)); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
}

// nameMost keeps a name, with what is put around it, within what file systems
// allow.
const nameMost = 200

// safeName makes a file's name out of a string that came from outside. Letters,
// digits and -_@+ stay, dots too but for the first, colons become hyphens, and
// anything else is written as %XX.
func safeName(s string) string {
	var b []byte
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '@', c == '+', c == '.' && i > 0:
			b = append(b, c)
		case c == ':':
			b = append(b, '-')
		default:
			b = fmt.Appendf(b, "%%%02X", c)
		}
	}
	if len(b) == 0 {
		return "none"
	}
	if len(b) > nameMost {
		h := sha256.Sum256([]byte(s))
		b = fmt.Appendf(b[:nameMost-20], "-%x", h[:8])
	}
	return string(b)
}
