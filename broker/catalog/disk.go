package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk stands between Pebble and the file system, because Pebble ends the
// process when its log or its manifest cannot be written, and a hub must
// outlive a full disk. Here a write that finds the disk full waits until there
// is room (Apply meanwhile says ErrDiskFull, Get goes on). A write that fails
// for another reason, or that Open or Close will not wait for, breaks the
// index: nothing more is written or removed, so the files stay as after a
// crash at that moment, Pebble is told that all is well, and every call says
// ErrDamaged.
type disk struct {
	vfs.FS
	log  *slog.Logger
	seal string
	// failing lets the first failure mark the disk, and others wait for it.
	failing sync.Once

	waiting atomic.Int32 // writes that wait for room
	opened  atomic.Bool  // until then nothing waits
	closing chan struct{}
	once    sync.Once
	broken  atomic.Pointer[error]
}

// retryAfter is how long a write waits before it asks again for room.
const retryAfter = 100 * time.Millisecond

func newDisk(fs vfs.FS, log *slog.Logger, seal string) *disk {
	return &disk{FS: fs, log: log, seal: seal, closing: make(chan struct{})}
}

func (d *disk) stalled() bool { return d.waiting.Load() > 0 }

// failure is the first thing that broke the index, nil while it is whole.
func (d *disk) failure() error {
	if e := d.broken.Load(); e != nil {
		return *e
	}
	return nil
}

// freeze breaks the index for this process; the next one may open it.
func (d *disk) freeze(err error) bool { return d.broken.CompareAndSwap(nil, &err) }

// fail breaks the index for good: the next process begins a new one. Whoever
// is told of the damage finds it marked on disk.
func (d *disk) fail(err error) {
	if err == nil {
		err = errFormat
	}
	d.failing.Do(func() {
		if d.failure() != nil {
			return
		}
		d.log.Error("the index is damaged; it will be begun anew when it is next opened", "error", err)
		if err := d.unseal(); err != nil {
			d.log.Error("the damaged index could not be marked; remove its folder", "dir", filepath.Dir(d.seal), "error", err)
		}
		d.freeze(err)
	})
}

// unseal removes the seal for good: also a crash right after must not bring it
// back.
func (d *disk) unseal() error {
	if err := os.Remove(d.seal); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(d.seal))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// background hears of a failed flush or compaction. Pebble tries again; what
// is corrupt comes through DataCorruption too.
func (d *disk) background(err error) {
	select {
	case <-d.closing: // Close cancels what is under way
		d.log.Debug("index: background work ended", "error", err)
	default:
		d.log.Error("index: background work failed, trying again", "error", err)
	}
}

// hurry tells writes that wait for room to give up, because Close waits for
// them.
func (d *disk) hurry() { d.once.Do(func() { close(d.closing) }) }

// full reports errors that pass when somebody makes room.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// patiently runs op again until it fails for no want of room, or until Close.
func (d *disk) patiently(op func() error) error {
	err := op()
	if !full(err) || !d.opened.Load() {
		return err
	}
	if d.waiting.Add(1) == 1 {
		d.log.Error("the index waits for disk space", "error", err)
	}
	defer d.waiting.Add(-1)
	for full(err) {
		select {
		case <-d.closing:
			return err
		case <-time.After(retryAfter):
			err = op()
		}
	}
	if err == nil {
		d.log.Info("the index found disk space and goes on")
	}
	return err
}

// must runs an operation, or breaks the index; of a broken one it runs none.
func (d *disk) must(doing string, op func() error) (done bool) {
	if d.failure() != nil {
		return false
	}
	err := d.patiently(op)
	if err == nil {
		return true
	}
	err = fmt.Errorf("%s the index: %w", doing, err)
	if full(err) || !d.opened.Load() && refused(err) {
		d.freeze(err)
	} else {
		d.fail(err)
	}
	return false
}

// create makes a file, or breaks the index and makes one in memory, to be
// written to until Close.
func (d *disk) create(name string, open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	if d.must("creating a file of", func() (err error) { f, err = open(); return err }) {
		return &file{f, d}, nil
	}
	return vfs.NewMem().Create(filepath.Base(name), vfs.WriteCategoryUnspecified)
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// ReuseForWrite makes a new file: to write over an old log would leave the end of
// it, and Scrub may have removed it.
func (d *disk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	d.must("removing a file of", func() error {
		if err := d.FS.Remove(old); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return d.Create(name, c)
}

func (d *disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.create(name, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

func (d *disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &file{f, d}, nil
}

func (d *disk) Link(old, name string) error {
	d.must("linking a file of", func() error { return d.FS.Link(old, name) })
	return nil
}

func (d *disk) Rename(old, name string) error {
	d.must("renaming a file of", func() error { return d.FS.Rename(old, name) })
	return nil
}

func (d *disk) Remove(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.Remove(name)
}

func (d *disk) RemoveAll(name string) error {
	if d.failure() != nil {
		return nil
	}
	return d.FS.RemoveAll(name)
}

// Lock is a no-op: Open holds the folder's lock around several tries of
// Pebble's, which does not free it after a panic.
func (d *disk) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (d *disk) Unwrap() vfs.FS { return d.FS }

// file is a file that is written to.
type file struct {
	vfs.File
	disk *disk
}

func (f *file) Write(p []byte) (int, error) {
	done := 0
	f.disk.must("writing", func() error {
		n, err := f.File.Write(p[done:])
		done += n
		return err
	})
	return len(p), nil
}

func (f *file) WriteAt(p []byte, at int64) (int, error) {
	done := 0
	f.disk.must("writing", func() error {
		n, err := f.File.WriteAt(p[done:], at+int64(done))
		done += n
		return err
	})
	return len(p), nil
}

func (f *file) Sync() error {
	f.disk.must("syncing", f.File.Sync)
	return nil
}

func (f *file) SyncData() error {
	f.disk.must("syncing", f.File.SyncData)
	return nil
}

func (f *file) SyncTo(length int64) (fullSync bool, err error) {
	f.disk.must("syncing", func() (err error) {
		fullSync, err = f.File.SyncTo(length)
		return err
	})
	return fullSync, nil
}

// Preallocate takes no room ahead: a log would claim that of a whole table in
// memory, before anything is in it, and the hub's reserve would be gone.
func (f *file) Preallocate(int64, int64) error { return nil }

// pebbleLog hands Pebble's log to ours.
type pebbleLog struct{ disk *disk }

func (l pebbleLog) Infof(format string, args ...any) {
	l.disk.log.Debug("index: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.disk.log.Error("index: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: Pebble calls it where it cannot go on, holding
// locks. The index is marked first, so that the next start begins anew
// instead of failing in the same place.
func (l pebbleLog) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.disk.fail(err)
	panic(err)
}
