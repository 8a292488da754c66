package backup

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
)

// Options say what to back up, and where to.
type Options struct {
	// Dir is the folder of backups. It is made where there is none.
	Dir string
	// To can read the backup.
	To *Recipients
	// Data is the hub's folder, and Access made from its keys.
	Data   string
	Access *broker.BackupAccess
	// Conn is connected to the running hub with Access.Creds.
	Conn *nats.Conn
	// Program is the version that is noted.
	Program string
	// Progress is told now and then how far it is; it may be nil.
	Progress func(Progress)
}

// Progress is how far a long act is.
type Progress struct {
	Stream   string
	Streams  int // done
	Of       int
	Messages uint64
	Bytes    int64 // read, or written by a restore
}

// Summary is what a backup came to.
type Summary struct {
	ID    string        `json:"id"`
	Began time.Time     `json:"began"`
	Took  time.Duration `json:"took"`
	Totals
	// Size is what the backup takes on the disk, and New what of that was not
	// there before.
	Size int64 `json:"size"`
	New  int64 `json:"new"`
}

// Take makes a backup of a running hub. It is there when Take returns nil, and
// not at all otherwise.
func Take(ctx context.Context, o *Options) (sum *Summary, err error) {
	s, err := makeStore(o.Dir)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := s.sweep(); err != nil {
		return nil, fmt.Errorf("removing what an earlier backup left: %w", err)
	}
	t := &taking{Options: o, store: s, stored: map[string]int64{}, folders: map[string]bool{}}
	return t.take(ctx)
}

type taking struct {
	*Options
	store    *store
	stored   map[string]int64 // pieces of this backup
	folders  map[string]bool  // that got a new piece
	fresh    int64
	progress Progress
}

func (t *taking) take(ctx context.Context) (*Summary, error) {
	began := time.Now().UTC()
	id, err := t.store.newID(began)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Format: manifestFormat, ID: id, Began: began, Program: t.Program, Account: t.Access.Account}
	if err := t.files(m); err != nil {
		return nil, err
	}
	if err := t.streams(ctx, m); err != nil {
		return nil, err
	}
	for folder := range t.folders {
		if err := syncFolder(folder); err != nil {
			return nil, fmt.Errorf("writing to the backup: %w", err)
		}
	}
	if err := syncFolder(filepath.Join(t.Dir, chunksFolder)); err != nil {
		return nil, fmt.Errorf("writing to the backup: %w", err)
	}
	m.Ended = time.Now().UTC()
	plain, err := signManifest(m, t.Access.Sign)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(plain, t.To)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := t.store.commit(m.ID, sealed, t.stored); err != nil {
		return nil, err
	}
	sum := &Summary{ID: m.ID, Began: began, Took: m.Ended.Sub(began), Totals: m.Totals(), Size: int64(len(sealed)), New: t.fresh + int64(len(sealed))}
	for _, size := range t.stored {
		sum.Size += size
	}
	return sum, nil
}

// put stores a piece unless it is stored already.
func (t *taking) put(plain []byte) (Chunk, error) {
	sum := sha256.Sum256(plain)
	c := Chunk{Name: chunkName(&t.Access.Names, t.To, plain), Size: int64(len(plain)), Sum: sum[:]}
	t.progress.Bytes += c.Size
	size, err := t.store.has(c.Name)
	if err != nil {
		return c, fmt.Errorf("looking into the backup: %w", err)
	}
	if size == 0 {
		if size, err = t.add(c.Name, plain); err != nil {
			return c, err
		}
		t.fresh += size
	}
	t.stored[c.Name] = size
	return c, nil
}

func (t *taking) add(name string, plain []byte) (int64, error) {
	sealed, err := seal(plain, t.To)
	if err != nil {
		return 0, err
	}
	path := t.store.chunkPath(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("writing to the backup: %w", err)
	}
	t.folders[filepath.Dir(path)] = true
	return int64(len(sealed)), t.store.write(path, sealed)
}

// maxFile bounds a file of the hub's folder that is backed up: keys and settings.
const maxFile = 16 << 20

// files stores the files of the hub's folder.
func (t *taking) files(m *Manifest) error {
	err := filepath.WalkDir(t.Data, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(t.Data, path)
		if err != nil || rel == "." {
			return err
		}
		top := !strings.Contains(rel, string(filepath.Separator))
		switch {
		case top && !broker.BackupFile(rel), t.isOwn(path):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		return t.file(m, path, filepath.ToSlash(rel))
	})
	if err != nil {
		return fmt.Errorf("storing the files of the hub's folder: %w", err)
	}
	return nil
}

// isOwn reports whether a path is the folder of backups itself.
func (t *taking) isOwn(path string) bool {
	a, err := os.Stat(path)
	if err != nil || !a.IsDir() {
		return false
	}
	b, err := os.Stat(t.Dir)
	return err == nil && os.SameFile(a, b)
}

func (t *taking) file(m *Manifest, path, rel string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.Size() > maxFile {
		return fmt.Errorf("%s has %d bytes, more than a file of a hub may have: it does not belong there", path, st.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	c, err := t.put(b)
	m.Files = append(m.Files, File{Path: rel, Mode: uint32(st.Mode().Perm()), Chunk: c})
	return err
}

// streams stores the hub's streams in the order that keeps them one state. Those
// that are there are asked for once the directory is stored: each that it names is
// among them.
func (t *taking) streams(ctx context.Context, m *Manifest) error {
	for round := 0; round < rounds; round++ {
		names, err := streamNames(ctx, t.Conn)
		if err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(n string) bool {
			r, belongs := broker.BackupStream(n)
			return !belongs || r != round
		})
		t.progress.Of += len(names)
		for _, name := range names {
			s, err := t.stream(ctx, name)
			if err != nil {
				return fmt.Errorf("storing stream %s: %w", name, err)
			}
			m.Streams = append(m.Streams, *s)
			t.progress.Streams++
			t.tell()
		}
	}
	if len(m.Streams) == 0 {
		return errors.New("the hub has no streams: these are not its keys")
	}
	return nil
}

// rounds is how many broker.BackupStream knows.
const rounds = 4

func (t *taking) tell() {
	if t.Progress != nil {
		t.Progress(t.progress)
	}
}

func (t *taking) stream(ctx context.Context, name string) (*Stream, error) {
	s := &Stream{Name: name}
	t.progress.Stream = name
	c := &cutter{}
	c.put = func(plain []byte) (Chunk, error) {
		if err := ctx.Err(); err != nil {
			return Chunk{}, err
		}
		t.progress.Messages += c.now.Messages
		t.tell()
		return t.put(plain)
	}
	durables, err := snapshot(ctx, t.Conn, s, c)
	if err != nil {
		return nil, err
	}
	s.Messages, s.Bytes, s.Chunks = c.count, c.bytes, c.out
	if len(durables) == 0 {
		return s, nil
	}
	slices.SortFunc(durables, func(a, b consumer) int { return strings.Compare(durableName(&a), durableName(&b)) })
	for i := range durables {
		st := durables[i].State
		s.Durables = append(s.Durables, Durable{Name: durableName(&durables[i]), Delivered: st.Delivered.Stream, AckFloor: st.AckFloor.Stream, Pending: len(st.Pending)})
	}
	b, err := json.Marshal(durables)
	if err != nil {
		return nil, err
	}
	stored, err := t.put(b)
	s.Consumers = &stored
	return s, err
}
