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

	"golang.org/x/crypto/chacha20poly1305"
)

// Each stream, each of its blocks and each log of a cluster has a key of its own, kept
// beside it and sealed with the key of the store. One that does not open costs what it
// was for: the engine (nats-server 2.15.2) deletes a block with such a key, with its
// messages, says so in one line and goes on. So they are tried before it starts.

// keyBytes is how long what such a key seals is.
const keyBytes = 32

// checkKey says why the engine could not use one of these keys, nil if it can.
func (h *Hub) checkKey(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	seal, err := sealOf(h.keys.store, path)
	if err != nil {
		return err
	}
	nonce := seal.NonceSize()
	if want := nonce + keyBytes + seal.Overhead(); len(b) != want {
		return fmt.Errorf("the key %s is damaged: it has %d bytes, not %d", path, len(b), want)
	}
	if _, err := seal.Open(nil, b[:nonce], b[nonce:], nil); err != nil {
		return fmt.Errorf("the key %s does not open: it is damaged, or the store has another key", path)
	}
	return nil
}

// sealOf is what seals the key at a path: of a stream or a log, or in the folder msgs
// of one. Logs have the engine's own choice of cipher, streams that of StoreSettings.
func sealOf(store, path string) (cipher.AEAD, error) {
	folder, use := filepath.Dir(path), ""
	if filepath.Base(folder) == "msgs" {
		folder, use = filepath.Dir(folder), ":"+strings.TrimSuffix(filepath.Base(path), ".key")
	}
	kind, name := filepath.Dir(folder), filepath.Base(folder)
	ofStream := filepath.Base(kind) == "streams"
	owner := name // a log is its own
	if ofStream {
		owner = filepath.Base(filepath.Dir(kind)) // the account
	}
	mac := hmac.New(sha256.New, []byte(store))
	mac.Write([]byte(owner + name + use))
	if !ofStream {
		return chacha20poly1305.NewX(mac.Sum(nil))
	}
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, aes.BlockSize)
}
