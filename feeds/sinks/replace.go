package sinks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// marker is the file by which a folder tells that Selat wrote it, and so may take it
// away again.
const marker = ".selat-sink"

const markerText = "Selat writes this folder whole, and takes away whatever else is put into it.\n"

// replaceable reports why a file or folder must not take a path: what stands there
// was not written by a sink. It is nil of a path where nothing stands.
func replaceable(path string, folder bool) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !folder && st.IsDir():
		return fmt.Errorf("%s is a folder: the path of this format is a file's", path)
	case !folder && !st.Mode().IsRegular():
		return fmt.Errorf("%s is no plain file: a sink would take its place", path)
	case !folder:
		return nil
	case !st.IsDir():
		return fmt.Errorf("%s is no folder: the path of this format is a folder's", path)
	}
	files, err := os.ReadDir(path)
	if err != nil || len(files) == 0 {
		return err
	}
	if st, err := os.Lstat(filepath.Join(path, marker)); err != nil || !st.Mode().IsRegular() {
		return fmt.Errorf("%s has files in it that no sink wrote, and would be replaced whole: give it a folder of its own", path)
	}
	return nil
}
