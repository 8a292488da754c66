package fetch

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func dirOf(name string) string { return filepath.Dir(name) }

// Folder tells which files of a folder can be read: those that look alike at two
// looks, so that one that is still being written is left alone.
type Folder struct {
	dir  string
	last map[string]look
}

type look struct {
	size int64
	at   time.Time
}

// NewFolder watches a folder, with no folder below it.
func NewFolder(dir string) *Folder { return &Folder{dir: dir} }

// Look returns the files that can be read, in the order of their last change, and
// whether others need another look. Names that begin with a dot are left out.
func (f *Folder) Look() (ready []string, unsettled bool, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, false, err
	}
	now := map[string]look{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		name := filepath.Join(f.dir, e.Name())
		now[name] = look{st.Size(), st.ModTime()}
		if was, ok := f.last[name]; ok && was == now[name] {
			ready = append(ready, name)
		} else {
			unsettled = true
		}
	}
	f.last = now
	slices.SortFunc(ready, func(a, b string) int {
		if c := now[a].at.Compare(now[b].at); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return ready, unsettled, nil
}

// Hash is the SHA-256 of a file's content, by which it is known again.
func Hash(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), errors.Join(err, f.Close())
}
