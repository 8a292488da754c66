//go:build !linux

package sinks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// swap puts a file into its place at once. A folder is missing for a moment, since
// this system cannot exchange two.
func swap(from, to string) error {
	st, err := os.Stat(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := from + ".old"
	isFolder := err == nil && st.IsDir()
	if isFolder {
		if err := errors.Join(os.RemoveAll(old), os.Rename(to, old)); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if isFolder {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(to))
}
