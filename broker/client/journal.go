package client

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// journalMost is the size beyond which the journal is written anew.
const journalMost = 1 << 20

// journal is a file of the objects that are in the handler's hands: what is in
// it when a state folder is opened, and not recorded as finished, was in the
// hands of a process that died. It is written without syncing, so it survives
// the death of the process but perhaps not that of the machine.
type journal struct {
	path string

	mu    sync.Mutex
	f     *os.File
	size  int
	hands map[key]struct{} // started and not recorded
	doubt map[key]struct{} // of those, the ones that the handler met before
}

func openJournal(path string, finished func(key) (bool, error)) (*journal, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what was in hand: %w", err)
	}
	j := &journal{path: path, hands: map[key]struct{}{}, doubt: map[key]struct{}{}}
	for ; len(b) >= len(key{}); b = b[len(key{}):] { // a torn last write is left out
		k := key(b[:len(key{})])
		done, err := finished(k)
		if err != nil {
			return nil, err
		}
		if !done {
			j.hands[k], j.doubt[k] = struct{}{}, struct{}{}
		}
	}
	return j, j.rewrite()
}

// rewrite replaces the file by one that holds what is in hand now.
func (j *journal) rewrite() error {
	var b bytes.Buffer
	for k := range j.hands {
		b.Write(k[:])
	}
	f, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("noting what is in hand: %w", err)
	}
	if _, err = f.Write(b.Bytes()); err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("noting what is in hand: %w", err), f.Close())
	}
	if j.f != nil {
		err = j.f.Close()
	}
	j.f, j.size = f, b.Len()
	return err
}

func (j *journal) start(keys []key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := make([]byte, 0, len(keys)*len(key{}))
	for _, k := range keys {
		if _, already := j.hands[k]; already {
			j.doubt[k] = struct{}{} // a second call for the same object
			continue
		}
		j.hands[k] = struct{}{}
		b = append(b, k[:]...)
	}
	if _, err := j.f.Write(b); err != nil {
		return fmt.Errorf("noting what is in hand: %w", err)
	}
	j.size += len(b)
	return nil
}

func (j *journal) done(keys []key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range keys {
		delete(j.hands, k)
		delete(j.doubt, k)
	}
	if j.size > journalMost && j.size > 4*len(j.hands)*len(key{}) {
		return j.rewrite()
	}
	return nil
}

// unstarted takes back a start: the handler was not called after all.
func (j *journal) unstarted(keys []key) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range keys {
		if _, was := j.doubt[k]; !was {
			delete(j.hands, k)
		}
	}
}

func (j *journal) doubtful(k key) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, yes := j.doubt[k]
	return yes
}

// forget empties it.
func (j *journal) forget() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	clear(j.hands)
	clear(j.doubt)
	return j.rewrite()
}

// close leaves in the file only what is truly in doubt.
func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return nil
	}
	return errors.Join(j.rewrite(), j.f.Close())
}
