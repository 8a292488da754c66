package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats-server/v2/server"
)

// The engine keeps a stream's settings in two files, the settings and their
// checksum, each written whole but one after the other. Killed in between, it
// passes the stream over at its next start with a line in its log; making the
// stream "if it is missing" would then begin it anew, under a new key, over
// everything that was acknowledged in it. So the checksum is mended before the
// engine starts.

// streamFolders are the folders of the HUB account's streams, by name.
func (h *Hub) streamFolders() (map[string]string, error) {
	root := h.cfg.path(streamsFolder, server.JetStreamStoreDir, public(h.keys.hub), "streams")
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the streams on disk: %w", err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") { // dotted ones are being deleted
			out[e.Name()] = filepath.Join(root, e.Name())
		}
	}
	return out, nil
}

// mendChecksums writes the checksum that a kill left missing or stale.
func (h *Hub) mendChecksums() error {
	folders, err := h.streamFolders()
	if err != nil {
		return err
	}
	for name, dir := range folders {
		mended, err := mendChecksum(name, dir)
		if err != nil {
			return fmt.Errorf("mending the checksum of stream %s: %w", name, err)
		}
		if mended {
			h.log.Warn("the settings of a stream were being written when the hub ended; their checksum is mended", "stream", name)
		}
	}
	return nil
}

// mendChecksum tells a write cut short from damage by the order of the two
// files: settings that changed on disk by themselves are not newer than their
// checksum, and are left for checkRecovered to refuse.
func mendChecksum(name, dir string) (mended bool, err error) {
	metaPath, sumPath := filepath.Join(dir, server.JetStreamMetaFile), filepath.Join(dir, server.JetStreamMetaFileSum)
	meta, err := os.Stat(metaPath)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	content, err := os.ReadFile(metaPath)
	if err != nil {
		return false, err
	}
	key := sha256.Sum256([]byte(name))
	hash, err := highwayhash.New64(key[:])
	if err != nil {
		return false, err
	}
	if _, err := hash.Write(content); err != nil {
		return false, err
	}
	want := hex.EncodeToString(hash.Sum(nil))
	sum, err := os.Stat(sumPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return false, err
	case meta.ModTime().Before(sum.ModTime()):
		return false, nil
	default:
		have, err := os.ReadFile(sumPath)
		if err != nil || string(have) == want {
			return false, err
		}
	}
	return true, replaceFile(sumPath, []byte(want))
}

// replaceFile puts a file in place whole and on disk, or not at all.
func replaceFile(path string, b []byte) error {
	tmp := path + ".mend"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
