package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Keep says which backups stay: the newest Last, and the newest of each of the
// newest Daily days and Weekly weeks (ISO, UTC) that have one.
type Keep struct{ Last, Daily, Weekly int }

// Pruned is what a prune came to.
type Pruned struct {
	Removed []string `json:"removed"`
	Kept    []string `json:"kept"`
	Pieces  int      `json:"pieces"` // removed
	Freed   int64    `json:"freed"`
}

// Prune removes the backups that are not to be kept, and every piece that no
// backup needs. The newest always stays. It needs no identity.
func Prune(dir string, keep Keep, dry bool) (p *Pruned, err error) {
	s, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	all, err := s.ids()
	if err != nil {
		return nil, err
	}
	p = &Pruned{Removed: []string{}, Kept: kept(all, keep)}
	for _, id := range all {
		if !slices.Contains(p.Kept, id) {
			p.Removed = append(p.Removed, id)
		}
	}
	// A list that cannot be read ends it before anything is removed.
	needed := map[string]bool{}
	for _, id := range p.Kept {
		pieces, err := s.pieces(id)
		if err != nil {
			return nil, err
		}
		for name := range pieces {
			needed[name] = true
		}
	}
	for _, id := range p.Removed {
		p.Freed += fileSize(s.path(id, manifestSuffix)) + fileSize(s.path(id, chunksSuffix))
	}
	if !dry {
		if err := s.sweep(); err != nil {
			return nil, fmt.Errorf("removing what an earlier backup left: %w", err)
		}
		if err := s.forget(p.Removed); err != nil {
			return nil, err
		}
	}
	return p, s.collect(p, needed, dry)
}

func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0 // it is only counted
	}
	return st.Size()
}

// kept are the backups that stay, the oldest first.
func kept(all []string, keep Keep) []string {
	stays := map[string]bool{}
	days, weeks := map[string]bool{}, map[string]bool{}
	for n, id := range slices.Backward(all) {
		at := idAt(id)
		year, week := at.ISOWeek()
		newest := len(all) - 1 - n
		stays[id] = newest < max(keep.Last, 1) ||
			first(days, at.Format("2006-01-02"), keep.Daily) || first(weeks, fmt.Sprint(year, week), keep.Weekly)
		days[at.Format("2006-01-02")], weeks[fmt.Sprint(year, week)] = true, true
	}
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !stays[id] })
}

// first reports whether a period is new and among the newest n.
func first(seen map[string]bool, period string, n int) bool { return !seen[period] && len(seen) < n }

// forget removes backups: first what makes them be there.
func (s *store) forget(ids []string) error {
	for _, suffix := range []string{manifestSuffix, chunksSuffix} {
		for _, id := range ids {
			if err := os.Remove(s.path(id, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing backup %s: %w", id, err)
			}
		}
		if err := syncFolder(filepath.Join(s.dir, backupsFolder)); err != nil {
			return fmt.Errorf("removing backups: %w", err)
		}
	}
	return nil
}

// collect removes the pieces that are not needed.
func (s *store) collect(p *Pruned, needed map[string]bool, dry bool) error {
	return filepath.WalkDir(filepath.Join(s.dir, chunksFolder), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !chunkForm.MatchString(e.Name()) || needed[e.Name()] {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		p.Pieces++
		p.Freed += st.Size()
		if dry {
			return nil
		}
		return os.Remove(path)
	})
}
