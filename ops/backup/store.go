package backup

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
)

const (
	backupsFolder  = "backups"
	chunksFolder   = "chunks"
	manifestSuffix = ".backup"
	chunksSuffix   = ".chunks"
	tempPrefix     = ".tmp-"
)

// store is a folder of backups.
type store struct{ dir string }

// ErrNoBackup is returned where a folder holds no backup of that name, or none.
var ErrNoBackup = errors.New("there is no such backup")

// openStore opens a folder that holds backups.
func openStore(dir string) (*store, error) {
	if st, err := os.Stat(filepath.Join(dir, backupsFolder)); err != nil || !st.IsDir() {
		return nil, fmt.Errorf("%s holds no backups: %w", dir, ErrNoBackup)
	}
	return &store{dir}, nil
}

// makeStore opens a folder, or makes it.
func makeStore(dir string) (*store, error) {
	for _, d := range []string{dir, filepath.Join(dir, backupsFolder), filepath.Join(dir, chunksFolder)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("making the backup's folder: %w", err)
		}
	}
	return &store{dir}, nil
}

// newID names a backup by its time, and later than any other even if the clock was
// set back: names are in order of age.
func (s *store) newID(at time.Time) (string, error) {
	all, err := s.ids()
	if err != nil {
		return "", err
	}
	if len(all) > 0 {
		if after := idAt(all[len(all)-1]).Add(time.Millisecond); at.Before(after) {
			at = after
		}
	}
	return at.UTC().Format(idTime) + "-" + strings.ToLower(rand.Text()[:6]), nil
}

const idTime = "20060102T150405.000Z"

var idForm = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[a-z2-7]{6}$`)

// idAt is when a backup of that name began.
func idAt(id string) time.Time {
	at, err := time.Parse(idTime, strings.SplitN(id, "-", 2)[0])
	if err != nil {
		return time.Time{} // no name of a backup (ids)
	}
	return at
}

// ids are the backups that are whole, the oldest first.
func (s *store) ids() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, backupsFolder))
	if err != nil {
		return nil, fmt.Errorf("listing the backups: %w", err)
	}
	var out []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), manifestSuffix); ok && idForm.MatchString(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (s *store) path(id, suffix string) string {
	return filepath.Join(s.dir, backupsFolder, id+suffix)
}

var chunkForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func (s *store) chunkPath(name string) string {
	return filepath.Join(s.dir, chunksFolder, name[:2], name)
}

// chunkName names what a piece holds, for these recipients: a set of recipients
// shares nothing with another, so that none of them depends on who could read
// older backups.
func chunkName(key *[sha256.Size]byte, to *Recipients, plain []byte) string {
	mac := hmac.New(sha256.New, key[:])
	mac.Write(to.set[:])
	mac.Write(plain)
	return hex.EncodeToString(mac.Sum(nil))
}

// has returns the stored size of a piece, 0 if it is not there.
func (s *store) has(name string) (int64, error) {
	st, err := os.Stat(s.chunkPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// write puts a file in place whole and on disk, or not at all. That its name is on
// disk too is syncFolder's part.
func (s *store) write(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return fmt.Errorf("writing to the backup: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing to the backup: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep removes what a killed backup or prune left: files that it had begun to
// write, and lists of pieces without their backup. Pieces stay for the next backup.
// The caller holds the lock.
func (s *store) sweep() error {
	return filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		torn := strings.HasPrefix(e.Name(), tempPrefix)
		if id, list := strings.CutSuffix(e.Name(), chunksSuffix); list && idForm.MatchString(id) {
			_, err := os.Stat(s.path(id, manifestSuffix))
			torn = errors.Is(err, fs.ErrNotExist)
		}
		if !torn {
			return nil
		}
		return os.Remove(path)
	})
}

// damage is what is wrong with a piece.
type damage struct {
	chunk string
	err   error
}

func (d *damage) Error() string { return fmt.Sprintf("piece %s: %v", d.chunk, d.err) }
func (d *damage) Unwrap() error { return d.err }

// read returns what a piece holds.
func (s *store) read(c *Chunk, ids []age.Identity) ([]byte, error) {
	if !chunkForm.MatchString(c.Name) {
		return nil, &damage{c.Name, errors.New("it is no name of a piece")}
	}
	sealed, err := os.ReadFile(s.chunkPath(c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &damage{c.Name, errors.New("it is missing")}
	}
	if err != nil {
		return nil, &damage{c.Name, err}
	}
	plain, err := open(sealed, ids)
	if err != nil {
		return nil, &damage{c.Name, err}
	}
	if sum := sha256.Sum256(plain); !bytes.Equal(sum[:], c.Sum) {
		return nil, &damage{c.Name, errors.New("it holds something else than was stored")}
	}
	return plain, nil
}

// manifest reads a backup's manifest.
func (s *store) manifest(id string, ids []age.Identity) (*Manifest, error) {
	if !idForm.MatchString(id) {
		return nil, fmt.Errorf("%q: %w", id, ErrNoBackup)
	}
	sealed, err := os.ReadFile(s.path(id, manifestSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", id, ErrNoBackup)
	}
	if err != nil {
		return nil, fmt.Errorf("reading backup %s: %w", id, err)
	}
	plain, err := open(sealed, ids)
	if err != nil {
		return nil, fmt.Errorf("reading backup %s: %w", id, err)
	}
	m, err := readSigned(plain)
	if err == nil && m.ID != id {
		err = fmt.Errorf("it is backup %s under another name", m.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("reading backup %s: %w", id, err)
	}
	return m, nil
}

// commit makes a backup be there: its list of pieces, then its manifest.
func (s *store) commit(id string, sealed []byte, stored map[string]int64) error {
	var list bytes.Buffer
	names := make([]string, 0, len(stored))
	for name := range stored {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&list, "%s %d\n", name, stored[name])
	}
	folder := filepath.Join(s.dir, backupsFolder)
	if err := s.write(s.path(id, chunksSuffix), list.Bytes()); err != nil {
		return err
	}
	if err := syncFolder(folder); err != nil {
		return fmt.Errorf("writing to the backup: %w", err)
	}
	if err := s.write(s.path(id, manifestSuffix), sealed); err != nil {
		return err
	}
	return syncFolder(folder)
}

// pieces lists the pieces of a backup and their stored sizes.
func (s *store) pieces(id string) (map[string]int64, error) {
	b, err := os.ReadFile(s.path(id, chunksSuffix))
	if err != nil {
		return nil, fmt.Errorf("reading the list of pieces of backup %s: %w", id, err)
	}
	out := map[string]int64{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		name, size, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || !chunkForm.MatchString(name) {
			return nil, fmt.Errorf("the list of pieces of backup %s is damaged: %q", id, lines.Text())
		}
		out[name] = n
	}
	return out, lines.Err()
}
