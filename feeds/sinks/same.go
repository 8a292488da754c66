package sinks

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// sameContent reports whether two files are equal, or two folders with all in them.
// Where nothing is, or something else than those, is no equal of anything.
func sameContent(a, b string) (bool, error) {
	sa, err := os.Lstat(a)
	if err != nil {
		return false, err
	}
	sb, err := os.Lstat(b)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil || sa.Mode().Type() != sb.Mode().Type():
		return false, err
	case sa.IsDir():
		return sameFolders(a, b)
	case !sa.Mode().IsRegular() || sa.Size() != sb.Size():
		return false, nil
	}
	ha, err := hashOf(a)
	if err != nil {
		return false, err
	}
	hb, err := hashOf(b)
	return ha == hb, err
}

func sameFolders(a, b string) (bool, error) {
	as, err := os.ReadDir(a)
	if err != nil {
		return false, err
	}
	bs, err := os.ReadDir(b)
	if err != nil || len(as) != len(bs) {
		return false, err
	}
	for i := range as { // sorted by name
		if as[i].Name() != bs[i].Name() {
			return false, nil
		}
		same, err := sameContent(filepath.Join(a, as[i].Name()), filepath.Join(b, bs[i].Name()))
		if !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func hashOf(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close() //nolint:errcheck // read only
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// chmod gives a file its mode, or a folder and all in it: folders are open to whom
// files are, and always to their owner, who takes them away again.
func (o *Output) chmod(path string) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := o.Mode
		if d.IsDir() {
			mode |= 0o700 | o.Mode>>2&0o011
		}
		if st, err := d.Info(); err != nil || st.Mode().Perm() == mode {
			return err
		}
		return os.Chmod(path, mode)
	})
}
