package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What was erased still stands in Pebble's files: in tables until they are
// compacted, in its log, and among the bounds of tables in its manifest. To scrub
// is to write those anew that may have it and to see the old ones gone.

// scrub is what was erased since the last time.
type scrub struct {
	// running lets one Scrub work at a time.
	running sync.Mutex

	mu sync.Mutex
	// keys are those that name what was erased; all is true where they are not
	// known any more.
	keys [][]byte
	all  bool

	// manifest is the number of the current manifest, manifests how many there
	// were since Open.
	manifest, manifests atomic.Uint64
}

// maxStale bounds how many keys are remembered.
const maxStale = 1 << 16

// unscrubbed are the first and the last key there can be. They are held from an
// erasure until it is scrubbed, also when the index is opened in between; then
// which keys it erased is not known.
var unscrubbed = [2][]byte{{'!'}, {'~'}}

func (s *scrub) mark(b *pebble.Batch) error {
	return errors.Join(b.Set(unscrubbed[0], nil, nil), b.Set(unscrubbed[1], nil, nil))
}

func (s *scrub) load(db *pebble.DB) error {
	return scanRange(db, unscrubbed[0], after(unscrubbed[0]), func(_, _ []byte) error {
		s.all = true
		return nil
	})
}

func (s *scrub) remember(keys [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys = append(s.keys, keys...); len(s.keys) > maxStale {
		s.keys, s.all = nil, true
	}
}

func (s *scrub) take() (keys [][]byte, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys, all = s.keys, s.all
	s.keys, s.all = nil, false
	return keys, all
}

func (s *scrub) giveBack(keys [][]byte, all bool) {
	s.remember(keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = s.all || all
}

// Scrub removes what was erased from the files of the index: when it returns, no
// file holds names or values of objects that were erased before it was called. It
// compacts what is around the erased keys only, unless the index was opened since
// they were erased: then everything. Others go on reading and writing meanwhile;
// files that they still read from are waited for.
//
// On a full disk it says ErrDiskFull, as Apply does. After an error it is to be
// called again.
func (x *Index) Scrub(ctx context.Context) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.gate.RUnlock()
	if x.disk.stalled() {
		return ErrDiskFull
	}
	x.scrub.running.Lock()
	defer x.scrub.running.Unlock()
	keys, all := x.scrub.take()
	if len(keys) == 0 && !all {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		select {
		case <-x.disk.closing: // Close waits for this call
			cancel()
		case <-ctx.Done():
		}
	})
	err := x.scrubKeys(ctx, keys, all)
	if err == nil {
		err = x.disk.failure()
	}
	if err != nil {
		x.scrub.giveBack(keys, all)
		return x.fault("removing what was erased from the index's files", err)
	}
	return nil
}

func (x *Index) scrubKeys(ctx context.Context, keys [][]byte, all bool) error {
	// What is written around the erased keys is to be in other tables than they.
	if err := x.flush(ctx); err != nil {
		return err
	}
	spans, err := x.surround(keys, all)
	if err != nil {
		return err
	}
	old, err := x.files()
	if err != nil {
		return err
	}
	if err := x.flush(ctx); err != nil {
		return err
	}
	for _, s := range spans {
		if err := x.db.Compact(ctx, s.lower, append(bytes.Clone(s.upper), 0), false); err != nil {
			return err
		}
	}
	if err := x.renewManifest(ctx); err != nil {
		return err
	}
	for name := range old {
		if filepath.Ext(name) == ".log" {
			if err := x.removeFile(name); err != nil {
				return err
			}
		}
	}
	if err := x.awaitRemoval(ctx); err != nil {
		return err
	}
	return x.scrubbed()
}

// span is a run of keys, both of which are held.
type span struct{ lower, upper []byte }

// surround returns what is to be compacted: for each erased key the run from the
// key before it to the key after it. Those are written again as they are. Without
// that a table in which the erased key is still told to be deleted could be passed
// down as it is, for want of anything to join it with.
func (x *Index) surround(keys [][]byte, all bool) (spans []span, err error) {
	x.writer.Lock()
	defer x.writer.Unlock()
	if all {
		keys = nil
		spans = []span{{unscrubbed[0], unscrubbed[1]}}
	}
	slices.SortFunc(keys, bytes.Compare)
	err = x.write(func(b *pebble.Batch) error {
		if err := x.scrub.mark(b); err != nil {
			return err
		}
		it, err := x.db.NewIter(nil)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if n := len(spans); n > 0 && bytes.Compare(key, spans[n-1].upper) < 0 {
				continue
			}
			var s span
			if s, err = around(it, b, key); err != nil {
				break
			}
			if n := len(spans); n > 0 && bytes.Compare(s.lower, spans[n-1].upper) <= 0 {
				spans[n-1].upper = s.upper
			} else {
				spans = append(spans, s)
			}
		}
		return errors.Join(err, it.Close())
	})
	return spans, err
}

// around returns the run around a key, and writes its ends again. The chain is
// merged, not written, and so no end.
func around(it *pebble.Iterator, b *pebble.Batch, key []byte) (s span, err error) {
	again := func(valid bool, step func() bool) ([]byte, error) {
		for valid && bytes.Equal(it.Key(), chainKey) {
			valid = step()
		}
		if !valid {
			return nil, it.Error()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		end := bytes.Clone(it.Key())
		return end, b.Set(end, v, nil)
	}
	if s.lower, err = again(it.SeekLT(key), it.Prev); err != nil {
		return s, err
	}
	if s.upper, err = again(it.SeekGE(key), it.Next); err != nil {
		return s, err
	}
	if s.lower == nil {
		s.lower = unscrubbed[0]
	}
	if s.upper == nil {
		s.upper = unscrubbed[1]
	}
	return s, nil
}

// flush writes to tables what is in memory.
func (x *Index) flush(ctx context.Context) error {
	flushed, err := x.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// renewManifest has Pebble begin a new manifest, from the tables of now, and
// removes those before it. Pebble begins one after as many changes of tables as
// there are tables, about: what is written to get there is nothing.
func (x *Index) renewManifest(ctx context.Context) error {
	before := x.scrub.manifests.Load()
	tables := 0
	for _, level := range x.db.Metrics().Levels {
		tables += int(level.TablesCount)
	}
	for n := 0; x.scrub.manifests.Load() == before; n++ {
		if n > 2*tables+64 {
			return fmt.Errorf("no new manifest was begun after %d changes", n)
		}
		if err := x.writeNothing(); err != nil {
			return err
		}
		if err := x.flush(ctx); err != nil {
			return err
		}
	}
	names, err := x.files()
	if err != nil {
		return err
	}
	for name := range names {
		number, is := strings.CutPrefix(name, "MANIFEST-")
		if n, err := strconv.ParseUint(number, 10, 64); is && err == nil && n < x.scrub.manifest.Load() {
			if err := x.removeFile(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeFile removes a file that Pebble needs no more, but may keep: the manifest
// before the last, and logs to write new ones over. It does not mind.
func (x *Index) removeFile(name string) error {
	err := x.disk.Remove(filepath.Join(x.folder(), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (x *Index) writeNothing() error {
	x.writer.Lock()
	defer x.writer.Unlock()
	return x.write(func(*pebble.Batch) error { return nil })
}

func (x *Index) folder() string { return filepath.Dir(x.disk.seal) }

// files are the names of the files of the index.
func (x *Index) files() (map[string]bool, error) {
	names, err := x.disk.List(x.folder())
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set, err
}

// askAgain is how often it is looked whether files are gone.
const askAgain = 20 * time.Millisecond

// awaitRemoval waits until the tables are removed that Pebble uses no more: it
// does so when nobody reads from them.
func (x *Index) awaitRemoval(ctx context.Context) error {
	stale, err := x.files()
	for err == nil {
		var there map[string]bool
		var used map[uint64]bool
		if there, err = x.files(); err != nil {
			break
		}
		if used, err = x.usedTables(); err != nil {
			break
		}
		maps.DeleteFunc(stale, func(name string, _ bool) bool {
			number, is := strings.CutSuffix(name, ".sst")
			n, _ := strconv.ParseUint(number, 10, 64)
			return !is || !there[name] || used[n]
		})
		if len(stale) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(askAgain):
		}
	}
	if err != nil {
		return err
	}
	// What was removed must not come back after a power cut.
	dir, err := x.disk.OpenDir(x.folder())
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (x *Index) usedTables() (map[uint64]bool, error) {
	levels, err := x.db.SSTables()
	used := map[uint64]bool{}
	for _, level := range levels {
		for i := range level {
			used[uint64(level[i].FileNum)] = true
			used[uint64(level[i].BackingSSTNum)] = true
		}
	}
	return used, err
}

// scrubbed takes down that nothing is left to do, unless something was erased
// meanwhile.
func (x *Index) scrubbed() error {
	x.writer.Lock()
	defer x.writer.Unlock()
	x.scrub.mu.Lock()
	more := len(x.scrub.keys) > 0 || x.scrub.all
	x.scrub.mu.Unlock()
	if more {
		return nil
	}
	return x.write(func(b *pebble.Batch) error {
		return errors.Join(b.Delete(unscrubbed[0], nil), b.Delete(unscrubbed[1], nil))
	})
}
