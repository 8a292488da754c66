package broker

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// keyring holds the keys a running hub needs. The operator's identity key is
// not among them: Init leaves it in keys/operator.nk for an administrator to
// take offline, and the hub never reads it.
type keyring struct {
	operatorJWT string
	signing     nkeys.KeyPair // operator signing key: signs accounts
	sys         nkeys.KeyPair // system account
	hub         nkeys.KeyPair // HUB account, owner of all streams
	own         nkeys.KeyPair // signs the hub's own users and administrators
	seats       nkeys.KeyPair // signs the users of every seat, scoped
	store       string        // JetStream encryption key, "" when off
}

// Files of the keys folder, all of mode 0600.
const (
	fileOperator     = "operator.nk"
	fileOperatorJWT  = "operator.jwt"
	fileSigning      = "operator-signing.nk"
	fileSys          = "system-account.nk"
	fileHub          = "hub-account.nk"
	fileOwn          = "hub-signing.nk"
	fileSeats        = "seat-signing.nk"
	fileStore        = "store.key"
	fileAdminCreds   = "admin.creds"
	keysFolder       = "keys"
	streamsFolder    = "streams"
	catalogFolder    = "catalogue"
	commandTimeout   = 30 * time.Second
	operatorJWTTitle = "selat"
)

// makeKeys creates the keys folder.
func makeKeys(cfg *Config) error {
	dir := cfg.path(keysFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the keys folder: %w", err)
	}
	operator, err := nkeys.CreateOperator()
	if err != nil {
		return fmt.Errorf("making the operator key: %w", err)
	}
	signing, err := nkeys.CreateOperator()
	if err != nil {
		return fmt.Errorf("making the operator signing key: %w", err)
	}
	accounts := map[string]nkeys.KeyPair{}
	for _, name := range []string{fileSys, fileHub, fileOwn, fileSeats} {
		if accounts[name], err = nkeys.CreateAccount(); err != nil {
			return fmt.Errorf("making %s: %w", name, err)
		}
	}
	oc := jwt.NewOperatorClaims(public(operator))
	oc.Name = operatorJWTTitle
	oc.SigningKeys.Add(public(signing))
	oc.SystemAccount = public(accounts[fileSys])
	oc.StrictSigningKeyUsage = true
	token, err := oc.Encode(operator)
	if err != nil {
		return fmt.Errorf("signing the operator: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("making the store key: %w", err)
	}
	for name, kp := range map[string]nkeys.KeyPair{fileOperator: operator, fileSigning: signing, fileSys: accounts[fileSys], fileHub: accounts[fileHub], fileOwn: accounts[fileOwn], fileSeats: accounts[fileSeats]} {
		seed, err := kp.Seed()
		if err != nil {
			return fmt.Errorf("reading the seed of %s: %w", name, err)
		}
		if err := writeSecret(filepath.Join(dir, name), append(seed, '\n')); err != nil {
			return err
		}
	}
	if err := writeSecret(filepath.Join(dir, fileStore), []byte(base64.RawURLEncoding.EncodeToString(secret)+"\n")); err != nil {
		return err
	}
	// Last, because its presence says that the folder is complete.
	return writeSecret(filepath.Join(dir, fileOperatorJWT), []byte(token+"\n"))
}

func loadKeys(ctx context.Context, cfg *Config) (*keyring, error) {
	k, err := loadNodeKeys(cfg)
	if err != nil || !cfg.Store.Encrypt {
		return k, err
	}
	k.store, err = storeKey(ctx, cfg)
	return k, err
}

// loadNodeKeys reads all but the store's key.
func loadNodeKeys(cfg *Config) (*keyring, error) {
	dir := cfg.path(keysFolder)
	token, err := ReadSecret(filepath.Join(dir, fileOperatorJWT))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no hub yet: prepare it with `selat init --data %s`", cfg.Data, cfg.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the operator: %w", err)
	}
	k := &keyring{operatorJWT: string(bytes.TrimSpace(token))}
	for name, kp := range map[string]*nkeys.KeyPair{fileSigning: &k.signing, fileSys: &k.sys, fileHub: &k.hub, fileOwn: &k.own, fileSeats: &k.seats} {
		seed, err := ReadSecret(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("reading key %s: %w", name, err)
		}
		if *kp, err = nkeys.FromSeed(bytes.TrimSpace(seed)); err != nil {
			return nil, fmt.Errorf("reading key %s: %w", name, err)
		}
	}
	return k, nil
}

// catalogueKey is what the catalogue is encrypted with: a key of its own, made of
// the streams'. It is nil where they are not encrypted.
func (k *keyring) catalogueKey() *[32]byte {
	if k.store == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(k.store))
	mac.Write([]byte("selat catalogue"))
	return (*[32]byte)(mac.Sum(nil))
}

func storeKey(ctx context.Context, cfg *Config) (string, error) {
	if len(cfg.Store.KeyCommand) == 0 {
		b, err := ReadSecret(cfg.path(keysFolder, fileStore))
		if err != nil {
			return "", fmt.Errorf("reading the store's encryption key: %w", err)
		}
		return string(bytes.TrimSpace(b)), nil
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, cfg.Store.KeyCommand[0], cfg.Store.KeyCommand[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("running store.key_command for the encryption key: %w", err)
	}
	if out = bytes.TrimSpace(out); len(out) < 16 {
		return "", errors.New("store.key_command printed fewer than 16 characters of key")
	}
	return string(out), nil
}

// writeSecret writes a file of mode 0600 that did not exist before, and does
// not return before it is on disk.
func writeSecret(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing a secret: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// public returns the public key; a key pair made or read by us always has one.
func public(kp nkeys.KeyPair) string {
	pk, err := kp.PublicKey()
	if err != nil {
		return ""
	}
	return pk
}
