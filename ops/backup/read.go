package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"filippo.io/age"
)

// Listed is a backup as a list tells it.
type Listed struct {
	ID    string    `json:"id"`
	Began time.Time `json:"began"`
	// Size is what it takes on the disk, and Own what of that no other backup has:
	// what removing it would free.
	Size int64 `json:"size"`
	Own  int64 `json:"own"`
	// Totals are known only to who can read it.
	Totals *Totals `json:"totals,omitempty"`
	// Wrong says why it cannot be read.
	Wrong string `json:"wrong,omitempty"`
}

// List lists the backups in a folder, the oldest first. Without identities it
// tells what the folder shows to anybody.
func List(dir string, ids []age.Identity) ([]Listed, error) {
	s, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	names, err := s.ids()
	if err != nil {
		return nil, err
	}
	used := map[string]int{}
	pieces := make([]map[string]int64, len(names))
	out := make([]Listed, len(names))
	for i, id := range names {
		out[i] = Listed{ID: id, Began: idAt(id)}
		if pieces[i], err = s.pieces(id); err != nil {
			out[i].Wrong = err.Error()
		}
		for name := range pieces[i] {
			used[name]++
		}
	}
	for i := range out {
		for name, size := range pieces[i] {
			out[i].Size += size
			if used[name] == 1 {
				out[i].Own += size
			}
		}
		if st, err := os.Stat(s.path(out[i].ID, manifestSuffix)); err == nil {
			out[i].Size, out[i].Own = out[i].Size+st.Size(), out[i].Own+st.Size()
		}
		if ids == nil {
			continue
		}
		m, err := s.manifest(out[i].ID, ids)
		if err != nil {
			out[i].Wrong = err.Error()
			continue
		}
		t := m.Totals()
		out[i].Began, out[i].Totals = m.Began, &t
	}
	return out, nil
}

// Verified is what Verify found.
type Verified struct {
	ID    string    `json:"id"`
	Began time.Time `json:"began"`
	// Account is the hub's, whose signature the manifest bears.
	Account string `json:"account"`
	Totals
	Held   []Held   `json:"held"`
	Pieces int      `json:"pieces"`
	Size   int64    `json:"size"`
	Wrong  []string `json:"wrong"`
}

// Held is what a backup has of one stream.
type Held struct {
	Name     string    `json:"name"`
	First    uint64    `json:"first"`
	Last     uint64    `json:"last"`
	Messages uint64    `json:"messages"`
	Durables []Durable `json:"durables"`
}

// maxWrong bounds how many faults are told one by one.
const maxWrong = 100

// Verify reads a whole backup as a restore would, the newest if id is empty, and
// says everything that is wrong with it.
func Verify(ctx context.Context, dir, id string, ids []age.Identity, progress func(Progress)) (*Verified, error) {
	s, err := openStore(dir)
	if err != nil {
		return nil, err
	}
	m, err := s.find(id, ids)
	if err != nil {
		return nil, err
	}
	v := &Verified{ID: m.ID, Began: m.Began, Account: m.Account, Totals: m.Totals(), Wrong: []string{}}
	wrong := func(err error) {
		if err != nil && len(v.Wrong) < maxWrong {
			v.Wrong = append(v.Wrong, err.Error())
		}
	}
	listed, err := s.pieces(m.ID)
	if err != nil {
		wrong(fmt.Errorf("%w: a prune would take its pieces away", err))
	}
	for _, c := range m.chunks() {
		if _, ok := listed[c.Name]; !ok && err == nil {
			wrong(&damage{c.Name, errors.New("it is not on the backup's list of pieces")})
		}
	}
	for i := range m.Files {
		_, err := s.read(&m.Files[i].Chunk, ids)
		wrong(named(m.Files[i].Path, err))
		v.Pieces++
		v.Size += m.Files[i].Chunk.Size
	}
	for i := range m.Streams {
		st := &m.Streams[i]
		v.Held = append(v.Held, Held{st.Name, st.First, st.Last, st.Messages, st.Durables})
		if st.Consumers != nil {
			_, err := s.consumers(st, ids)
			wrong(named("durables of stream "+st.Name, err))
			v.Pieces++
			v.Size += st.Consumers.Size
		}
		r, before := &streamReader{store: s, stream: st, ids: ids}, len(v.Wrong)
		for j := range st.Chunks {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			wrong(named("stream "+st.Name, r.chunk(&st.Chunks[j], nil)))
			v.Pieces++
			v.Size += st.Chunks[j].Size
			if progress != nil {
				progress(Progress{Stream: st.Name, Streams: i, Of: len(m.Streams), Messages: r.count, Bytes: v.Size})
			}
		}
		if len(v.Wrong) == before {
			wrong(named("stream "+st.Name, r.end()))
		}
	}
	return v, nil
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// find reads the manifest of a backup, or of the newest.
func (s *store) find(id string, ids []age.Identity) (*Manifest, error) {
	if id != "" {
		return s.manifest(id, ids)
	}
	all, err := s.ids()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no backup that is whole: %w", s.dir, ErrNoBackup)
	}
	return s.manifest(all[len(all)-1], ids)
}

// streamReader reads a stream's pieces in order, and holds them against what the
// manifest says.
type streamReader struct {
	store  *store
	stream *Stream
	ids    []age.Identity
	count  uint64
	last   uint64
}

// chunk reads one piece; f may be nil.
func (r *streamReader) chunk(c *Chunk, f func(*message) error) error {
	plain, err := r.store.read(c, r.ids)
	if err != nil {
		return err
	}
	n := uint64(0)
	err = eachMessage(plain, func(m *message) error {
		if m.Sequence <= r.last || m.Sequence < r.stream.First || m.Sequence > r.stream.Last {
			return fmt.Errorf("message %d is out of order", m.Sequence)
		}
		r.last = m.Sequence
		r.count++
		n++
		if f == nil {
			return nil
		}
		return f(m)
	})
	if err != nil {
		return fmt.Errorf("piece %s: %w", c.Name, err)
	}
	if n != c.Messages {
		return fmt.Errorf("piece %s holds %d messages, not %d", c.Name, n, c.Messages)
	}
	return nil
}

// end holds what was read against the whole.
func (r *streamReader) end() error {
	if r.count != r.stream.Messages {
		return fmt.Errorf("its pieces hold %d messages, not %d", r.count, r.stream.Messages)
	}
	return nil
}
