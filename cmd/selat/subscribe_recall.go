package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/stix"
)

// recallSink hands an order over; once it returns nil it is acknowledged.
type recallSink = func(context.Context, api.RecallOrder) error

func newRecallSink(cmd *cobra.Command, o *subscribeOptions) recallSink {
	return func(ctx context.Context, r api.RecallOrder) error {
		removed, err := 0, error(nil)
		if o.dir != "" {
			if removed, err = removeFiles(o.dir, &r); err != nil {
				return err
			}
		}
		if o.recallExec != "" {
			if err := recallCommand(ctx, cmd, o.recallExec, &r); err != nil {
				return err
			}
		}
		if o.recalls {
			return printRecall(cmd, &r)
		}
		tellRecall(cmd, &r, o.dir != "", removed)
		return nil
	}
}

func printRecall(cmd *cobra.Command, r *api.RecallOrder) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	if err := e.Encode(struct {
		Recall *api.RecallOrder `json:"recall"`
	}{r}); err != nil {
		return fmt.Errorf("printing a recall: %w", err)
	}
	return nil
}

func tellRecall(cmd *cobra.Command, r *api.RecallOrder, files bool, removed int) {
	what := "every version"
	switch {
	case r.Version != "":
		what = "version " + r.Version
	case r.Before != "":
		what = "what is before version " + r.Before
	}
	line := fmt.Sprintf("%s recalls %s of %s", r.Origin, what, r.ID)
	if r.Audience != "" {
		line += " from " + r.Audience
	}
	line += ": " + r.Reason
	if files {
		line += " (" + counted(removed, "file") + " removed)"
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "selat: "+printable(line))
}

func recallCommand(ctx context.Context, cmd *cobra.Command, command string, r *api.RecallOrder) error {
	input, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing a recall: %w", err)
	}
	typ, _, _ := strings.Cut(r.ID, "--")
	return runCommand(ctx, cmd, command, input,
		"SELAT_RECALL="+r.Recall, "SELAT_ORIGIN="+r.Origin, "SELAT_TYPE="+typ, "SELAT_ID="+r.ID,
		"SELAT_VERSION="+r.Version, "SELAT_BEFORE="+r.Before, "SELAT_AUDIENCE="+r.Audience, "SELAT_TLP="+r.Level.String(),
		"SELAT_REASON="+printable(r.Reason), "SELAT_AT="+r.At.Format(time.RFC3339Nano))
}

// removeFiles removes the files of an object that folderSink wrote, as far as an
// order covers them. A file does not say from which audience it came, so that all
// are taken to be of the one that is named.
func removeFiles(dir string, r *api.RecallOrder) (removed int, err error) {
	typ, _, _ := strings.Cut(r.ID, "--")
	folder := filepath.Join(dir, safeName(r.Origin), safeName(typ))
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking for the files of a recalled object: %w", err)
	}
	for _, f := range files {
		path := filepath.Join(folder, f.Name())
		covered, err := coversFile(path, f.Name(), r)
		if err != nil {
			return removed, err
		}
		if !covered {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("removing a recalled object: %w", err)
		}
		removed++
	}
	if removed == 0 {
		return 0, nil
	}
	return removed, syncFolder(folder)
}

// coversFile reads the object in a file, since its name may be shortened.
func coversFile(path, name string, r *api.RecallOrder) (bool, error) {
	prefix := safeName(r.ID + "@")
	if len(prefix) < nameMost/2 && !strings.HasPrefix(name, prefix) {
		return false, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what may be recalled: %w", err)
	}
	objects, err := stix.Split(b, stix.DefaultLimits)
	if err != nil || len(objects) != 1 {
		return false, nil // no object that was written here
	}
	o := &objects[0]
	return client.Covers(r, &client.Delivery{ID: o.ID, Version: o.Version(), Origin: r.Origin, SHA256: o.Hash(), Audience: r.Audience, Level: r.Level}), nil
}
