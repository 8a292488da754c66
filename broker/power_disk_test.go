//go:build linux

package broker_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// disk is a file system in memory that knows what would be left if the power were
// cut now. What programs see is live; what is on the platter is durable. Changes
// of names and sizes wait in a journal, bytes in dirty pages, until somebody asks for
// them to be written: fsync of a file writes the journal, in order, and the pages of
// that file; fsync of a folder writes the journal. What nobody asked for is lost,
// but for what a kernel writes of its own accord now and then (wander).
type disk struct {
	mu      sync.Mutex
	live    image
	durable image
	journal []func(image)
	dirty   map[uint64]map[int64]bool // by file: its pages that are not durable
	next    uint64
	off     chan struct{} // not nil once the power is gone; closed when nobody runs any more

	syncs, lostPages, lostChanges int
}

// image is a file system by the number of each file, rootNode its uppermost folder.
type image map[uint64]*node

const (
	rootNode = 1
	page     = 4096
)

type node struct {
	mode  uint32 // with the kind of file
	links int
	at    time.Time // of the last change
	data  []byte
	names map[string]uint64 // of a folder
}

func (n *node) folder() bool { return n.names != nil }

func (n *node) clone() *node {
	c := *n
	c.data, c.names = slices.Clone(n.data), maps.Clone(n.names)
	return &c
}

func (m image) clone() image {
	out := make(image, len(m))
	for i, n := range m {
		out[i] = n.clone()
	}
	return out
}

// What changes an image is applied to the live one at once, and to the durable one
// from the journal.

func (m image) unlink(folder uint64, name string) {
	number := m[folder].names[name]
	delete(m[folder].names, name)
	n := m[number]
	if n.links--; n.links == 0 || n.folder() {
		delete(m, number)
	}
}

func (m image) rename(from uint64, name string, to uint64, newName string) {
	if _, there := m[to].names[newName]; there {
		m.unlink(to, newName)
	}
	m[to].names[newName] = m[from].names[name]
	delete(m[from].names, name)
}

func (m image) resize(number uint64, size int64) {
	n := m[number]
	if n == nil {
		return // its last name is gone
	}
	if size <= int64(len(n.data)) {
		n.data = n.data[:size:size]
		return
	}
	n.data = append(n.data, make([]byte, size-int64(len(n.data)))...)
}

// change makes a change that waits in the journal to become durable.
func (d *disk) change(do func(image)) {
	do(d.live)
	d.journal = append(d.journal, do)
}

func (d *disk) make(folder uint64, name string, mode uint32) uint64 {
	d.next++
	number, at := d.next, time.Now()
	d.change(func(m image) {
		n := &node{mode: mode, links: 1, at: at}
		if mode&syscall.S_IFMT == syscall.S_IFDIR {
			n.names = map[string]uint64{}
		}
		m[number], m[folder].names[name] = n, number
	})
	return number
}

func (d *disk) write(n *node, number uint64, at int64, b []byte) {
	end := at + int64(len(b))
	if end > int64(len(n.data)) {
		n.data = append(n.data, make([]byte, end-int64(len(n.data)))...)
	}
	copy(n.data[at:], b)
	n.at = time.Now()
	pages := d.dirty[number]
	if pages == nil {
		pages = map[int64]bool{}
		d.dirty[number] = pages
	}
	for p := at / page; p*page < end; p++ {
		pages[p] = true
	}
}

func (d *disk) commitJournal() {
	for _, do := range d.journal {
		do(d.durable)
	}
	clear(d.journal)
	d.journal = d.journal[:0]
}

// sync makes a file durable, and every change of names before.
func (d *disk) sync(number uint64) {
	d.syncs++
	d.commitJournal()
	live, durable := d.live[number], d.durable[number]
	if live == nil || durable == nil { // it has no name any more
		return
	}
	d.durable.resize(number, int64(len(live.data)))
	for p := range d.dirty[number] {
		if p*page < int64(len(live.data)) {
			copy(durable.data[p*page:], live.data[p*page:min((p+1)*page, int64(len(live.data)))])
		}
	}
	durable.at = live.at
	delete(d.dirty, number)
}

// wander writes what nobody asked for, as kernels do: the journal, and of one file
// some pages, so that a cut finds a file half written.
func (d *disk) wander() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off != nil {
		return
	}
	d.commitJournal()
	for number, pages := range d.dirty { // any one
		live, durable := d.live[number], d.durable[number]
		if live == nil || durable == nil {
			delete(d.dirty, number)
			continue
		}
		for _, p := range slices.Sorted(maps.Keys(pages)) {
			size := int64(len(live.data))
			appends := (p+1)*page > int64(len(durable.data))
			if rand.IntN(3) == 0 {
				if appends {
					break // a file grows in order
				}
				continue
			}
			if p*page < size {
				end := min((p+1)*page, size)
				if end > int64(len(durable.data)) {
					d.durable.resize(number, end)
				}
				copy(durable.data[p*page:end], live.data[p*page:end])
			}
			delete(pages, p)
		}
		return
	}
}

// cutPower lets nothing become durable from now on, and answers nobody, until
// everybody who ran is killed.
func (d *disk) cutPower() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off == nil {
		d.off = make(chan struct{})
	}
}

// restorePower begins with what is durable, after everybody who ran is gone.
func (d *disk) restorePower() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pages := range d.dirty {
		d.lostPages += len(pages)
	}
	d.lostChanges += len(d.journal)
	d.journal, d.dirty = nil, map[uint64]map[int64]bool{}
	d.live = d.durable.clone()
	d.off = nil
}

// newDisk is a disk with what a folder holds, all of it durable.
func newDisk(t testing.TB, folder string) *disk {
	t.Helper()
	d := &disk{live: image{}, durable: image{}, next: rootNode, dirty: map[uint64]map[int64]bool{}}
	d.live[rootNode] = &node{mode: syscall.S_IFDIR | 0o700, links: 1, at: time.Now(), names: map[string]uint64{}}
	numbers := map[string]uint64{".": rootNode}
	must(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil || rel == "." {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		n := &node{mode: syscall.S_IFREG | uint32(info.Mode().Perm()), links: 1, at: info.ModTime()}
		switch {
		case e.IsDir():
			n.mode, n.names = syscall.S_IFDIR|uint32(info.Mode().Perm()), map[string]uint64{}
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is neither a file nor a folder", path)
		default:
			if n.data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		d.next++
		numbers[rel], d.live[d.next] = d.next, n
		d.live[numbers[filepath.Dir(rel)]].names[e.Name()] = d.next
		return nil
	}))
	d.durable = d.live.clone()
	return d
}

// export lays what is durable into a folder, in place of what it holds.
func (d *disk) export(t testing.TB, folder string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	must(t, os.RemoveAll(folder))
	var lay func(path string, n *node)
	lay = func(path string, n *node) {
		perm := fs.FileMode(n.mode & 0o777)
		if !n.folder() {
			must(t, os.WriteFile(path, n.data, perm))
			must(t, os.Chtimes(path, n.at, n.at))
			return
		}
		must(t, os.Mkdir(path, perm))
		for name, number := range n.names {
			lay(filepath.Join(path, name), d.durable[number])
		}
	}
	lay(folder, d.durable[rootNode])
}
