package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/archive"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker"
)

// RestoreOptions say what to restore, and where to.
type RestoreOptions struct {
	Dir string
	// ID names the backup; the newest if it is empty.
	ID         string
	Identities []age.Identity
	// Account is the public key that must have signed the backup; any if it is
	// empty.
	Account string
	// Data is the folder to restore into. It is made where there is none, and must
	// be empty.
	Data string
	// Config is asked for once the files of the folder are there, among them its
	// selat.yaml.
	Config func() (broker.Config, error)
	// Replicas is how many nodes of a cluster hold each stream; 0 leaves it as it
	// was.
	Replicas int
	Logger   *slog.Logger
	Progress func(Progress)
}

// Restored is what a restore came to.
type Restored struct {
	ID      string    `json:"id"`
	Began   time.Time `json:"began"`
	Account string    `json:"account"`
	// Recalls is the backup whose recalls were restored: the newest of the same
	// hub, so that what was recalled after this backup does not come back.
	Recalls string `json:"recalls"`
	Totals
	Files int           `json:"files"`
	Took  time.Duration `json:"took"`
}

// Restore makes a hub of a backup in an empty folder: `selat hub` starts on it. It
// is not started before everything was held against the manifest; until then a hub
// refuses the folder.
func Restore(ctx context.Context, o *RestoreOptions) (*Restored, error) {
	start := time.Now()
	s, err := openStore(o.Dir)
	if err != nil {
		return nil, err
	}
	m, err := s.find(o.ID, o.Identities)
	if err != nil {
		return nil, err
	}
	if o.Account != "" && o.Account != m.Account {
		return nil, fmt.Errorf("backup %s was made by hub %s, not by %s", m.ID, m.Account, o.Account)
	}
	r := &restoring{RestoreOptions: o, store: s, manifest: m, out: Restored{ID: m.ID, Began: m.Began, Account: m.Account, Recalls: m.ID}}
	if err := r.newestRecalls(); err != nil {
		return nil, err
	}
	if err := broker.BeginRestore(o.Data); err != nil {
		return nil, err
	}
	if err := r.files(); err != nil {
		return nil, fmt.Errorf("restoring the files of the hub's folder: %w", err)
	}
	cfg, err := o.Config()
	if err != nil {
		return nil, err
	}
	access, err := broker.OpenBackupAccess(&cfg)
	if err != nil {
		return nil, err
	}
	if access.Account != m.Account {
		return nil, fmt.Errorf("backup %s is signed by %s, and the keys in it are of %s: it was tampered with", m.ID, m.Account, access.Account)
	}
	if err := broker.FillStore(ctx, cfg, o.Logger, r.streams); err != nil {
		return nil, err
	}
	r.out.Took = time.Since(start)
	return &r.out, broker.EndRestore(o.Data)
}

type restoring struct {
	*RestoreOptions
	store    *store
	manifest *Manifest
	progress Progress
	out      Restored
}

// newestRecalls puts the recalls of the newest backup in place of those of this
// one, and the orders to members that go with them: what was recalled since does
// not come back. The hub that starts on them erases again what they cover. A hub
// that was itself restored in between counts its recalls anew, and its later
// backups are of no use for this one.
func (r *restoring) newestRecalls() error {
	all, err := r.store.ids()
	if err != nil {
		return err
	}
	for _, id := range slices.Backward(all) {
		if id <= r.manifest.ID {
			return nil
		}
		later, err := r.store.manifest(id, r.Identities)
		if err != nil {
			return fmt.Errorf("backup %s may know of later recalls: name an identity that reads it too, or move it out of the folder: %w", id, err)
		}
		if later.Account != r.manifest.Account || !sameRecalls(later, r.manifest) {
			continue
		}
		for i := range r.manifest.Streams {
			was := &r.manifest.Streams[i]
			is := later.stream(was.Name)
			if round, _ := broker.BackupStream(was.Name); round >= roundRecalls && is != nil && is.Created.Equal(was.Created) {
				*was = *is
			}
		}
		r.out.Recalls = id
		return nil
	}
	return nil
}

// roundRecalls is the first of the two rounds that carry recalls
// (broker.BackupStream).
const roundRecalls = 2

// sameRecalls reports whether two backups have the same stream of recalls, the
// first perhaps longer.
func sameRecalls(a, b *Manifest) bool {
	for i := range a.Streams {
		if round, _ := broker.BackupStream(a.Streams[i].Name); round != roundRecalls {
			continue
		}
		was := b.stream(a.Streams[i].Name)
		return was != nil && was.Created.Equal(a.Streams[i].Created) && a.Streams[i].Last >= was.Last
	}
	return false
}

func (r *restoring) files() error {
	for i := range r.manifest.Files {
		f := &r.manifest.Files[i]
		if !fs.ValidPath(f.Path) || !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return fmt.Errorf("%q leads out of the folder", f.Path)
		}
		b, err := r.store.read(&f.Chunk, r.Identities)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		path := filepath.Join(r.Data, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := writeFile(path, b, fs.FileMode(f.Mode).Perm()); err != nil {
			return err
		}
		r.out.Files++
	}
	return nil
}

func writeFile(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (r *restoring) streams(ctx context.Context, nc *nats.Conn) error {
	r.progress.Of = len(r.manifest.Streams)
	for i := range r.manifest.Streams {
		s := &r.manifest.Streams[i]
		r.progress.Stream = s.Name
		if err := r.stream(ctx, nc, s); err != nil {
			return fmt.Errorf("restoring stream %s: %w", s.Name, err)
		}
		if err := check(ctx, nc, s); err != nil {
			return fmt.Errorf("stream %s is not what was backed up: %w", s.Name, err)
		}
		r.progress.Streams++
		r.tell()
	}
	r.out.Totals = r.manifest.Totals()
	return nil
}

func (r *restoring) tell() {
	if r.Progress != nil {
		r.Progress(r.progress)
	}
}

// stream gives the engine a stream as the engine itself would have archived it.
func (r *restoring) stream(ctx context.Context, nc *nats.Conn, s *Stream) error {
	question := map[string]any{"config": s.Config}
	if r.Replicas > 0 {
		var cfg map[string]any
		if err := json.Unmarshal(s.Config, &cfg); err != nil {
			return err
		}
		cfg["num_replicas"] = r.Replicas
		question["config"] = cfg
	}
	var begun server.JSApiStreamRestoreResponse
	if err := ask(ctx, nc, "$JS.API.STREAM.RESTORE."+s.Name, question, &begun); err != nil {
		return err
	}
	pr, pw := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		pw.CloseWithError(r.archive(ctx, pw, s))
	}()
	err := send(ctx, nc, begun.DeliverSubject, pr)
	pr.CloseWithError(errors.Join(errors.New("the engine takes no more"), err))
	<-written
	return err
}

// sendBytes is how much of an archive is sent at a time.
const sendBytes = 256 << 10

// lastWait bounds the engine's answer after the last byte.
const lastWait = 10 * time.Minute

func send(ctx context.Context, nc *nats.Conn, to string, from io.Reader) error {
	buf := make([]byte, sendBytes)
	for {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if err := sendChunk(ctx, nc, to, buf[:n], silentFor); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return sendChunk(ctx, nc, to, nil, lastWait)
		case err != nil:
			return err
		}
	}
}

func sendChunk(ctx context.Context, nc *nats.Conn, to string, b []byte, wait time.Duration) error {
	ctx, done := context.WithTimeout(ctx, wait)
	defer done()
	m, err := nc.RequestWithContext(ctx, to, b)
	if err != nil {
		return fmt.Errorf("sending it to the engine: %w", err)
	}
	if len(m.Data) == 0 {
		return nil
	}
	var answer server.ApiResponse
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return fmt.Errorf("reading the engine's answer: %w", err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

// archive writes a stream as the engine archives it.
func (r *restoring) archive(ctx context.Context, to io.Writer, s *Stream) error {
	z := s2.NewWriter(to, s2.WriterConcurrency(1))
	w := archive.NewWriter(z)
	durables, err := r.store.consumers(s, r.Identities)
	if err != nil {
		return err
	}
	state := server.StreamState{Msgs: s.Messages, Bytes: s.Bytes, FirstSeq: s.First, LastSeq: s.Last, Consumers: len(durables)}
	if err := writeJSON(w, "state.json", state); err != nil {
		return err
	}
	for i := range durables {
		if err := writeJSON(w, "consumers/"+durableName(&durables[i]), durables[i]); err != nil {
			return err
		}
	}
	in := &streamReader{store: r.store, stream: s, ids: r.Identities}
	for i := range s.Chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := in.chunk(&s.Chunks[i], func(m *message) error { return writeMessage(w, m) }); err != nil {
			return err
		}
		r.progress.Messages += s.Chunks[i].Messages
		r.progress.Bytes += s.Chunks[i].Size
		r.tell()
	}
	if err := in.end(); err != nil {
		return err
	}
	if err := w.WriteHeader(&archive.Header{}); err != nil { // says that it is whole
		return err
	}
	return errors.Join(w.Close(), z.Close())
}

func writeJSON(w *archive.Writer, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeMessage(w, &message{archive.Header{Name: name, PayloadSize: int64(len(b)), Timestamp: time.Now().UnixNano()}, b})
}

// consumers reads the durables of a stream.
func (s *store) consumers(st *Stream, ids []age.Identity) ([]consumer, error) {
	if st.Consumers == nil {
		return nil, nil
	}
	plain, err := s.read(st.Consumers, ids)
	if err != nil {
		return nil, err
	}
	var out []consumer
	if err := json.Unmarshal(plain, &out); err != nil {
		return nil, fmt.Errorf("piece %s: %w", st.Consumers.Name, err)
	}
	if len(out) != len(st.Durables) {
		return nil, fmt.Errorf("piece %s holds %d durables, not %d", st.Consumers.Name, len(out), len(st.Durables))
	}
	return out, nil
}

// check holds a stream of the engine against what was backed up.
func check(ctx context.Context, nc *nats.Conn, s *Stream) error {
	info, err := streamInfo(ctx, nc, s.Name)
	if err != nil {
		return err
	}
	is := info.State
	if is.Msgs != s.Messages || is.LastSeq != s.Last || is.Consumers != len(s.Durables) {
		return fmt.Errorf("it has %d messages up to %d and %d durables, not %d up to %d and %d", is.Msgs, is.LastSeq, is.Consumers, s.Messages, s.Last, len(s.Durables))
	}
	for i := range s.Durables {
		d := &s.Durables[i]
		var got server.JSApiConsumerInfoResponse
		if err := ask(ctx, nc, "$JS.API.CONSUMER.INFO."+s.Name+"."+d.Name, struct{}{}, &got); err != nil {
			return fmt.Errorf("durable %s: %w", d.Name, err)
		}
		// Where nothing is left below a position, the engine begins at what is left.
		begins := is.FirstSeq - min(is.FirstSeq, 1)
		if !stands(got.AckFloor.Stream, d.AckFloor, begins) || !stands(got.Delivered.Stream, d.Delivered, begins) {
			return fmt.Errorf("durable %s stands at %d and %d, not at %d and %d", d.Name, got.Delivered.Stream, got.AckFloor.Stream, d.Delivered, d.AckFloor)
		}
	}
	return nil
}

// stands reports whether a durable is where it was, or at the beginning of a stream
// that has lost what came before.
func stands(at, was, begins uint64) bool { return at == was || at == max(was, begins) }
