package broker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Each stream, each of its blocks and each log of a cluster has a key of its own, kept
// beside it and sealed with the key of the store. One that does not open costs what it
// was for: the engine (nats-server 2.15.2) deletes a block with such a key, with its
// messages, says so in one line and goes on. So they are tried before it starts.

// sealedKey is how long such a key is: a nonce, the key, a tag.
const sealedKey = aes.BlockSize + 32 + 16

// checkKey says why the engine could not use one of these keys, nil if it can.
func (h *Hub) checkKey(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(b) != sealedKey {
		return fmt.Errorf("the key %s is damaged: it has %d bytes, not %d", path, len(b), sealedKey)
	}
	kek, err := sealsKey(h.keys.store, path)
	if err != nil {
		return err
	}
	if _, err := kek.Open(nil, b[:aes.BlockSize], b[aes.BlockSize:], nil); err != nil {
		return fmt.Errorf("the key %s does not open: it is damaged, or the store has another key", path)
	}
	return nil
}

// sealsKey is what seals the key at a path: of a stream or a log, or in the folder
// msgs of one.
func sealsKey(store, path string) (cipher.AEAD, error) {
	folder, use := filepath.Dir(path), ""
	if filepath.Base(folder) == "msgs" {
		folder, use = filepath.Dir(folder), ":"+strings.TrimSuffix(filepath.Base(path), ".key")
	}
	owner := filepath.Base(folder) // a log is its own
	if kind := filepath.Dir(folder); filepath.Base(kind) == "streams" {
		owner = filepath.Base(filepath.Dir(kind)) // the account
	}
	mac := hmac.New(sha256.New, []byte(store))
	mac.Write([]byte(owner + filepath.Base(folder) + use))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, aes.BlockSize)
}
