package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// What the engine cannot mend by itself after a kill, and what must not be
// taken for an empty stream.

// mendBlocks removes message blocks that the engine (nats-server 2.15.2) had
// begun and not yet given a key when it was killed. A new block of an encrypted
// stream is made as an empty N.blk, and only then N.key is written; killed in
// between, the engine takes the block for one of a plaintext store, fails with
// "corrupt state file" and goes on as if the stream were not there. Nothing can
// have been written to a block without a key, so nothing is lost. The logs by which
// the nodes of a cluster agree are kept in the same way, and are mended in the same.
//
// A block with messages and no key, or one that does not open, is another matter:
// that is refused.
//
// It runs before the engine starts.
func (h *Hub) mendBlocks() error {
	if h.keys.store == "" {
		return nil
	}
	for _, kind := range []string{"streams", "_js_"} {
		folders, err := filepath.Glob(h.cfg.path(streamsFolder, server.JetStreamStoreDir, "*", kind, "*"))
		if err != nil {
			return fmt.Errorf("looking for unfinished blocks: %w", err)
		}
		for _, folder := range folders {
			if strings.HasPrefix(filepath.Base(folder), ".") { // being deleted
				continue
			}
			if err := h.mendFolder(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// mendFolder does that for one stream or log.
func (h *Hub) mendFolder(folder string) error {
	if err := h.checkKey(filepath.Join(folder, server.JetStreamMetaFileKey)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; nothing was changed: restore it, then start again", err)
	}
	blocks, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
	if err != nil {
		return fmt.Errorf("looking for unfinished blocks: %w", err)
	}
	for _, blk := range blocks {
		key := strings.TrimSuffix(blk, ".blk") + ".key"
		keyErr := h.checkKey(key)
		if keyErr == nil {
			continue
		}
		st, sizeErr := os.Stat(blk)
		switch {
		case sizeErr != nil:
			return fmt.Errorf("looking for unfinished blocks: %w", sizeErr)
		case st.Size() > 0 && errors.Is(keyErr, fs.ErrNotExist):
			// The engine would drop its messages without a word.
			return fmt.Errorf("block %s holds messages and its key %s is gone; nothing was changed: restore the key, then start again", blk, filepath.Base(key))
		case st.Size() > 0:
			return fmt.Errorf("block %s holds messages: %w; nothing was changed: restore the key, then start again", blk, keyErr)
		}
		for _, f := range []string{blk, key, key + ".tmp"} {
			if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing an unfinished block: %w", err)
			}
		}
		h.recovery.Unfinished++
	}
	return nil
}

// checkRecovered refuses to go on when the store holds a stream with messages
// that the engine did not open: making the stream anew, as any start does with
// one that is missing, would delete what it holds.
func (h *Hub) checkRecovered(ctx context.Context) error {
	open := map[string]bool{}
	names := h.js.StreamNames(ctx)
	for name := range names.Name() {
		open[name] = true
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("listing the streams: %w", err)
	}
	folders, err := filepath.Glob(h.cfg.path(streamsFolder, "jetstream", public(h.keys.hub), "streams", "*"))
	if err != nil {
		return fmt.Errorf("listing the store: %w", err)
	}
	for _, folder := range folders {
		if name := filepath.Base(folder); !open[name] && holdsMessages(folder) {
			return fmt.Errorf("the store holds stream %s in %s, but the engine could not open it (its log says why); nothing was changed: mend or restore that folder, then start again", name, folder)
		}
	}
	return nil
}

func holdsMessages(folder string) bool {
	blocks, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
	if err != nil {
		return true
	}
	for _, blk := range blocks {
		if st, err := os.Stat(blk); err != nil || st.Size() > 0 {
			return true
		}
	}
	return false
}
