//go:build !linux

package sinks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// swap puts a file into its place at once. A folder is missing for a moment, since
// this system cannot exchange two. No folder goes for a file.
func swap(from, to string, folder bool) error {
	old := from + ".old"
	if folder {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
		if err := os.Rename(to, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}
