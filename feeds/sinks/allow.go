package sinks

import (
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/selat-hub/selat/feeds/sink"
)

// allowList is the list of what is never blocked, as its file has it; without a
// path there is none.
type allowList struct {
	path string

	mu     sync.Mutex
	read   fs.FileInfo // of the file when it was read last
	list   *sink.Allow
	failed error
}

// current is the list that was read last.
func (a *allowList) current() *sink.Allow {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list
}

// refresh reads the file if it is another than when it was read last, and reports
// whether that gave another list. While the file cannot be read the list stays: none
// at all would block what it is to protect.
func (a *allowList) refresh() (changed bool, err error) {
	if a.path == "" {
		return false, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	f, err := os.Open(a.path)
	if err != nil {
		a.read = nil
		return false, fmt.Errorf("reading the allow-list: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	is, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("reading the allow-list: %w", err)
	}
	if was := a.read; was != nil && os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime()) {
		return false, a.failed
	}
	a.read = is
	list, err := sink.ReadAllow(f)
	if a.failed = nil; err != nil {
		a.failed = fmt.Errorf("%s: %w", a.path, err)
		return false, a.failed
	}
	a.list = list
	return true, nil
}

// lookAtAllowList has every file written anew when the allow-list is another.
func (d *Daemon) lookAtAllowList() {
	changed, err := d.allow.refresh()
	d.fail("the allow-list", err)
	if changed {
		d.changed(false)
	}
}

// follow makes the format of an output anew, with the list that now holds.
func (s *Sink) follow(o *Output, allow *sink.Allow) error {
	if o.allow == allow {
		return nil
	}
	anew, err := s.output(allow)
	if err != nil {
		return err
	}
	o.File, o.Folder, o.allow = anew.File, anew.Folder, allow
	return nil
}

// readAllow reads the allow-list, nil if there is none.
func (c *Config) readAllow() (*sink.Allow, error) {
	a := allowList{path: c.Allow}
	_, err := a.refresh()
	return a.current(), err
}
