package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// sealName is a file in the index's folder that holds format. It is written
// when an index begins and removed at the first sign of damage: an index
// without it, or with another format in it, is begun anew. Removing a file
// works on a full disk too.
const (
	sealName = "SELAT-INDEX"
	format   = "selat index 5\n"
	// keyed follows it in an index that is encrypted, and then a proof of the key.
	keyed = "encrypted "
)

// sealOf is what the seal of an index holds. The proof tells a wrong key from
// damage, and nothing else: of the key it is one hash.
func sealOf(key *[32]byte) string {
	if key == nil {
		return format
	}
	sum := sha256.Sum256(append([]byte("selat index seal"), key[:]...))
	return format + keyed + hex.EncodeToString(sum[:8]) + "\n"
}

const defaultCacheBytes = 128 << 20

// tuning is what tests change to see many files with little data.
type tuning struct {
	fs       vfs.FS
	memTable uint64
	table    int64
	// legible leaves tables uncompressed.
	legible bool
	// remember is from how many versions on a survey is remembered.
	remember int
}

// Open opens the index in dir, or creates it with the folder. An index that is
// damaged, unreadable or of another format is removed and an empty one made;
// Recovered then says why. Open fails, and removes nothing, when another
// process has the index open, when the folder holds files that are not an
// index's, and when the system refuses (permissions, disk full, too many open
// files).
func Open(dir string, opts Options) (*Index, error) {
	x, err := open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("opening the index in %s: %w", dir, err)
	}
	return x, nil
}

func open(dir string, opts Options) (*Index, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.tuning.fs == nil {
		opts.tuning.fs = vfs.Default
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("another process may have it open: %w", err)
	}
	x, err := openLocked(dir, opts)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	x.unlock = lock.Close
	return x, nil
}

// openLocked opens what is there, and failing that, an empty index.
func openLocked(dir string, opts Options) (*Index, error) {
	why := inspect(dir, sealOf(opts.Key))
	if why == nil {
		x, err := openSealed(dir, opts)
		if err == nil {
			return x, nil
		}
		why = err
	}
	if refused(why) {
		return nil, why
	}
	if err := wipe(dir); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, sealName), []byte(sealOf(opts.Key)), 0o600); err != nil {
		return nil, err
	}
	x, err := openSealed(dir, opts)
	if err != nil {
		return nil, err
	}
	if !errors.Is(why, errNew) {
		x.recovered = why.Error()
		opts.Logger.Warn("the index was begun anew and must be rebuilt from the streams", "dir", dir, "reason", x.recovered)
	}
	return x, nil
}

// errNew is inspect's answer for a folder with nothing in it.
var errNew = errors.New("there was no index")

// inspect says why the index in dir must not be opened, nil if it may be.
func inspect(dir, want string) error {
	seal, err := os.ReadFile(filepath.Join(dir, sealName))
	switch {
	case err == nil && string(seal) == want:
		return nil
	case err == nil:
		return errors.New("the index has another format, or is encrypted in another way")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Name() != "LOCK" {
			return errors.New("the index was found damaged before, or was never finished")
		}
	}
	return errNew
}

// refused reports errors that say nothing about the index's content.
func refused(err error) bool {
	for _, e := range []error{fs.ErrPermission, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// wipe empties the folder of an index, the seal first. It looks before it
// removes, so that a wrong path in a configuration costs nobody's files.
func wipe(dir string) error {
	found, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.IsDir() || !ours(f.Name()) {
			return fmt.Errorf("%s is not part of an index: choose an empty folder, or remove it", f.Name())
		}
	}
	if err := os.Remove(filepath.Join(dir, sealName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range found {
		if name := f.Name(); name != "LOCK" && name != sealName {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ours reports whether Pebble or this package makes files of that name.
func ours(name string) bool {
	if name == "LOCK" || name == sealName || name == "CURRENT" {
		return true
	}
	for _, p := range []string{"MANIFEST-", "OPTIONS-", "marker.", "temporary.", "CURRENT."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	switch filepath.Ext(name) {
	case ".sst", ".log", ".blob", ".dbtmp":
		return strings.Trim(strings.TrimSuffix(name, filepath.Ext(name)), "0123456789-") == ""
	}
	return false
}

// openSealed opens a folder that says it is good.
func openSealed(dir string, opts Options) (x *Index, err error) {
	x = &Index{log: opts.Logger, positions: map[string]position{}, filter: newFilter()}
	x.keys.New = func() any { b := make([]byte, 0, 256); return &b }
	x.surveys.from = cmp.Or(opts.tuning.remember, rememberFrom)
	fs := opts.tuning.fs
	if opts.Key != nil {
		if fs, err = newSealedFS(fs, *opts.Key); err != nil {
			return nil, err
		}
	}
	x.disk = newDisk(fs, opts.Logger, filepath.Join(dir, sealName))
	// Pebble panics on some damage that passes its checksums.
	defer func() {
		if p := recover(); p != nil {
			if err = x.disk.failure(); err == nil {
				err = fmt.Errorf("%w: %v", errFormat, p)
			}
			x = nil
		}
	}()
	x.db, err = pebble.Open(dir, settings(opts, x.disk, &x.scrub))
	if err != nil {
		return nil, errors.Join(err, x.disk.failure())
	}
	if err = errors.Join(x.load(), x.disk.failure()); err != nil {
		return nil, errors.Join(err, x.db.Close())
	}
	x.disk.opened.Store(true)
	x.startFilter()
	return x, nil
}

// startFilter fills the filter beside the first calls: a second for some
// millions of objects.
func (x *Index) startFilter() {
	ctx, stop := context.WithCancel(context.Background())
	x.stopFilter = stop
	keys := uint64(minPartKeys)
	for _, p := range x.positions {
		keys += p.entries
	}
	x.filter.grow(int(min(keys, 1<<32)))
	x.filling.Go(func() {
		if err := x.fillFilter(ctx); err != nil && ctx.Err() == nil {
			x.log.Error("index: reading the keys; lookups go on more slowly", "error", x.fault("reading the keys", err))
		}
	})
}

func settings(opts Options, d *disk, s *scrub) *pebble.Options {
	o := &pebble.Options{
		FS:                 d,
		FormatMajorVersion: pebble.FormatTableFormatV6, // checksums over footers too
		CacheSize:          opts.CacheBytes,
		MemTableSize:       opts.tuning.memTable,
		// Each table in memory and each level is one more place to look.
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       4,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                512,
		Merger:                      chainMerger(),
		Logger:                      pebbleLog{d},
		// Renewing a manifest takes as little as it can (renewManifest).
		MaxManifestFileSize: 1,
	}
	if o.CacheSize <= 0 {
		o.CacheSize = defaultCacheBytes
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 32 << 20
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, 2 }
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		if opts.tuning.legible {
			o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		}
		o.TargetFileSizes[i] = opts.tuning.table // 0 is Pebble's own
	}
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { d.background(err) },
		ManifestCreated: func(i pebble.ManifestCreateInfo) {
			if i.Err == nil {
				s.manifest.Store(uint64(i.FileNum))
				s.manifests.Add(1)
			}
		},
		DataCorruption: func(i pebble.DataCorruptionInfo) { d.fail(i.Details) },
	}
	return o
}

// load reads what the index keeps in memory, and checks that it is whole.
func (x *Index) load() error {
	n, err := loadNames(x.db)
	if err != nil {
		return err
	}
	x.names.Store(n)
	err = scan(x.db, func(stream string, v []byte) error {
		p, err := parsePosition(v)
		if err != nil {
			return err
		}
		if _, known := n.streams.numbers[stream]; !known {
			return fmt.Errorf("%w: position of an unknown stream", errFormat)
		}
		x.positions[stream] = p
		return nil
	}, kindPosition)
	if err != nil {
		return err
	}
	if err := x.loadMoves(n); err != nil {
		return err
	}
	if err := x.scrub.load(x.db); err != nil {
		return err
	}
	if x.writer.batch, err = lastBatch(x.db); err != nil {
		return err
	}
	if x.writer.batch == 0 && (n.next > 0 || len(n.audiences.byNo) > 0) {
		return fmt.Errorf("%w: names without a batch", errFormat)
	}
	return nil
}

// Close writes out what is in memory and gives the folder free. The calls
// under way are waited for.
func (x *Index) Close() error {
	x.disk.hurry()
	x.gate.Lock()
	defer x.gate.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	x.stopFilter()
	x.filling.Wait()
	err := errors.Join(x.db.Close(), x.unlock())
	if err != nil {
		return fmt.Errorf("closing the index: %w", err)
	}
	return nil
}

// value returns a copy of a key's value, nil if there is none.
func value(db *pebble.DB, key []byte) ([]byte, error) {
	v, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v = append(make([]byte, 0, len(v)+maxPlaceBytes), v...)
	return v, closer.Close()
}

// errStop ends a scan early and is no failure.
var errStop = io.EOF

// scan calls fn with every key that begins with the kind and the names, less
// that prefix, in order. The value is good only during the call.
func scan(db *pebble.DB, fn func(rest string, v []byte) error, kind byte, names ...string) error {
	lower, upper, err := prefix(kind, names...)
	if err != nil {
		return err
	}
	return scanRange(db, lower, upper, func(key, v []byte) error {
		return fn(string(key[len(lower):]), v)
	})
}

// scanRange calls fn with every key from lower on and below upper, in order.
// Key and value are good only during the call.
func scanRange(db *pebble.DB, lower, upper []byte, fn func(key, v []byte) error) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = fn(it.Key(), v)
		}
		if err == errStop {
			break
		}
		if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}
