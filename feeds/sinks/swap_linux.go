package sinks

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// swap puts a file or folder into its place at once: at no moment is there nothing,
// or half of it. No folder goes for a file.
func swap(from, to string, folder bool) error {
	err := fs.ErrNotExist
	if folder {
		// A folder is exchanged for the other, and then goes.
		if err = unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE); err == nil {
			err = os.RemoveAll(from)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}
