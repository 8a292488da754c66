//go:build linux

package broker_test

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// mounted is a disk as a file system of this machine: one life of it, from a mount
// to the end of the power. Locks of files are the kernel's.
type mounted struct {
	fuse.RawFileSystem
	*disk
	server *fuse.Server
	folder string

	handles map[uint64]*handle
	last    uint64

	halt    chan struct{}
	working sync.WaitGroup
}

// handle is an open file, or an open folder with the names it had then. The file
// stays after its last name is gone.
type handle struct {
	number uint64
	file   *node
	flags  uint32
	names  []fuse.DirEntry
}

// mount lays a disk over a folder. Where that is not possible, the test is skipped.
func (d *disk) mount(t testing.TB, folder string, wanders bool) *mounted {
	t.Helper()
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("a cut of the power needs a file system of the test's own: %v", err)
	}
	must(t, f.Close())
	must(t, os.MkdirAll(folder, 0o700))
	m := &mounted{RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: d, folder: folder, handles: map[uint64]*handle{}, halt: make(chan struct{})}
	m.server, err = fuse.NewServer(m, folder, &fuse.MountOptions{
		FsName: "power", Name: "power", DirectMount: true, DisableXAttrs: true, DisableReadDirPlus: true, MaxWrite: 1 << 20,
	})
	if err != nil {
		t.Skipf("a cut of the power needs a file system of the test's own, and it cannot be mounted here: %v", err)
	}
	keepToOurselves(t)
	m.working.Go(m.server.Serve)
	must(t, m.server.WaitMount())
	if wanders {
		m.working.Go(m.wanders)
	}
	return m
}

// keepToOurselves lets no process that is started have the descriptors by which this
// one serves file systems: while any has one, nobody is told that it is served no more.
func keepToOurselves(t testing.TB) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range open {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || to != "/dev/fuse" {
			continue
		}
		fd, err := strconv.Atoi(e.Name())
		must(t, err)
		syscall.CloseOnExec(fd)
	}
}

func (m *mounted) wanders() {
	tick := time.NewTicker(7 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.halt:
			return
		case <-tick.C:
			m.wander()
		}
	}
}

// answerTheDead lets those go on who waited for the disk when the power ended, and
// have been killed.
func (m *mounted) answerTheDead() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.off)
}

// unmount ends this life of the disk, after everybody who used it.
func (m *mounted) unmount(t testing.TB) {
	t.Helper()
	close(m.halt)
	must(t, m.server.Unmount())
	m.working.Wait()
}

// enter begins an operation; false when the power is gone.
func (m *mounted) enter() bool {
	m.mu.Lock()
	if m.off == nil {
		return true
	}
	off := m.off
	m.mu.Unlock()
	<-off
	return false
}

const aDay = 24 * time.Hour // nobody but the kernel changes anything

func attributes(number uint64, n *node, out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Size, out.Blksize = number, n.mode, uint32(n.links), uint64(len(n.data)), page
	out.Blocks = (out.Size + 511) / 512
	out.Uid, out.Gid = uint32(os.Getuid()), uint32(os.Getgid())
	out.SetTimes(&n.at, &n.at, &n.at)
}

func (m *mounted) entry(number uint64, out *fuse.EntryOut) {
	out.NodeId = number
	out.SetEntryTimeout(aDay)
	out.SetAttrTimeout(aDay)
	attributes(number, m.live[number], &out.Attr)
}

func (m *mounted) open(number uint64, flags uint32) *handle {
	m.last++
	h := &handle{number: number, file: m.live[number], flags: flags}
	m.handles[m.last] = h
	return h
}

func (m *mounted) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	number, ok := m.live[in.NodeId].names[name]
	if !ok {
		return fuse.ENOENT
	}
	m.entry(number, out)
	return fuse.OK
}

// file is the one of a request: by its handle, since it may have no name any more.
func (m *mounted) file(number, handle uint64) *node {
	if n := m.live[number]; n != nil {
		return n
	}
	if h := m.handles[handle]; h != nil {
		return h.file
	}
	for _, h := range m.handles {
		if h.number == number {
			return h.file
		}
	}
	return nil
}

func (m *mounted) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	n := m.file(in.NodeId, in.Fh())
	if n == nil {
		return fuse.ENOENT
	}
	out.SetTimeout(aDay)
	attributes(in.NodeId, n, &out.Attr)
	return fuse.OK
}

func (m *mounted) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	n := m.file(in.NodeId, in.Fh)
	if n == nil {
		return fuse.ENOENT
	}
	number := in.NodeId
	if size, ok := in.GetSize(); ok {
		m.truncate(number, n, int64(size))
	}
	if mode, ok := in.GetMode(); ok && m.live[number] != nil {
		m.change(func(i image) {
			if n := i[number]; n != nil {
				n.mode = n.mode&syscall.S_IFMT | mode&0o7777
			}
		})
	}
	if at, ok := in.GetMTime(); ok {
		n.at = at
	}
	out.SetTimeout(aDay)
	attributes(number, n, &out.Attr)
	return fuse.OK
}

func (m *mounted) truncate(number uint64, n *node, size int64) {
	n.at = time.Now()
	if m.live[number] == nil {
		image{number: n}.resize(number, size)
		return
	}
	// What is cut off and grows again is zeros, not what was there.
	for p := range m.dirty[number] {
		if p*page >= size {
			delete(m.dirty[number], p)
		}
	}
	m.change(func(i image) { i.resize(number, size) })
}

func (m *mounted) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	if _, there := m.live[in.NodeId].names[name]; there {
		return fuse.Status(syscall.EEXIST)
	}
	m.entry(m.make(in.NodeId, name, syscall.S_IFDIR|in.Mode&0o7777), out)
	return fuse.OK
}

func (m *mounted) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	number, there := m.live[in.NodeId].names[name]
	switch {
	case there && in.Flags&syscall.O_EXCL != 0:
		return fuse.Status(syscall.EEXIST)
	case !there:
		number = m.make(in.NodeId, name, syscall.S_IFREG|in.Mode&0o7777)
	case in.Flags&syscall.O_TRUNC != 0:
		m.truncate(number, m.live[number], 0)
	}
	m.open(number, in.Flags)
	out.Fh = m.last
	m.entry(number, &out.EntryOut)
	return fuse.OK
}

func (m *mounted) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	n := m.live[in.NodeId]
	if n == nil {
		return fuse.ENOENT
	}
	if in.Flags&syscall.O_TRUNC != 0 {
		m.truncate(in.NodeId, n, 0)
	}
	m.open(in.NodeId, in.Flags)
	out.Fh, out.OpenFlags = m.last, fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

func (m *mounted) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	if !m.enter() {
		return nil, fuse.EIO
	}
	defer m.mu.Unlock()
	n := m.handles[in.Fh].file
	got := 0
	if in.Offset < uint64(len(n.data)) {
		got = copy(buf, n.data[in.Offset:])
	}
	return fuse.ReadResultData(buf[:got]), fuse.OK
}

func (m *mounted) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	if !m.enter() {
		return 0, fuse.EIO
	}
	defer m.mu.Unlock()
	h := m.handles[in.Fh]
	at := int64(in.Offset)
	m.write(h.file, h.number, at, b)
	if (in.Flags|h.flags)&syscall.O_DSYNC != 0 {
		m.sync(h.number)
	}
	return uint32(len(b)), fuse.OK
}

func (m *mounted) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	m.sync(in.NodeId)
	return fuse.OK
}

func (m *mounted) FsyncDir(_ <-chan struct{}, _ *fuse.FsyncIn) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	m.syncs++
	m.commitJournal()
	return fuse.OK
}

// Flush is what a close asks for: it makes nothing durable.
func (m *mounted) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (m *mounted) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.OK }

func (m *mounted) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.handles[in.Fh]
	delete(m.handles, in.Fh)
	if h != nil && m.live[h.number] == nil {
		delete(m.dirty, h.number)
	}
}

func (m *mounted) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.remove(in.NodeId, name)
}

func (m *mounted) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.remove(in.NodeId, name)
}

func (m *mounted) remove(folder uint64, name string) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	number, ok := m.live[folder].names[name]
	if !ok {
		return fuse.ENOENT
	}
	if len(m.live[number].names) > 0 {
		return fuse.Status(syscall.ENOTEMPTY)
	}
	m.change(func(i image) { i.unlink(folder, name) })
	return fuse.OK
}

func (m *mounted) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	if in.Flags != 0 {
		return fuse.EINVAL
	}
	number, ok := m.live[in.NodeId].names[from]
	if !ok {
		return fuse.ENOENT
	}
	old, there := m.live[in.Newdir].names[to]
	if there && old == number {
		return fuse.OK
	}
	if there && len(m.live[old].names) > 0 {
		return fuse.Status(syscall.ENOTEMPTY)
	}
	folder, newFolder := in.NodeId, in.Newdir
	m.change(func(i image) { i.rename(folder, from, newFolder, to) })
	return fuse.OK
}

func (m *mounted) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	number, folder := in.Oldnodeid, in.NodeId
	if _, there := m.live[folder].names[name]; there {
		return fuse.Status(syscall.EEXIST)
	}
	m.change(func(i image) { i[number].links++; i[folder].names[name] = number })
	m.entry(number, out)
	return fuse.OK
}

func (m *mounted) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	n := m.live[in.NodeId]
	if n == nil {
		return fuse.ENOENT
	}
	h := m.open(in.NodeId, 0)
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		h.names = append(h.names, fuse.DirEntry{Name: name, Ino: n.names[name], Mode: m.live[n.names[name]].mode, Off: uint64(len(h.names) + 1)})
	}
	out.Fh = m.last
	return fuse.OK
}

func (m *mounted) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	if !m.enter() {
		return fuse.EIO
	}
	defer m.mu.Unlock()
	names := m.handles[in.Fh].names
	for _, e := range names[min(in.Offset, uint64(len(names))):] {
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

func (m *mounted) ReleaseDir(in *fuse.ReleaseIn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.handles, in.Fh)
}

func (m *mounted) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const total = 64 << 30 / page
	out.Bsize, out.Frsize, out.Blocks, out.Bfree, out.Bavail, out.NameLen = page, page, total, total, total, 255
	out.Files, out.Ffree = 1<<20, 1<<20
	return fuse.OK
}

func (m *mounted) Fallocate(<-chan struct{}, *fuse.FallocateIn) fuse.Status {
	return fuse.Status(syscall.EOPNOTSUPP)
}
