package broker

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// BackupAccess is what a backup of a running hub needs: credentials that may
// snapshot the hub's streams and nothing else, and two uses of the hub's own
// keys. It is made where the keys folder is, since the keys are backed up too.
type BackupAccess struct {
	// Creds are good for a day, and of no use for writing, deleting or
	// consuming.
	Creds []byte
	// Account is the public key of the account that owns the streams; it is the
	// same for all nodes of a hub, and for a hub that was restored.
	Account string
	// Names is the key that names what is stored, so that a name tells nobody
	// without the hub's keys what is behind it.
	Names [sha256.Size]byte

	account nkeys.KeyPair
}

// BackupInbox is where the answers to a backup arrive.
const BackupInbox = "_INBOX.backup"

// backupLife is how long a backup's credentials are good: one backup.
const backupLife = 24 * time.Hour

// OpenBackupAccess makes them from the keys in the hub's folder. The hub need
// not run.
func OpenBackupAccess(cfg *Config) (*BackupAccess, error) {
	account, err := readKey(cfg, fileHub)
	if err != nil {
		return nil, err
	}
	own, err := readKey(cfg, fileOwn)
	if err != nil {
		return nil, err
	}
	a := &BackupAccess{Account: public(account), account: account}
	seed, err := account.Seed()
	if err != nil {
		return nil, fmt.Errorf("reading key %s: %w", fileHub, err)
	}
	mac := hmac.New(sha256.New, seed)
	mac.Write([]byte("selat backup names"))
	copy(a.Names[:], mac.Sum(nil))
	a.Creds, err = backupCreds(account, own)
	return a, err
}

func readKey(cfg *Config, name string) (nkeys.KeyPair, error) {
	seed, err := ReadSecret(cfg.path(keysFolder, name))
	if err != nil {
		return nil, fmt.Errorf("reading key %s of the hub: a backup is made where the hub's folder is: %w", name, err)
	}
	kp, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return nil, fmt.Errorf("reading key %s: %w", name, err)
	}
	return kp, nil
}

func backupCreds(account, own nkeys.KeyPair) ([]byte, error) {
	kp, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("making a user key: %w", err)
	}
	uc := jwt.NewUserClaims(public(kp))
	uc.Name, uc.IssuerAccount, uc.Expires = "backup", public(account), time.Now().Add(backupLife).Unix()
	uc.Permissions.Pub.Allow.Add(
		"$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.*",
		"$JS.API.STREAM.SNAPSHOT.*", "$JS.SNAPSHOT.ACK.>",
		"$JS.API.STREAM.MSG.GET.*", // what was stored while the snapshot was taken
	)
	uc.Permissions.Sub.Allow.Add(BackupInbox + ".>")
	token, err := uc.Encode(own)
	if err != nil {
		return nil, fmt.Errorf("signing a user for the backup: %w", err)
	}
	seed, err := kp.Seed()
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, seed)
}

// Sign signs with the key of the account that owns the streams.
func (a *BackupAccess) Sign(b []byte) ([]byte, error) { return a.account.Sign(b) }

// BackupFile reports whether a file or folder at the top of a hub's folder
// belongs in a backup. Streams are backed up through the running hub; the
// others that do not belong are made again, or say where a hub runs.
func BackupFile(name string) bool {
	switch name {
	case streamsFolder, catalogFolder, joinFolder, "lock", "hub.url", restoringFile:
		return false
	}
	return true
}

// BackupStream reports whether a stream belongs in a backup, and in which round
// it is taken: the directory first, so that no position in it lies beyond a
// stream that was taken after it; recalls after the objects, so that whatever was
// erased while they were taken is known as recalled; orders to members last,
// since they are told before a recall counts as carried out.
func BackupStream(name string) (round int, belongs bool) {
	switch {
	case name == statusStream: // answers about submissions, kept for a day
		return 0, false
	case name == "KV_"+leadBucket: // which node leads
		return 0, false
	case name == "KV_"+directoryBucket:
		return 0, true
	case name == recallStream:
		return 2, true
	case isControl(name):
		return 3, true
	}
	return 1, true
}
