package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// faultyDisk fails writes with an errno while there is one. It writes a part
// first, as a disk that fills up does.
type faultyDisk struct {
	vfs.FS
	errno atomic.Uint32
	hits  atomic.Int64
}

func (d *faultyDisk) err() error {
	if n := d.errno.Load(); n != 0 {
		d.hits.Add(1)
		return &os.PathError{Op: "write", Path: "x", Err: syscall.Errno(n)}
	}
	return nil
}

func (d *faultyDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name, c)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.err(); err != nil {
		return nil, err
	}
	f, err := d.FS.ReuseForWrite(old, name, c)
	return &faultyFile{f, d}, err
}

type faultyFile struct {
	vfs.File
	disk *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.disk.err(); err != nil {
		n, werr := f.File.Write(p[:len(p)/2])
		return n, errors.Join(err, werr)
	}
	return f.File.Write(p)
}

func withDisk(d *faultyDisk) Options {
	o := small()
	o.tuning.fs = d
	return o
}

func TestAFullDiskPausesTheIndex(t *testing.T) {
	d := &faultyDisk{FS: vfs.Default}
	dir := t.TempDir()
	x := opened(t, dir, withDisk(d))
	more := func() error {
		at, _, err := x.Position(madeStreams[0])
		if err != nil {
			return err
		}
		return x.Apply(madeStreams[0], at+10, madeGroup(0, at+1, at+10))
	}
	for range 3 {
		for range 100 {
			if err := more(); err != nil {
				t.Fatal(err)
			}
		}
		d.errno.Store(uint32(syscall.ENOSPC))
		// The one that meets the full disk may have to wait, if it needs a file.
		first := make(chan error)
		go func() {
			err := more()
			for err == nil && d.errno.Load() != 0 && !x.disk.stalled() {
				err = more()
			}
			first <- err
		}()
		for !x.disk.stalled() {
			runtime.Gosched()
		}
		if err := more(); !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
		if _, ok, err := x.Get(madeRecords(0, 1)[0].Key); !ok || err != nil {
			t.Fatal("lookups stopped:", err)
		}
		if m := x.Metrics(); !m.WaitsForDisk || m.DiskBytes == 0 {
			t.Errorf("%+v", m)
		}
		d.errno.Store(0)
		if err := <-first; err != nil && !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
		for x.disk.stalled() {
			runtime.Gosched()
		}
	}
	seq, _, err := x.Position(madeStreams[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := checkMade(t, x); err != nil {
			t.Fatal(err)
		}
		if at, _, err := x.Position(madeStreams[0]); at != seq || err != nil {
			t.Fatal(at, err)
		}
		closed(t, x)
		x = opened(t, dir, small())
		if x.Recovered() != "" {
			t.Fatal(x.Recovered())
		}
	}
}

func TestClosingOnAFullDiskIsLikeACrash(t *testing.T) {
	d := &faultyDisk{FS: vfs.Default}
	dir := t.TempDir()
	x := opened(t, dir, withDisk(d))
	apply(t, x, madeStreams[0], 10, madeGroup(0, 1, 10)...)
	d.errno.Store(uint32(syscall.ENOSPC))
	var writer sync.WaitGroup
	writer.Go(func() {
		for seq := uint64(10); ; seq += 10 {
			if err := x.Apply(madeStreams[0], seq+10, madeGroup(0, seq+1, seq+10)); err != nil {
				if !errors.Is(err, ErrDiskFull) && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				return
			}
		}
	})
	for !x.disk.stalled() {
		runtime.Gosched()
	}
	if err := x.Close(); err != nil {
		t.Log(err)
	}
	writer.Wait()
	d.errno.Store(0)
	x = opened(t, dir, small())
	if x.Recovered() != "" {
		t.Error(x.Recovered())
	}
	if err := checkMade(t, x); err != nil {
		t.Fatal(err)
	}
}

func TestOpeningOnAFullDiskFailsAndLosesNothing(t *testing.T) {
	d := &faultyDisk{FS: vfs.Default}
	dir := t.TempDir()
	x := opened(t, dir, small())
	for seq := uint64(0); seq < 500; seq += 10 {
		apply(t, x, madeStreams[0], seq+10, madeGroup(0, seq+1, seq+10)...)
	}
	closed(t, x)
	d.errno.Store(uint32(syscall.ENOSPC))
	o := withDisk(d)
	if _, err := Open(dir, o); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d.errno.Store(0)
	x = opened(t, dir, small())
	if x.Recovered() != "" {
		t.Error(x.Recovered())
	}
	if seq, _, err := x.Position(madeStreams[0]); seq != 500 || err != nil {
		t.Error(seq, err)
	}
	if err := checkMade(t, x); err != nil {
		t.Fatal(err)
	}
}

func TestAFailingDiskBreaksTheIndexAndNotTheProcess(t *testing.T) {
	d := &faultyDisk{FS: vfs.Default}
	dir := t.TempDir()
	x := opened(t, dir, withDisk(d))
	apply(t, x, madeStreams[0], 10, madeGroup(0, 1, 10)...)
	d.errno.Store(uint32(syscall.EIO))
	for seq := uint64(10); ; seq += 10 {
		err := x.Apply(madeStreams[0], seq+10, madeGroup(0, seq+1, seq+10))
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "input/output error") {
			t.Fatal(err)
		}
		break
	}
	if _, err := os.Stat(filepath.Join(dir, sealName)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the seal is still there:", err)
	}
	if err := x.Close(); err != nil {
		t.Log(err)
	}
	d.errno.Store(0)
	x = opened(t, dir, small())
	if x.Recovered() == "" {
		t.Error("a broken index was opened")
	}
	checkEmpty(t, x)
}
