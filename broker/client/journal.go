package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// journal is a file of what is in the handler's hands. It is written for each
// object but not synced, so it outlives the process at once, and the machine
// only perhaps; what must outlive the machine is recorded a moment later, many
// objects at a time. Opened after a death it tells what was handled, though
// not yet recorded, and what the handler may or may not have finished with.
//
// An entry is a mark and a key. A key is started before it is done; once
// recorded, it leaves the file when that is next written anew.
type journal struct {
	path string

	mu    sync.Mutex
	f     *os.File
	size  int
	hands map[key]bool     // started and not recorded; true once done
	doubt map[key]struct{} // of those not done, the ones that the handler met before
}

const (
	markStarted = 's'
	markDone    = 'd'
	entrySize   = 1 + len(key{})
	// journalMost is the size beyond which the journal is written anew.
	journalMost = 1 << 20
)

// openJournal opens or makes a journal. recorded reports what is recorded
// already; record is given what was done and is not.
func openJournal(path string, recorded func(key) (bool, error), record func([]key) error) (*journal, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what was in hand: %w", err)
	}
	j := &journal{path: path, hands: map[key]bool{}, doubt: map[key]struct{}{}}
	for ; len(b) >= entrySize; b = b[entrySize:] { // a torn last entry is left out
		k := key(b[1:entrySize])
		j.hands[k] = j.hands[k] || b[0] == markDone
	}
	var unrecorded []key
	for k, done := range j.hands {
		known, err := recorded(k)
		switch {
		case err != nil:
			return nil, err
		case known:
			delete(j.hands, k)
		case done:
			unrecorded = append(unrecorded, k)
			delete(j.hands, k)
		default:
			j.doubt[k] = struct{}{}
		}
	}
	if len(unrecorded) > 0 {
		if err := record(unrecorded); err != nil {
			return nil, err
		}
	}
	return j, j.rewrite()
}

// rewrite replaces the file by one that holds what is in hand now.
func (j *journal) rewrite() error {
	b := make([]byte, 0, len(j.hands)*entrySize)
	for k, done := range j.hands {
		b = appendEntry(b, k, done)
	}
	f, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("noting what is in hand: %w", err)
	}
	if _, err = f.Write(b); err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("noting what is in hand: %w", err), f.Close())
	}
	if j.f != nil {
		err = j.f.Close()
	}
	j.f, j.size = f, len(b)
	return err
}

func appendEntry(b []byte, k key, done bool) []byte {
	mark := byte(markStarted)
	if done {
		mark = markDone
	}
	return append(append(b, mark), k[:]...)
}

func (j *journal) write(b []byte) error {
	if _, err := j.f.Write(b); err != nil {
		return fmt.Errorf("noting what is in hand: %w", err)
	}
	j.size += len(b)
	return nil
}

// start notes that the handler will be called with these.
func (j *journal) start(keys []key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := make([]byte, 0, len(keys)*entrySize)
	for _, k := range keys {
		if _, already := j.hands[k]; already {
			j.doubt[k] = struct{}{} // a second call for the same object
			continue
		}
		j.hands[k] = false
		b = appendEntry(b, k, false)
	}
	return j.write(b)
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

// done notes that the handler has finished with one.
func (j *journal) done(k key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hands[k] = true
	delete(j.doubt, k)
	return j.write(appendEntry(make([]byte, 0, entrySize), k, true))
}

// recorded lets go of what is recorded elsewhere.
func (j *journal) recorded(keys []key) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range keys {
		delete(j.hands, k)
		delete(j.doubt, k)
	}
	if j.size > journalMost && j.size > 4*len(j.hands)*entrySize {
		return j.rewrite()
	}
	return nil
}

// doubtful reports whether the handler may have been called with one before.
func (j *journal) doubtful(k key) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, yes := j.doubt[k]
	return yes
}

// forget empties the journal.
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
