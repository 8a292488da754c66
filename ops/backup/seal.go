package backup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nkeys"
)

// Recipients are who can read a backup.
type Recipients struct {
	keys []age.Recipient
	set  [sha256.Size]byte // names them, in any order
}

// ParseRecipients reads age recipients, one a line, as age-keygen -y prints them.
// Lines that are empty or begin with # are passed over.
func ParseRecipients(text string) (*Recipients, error) {
	keys, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("reading the recipients: %w", err)
	}
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return &Recipients{keys: keys, set: sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))}, nil
}

// ParseIdentities reads the content of an age identity file.
func ParseIdentities(b []byte) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	return ids, nil
}

// seal compresses and encrypts.
func seal(plain []byte, to *Recipients) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to.keys...)
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	_, err = z.Write(plain)
	if err := cmp.Or(err, z.Close(), w.Close()); err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	return out.Bytes(), nil
}

// maxPlain bounds what one file of a backup unpacks to: a piece is far smaller,
// and a manifest of a terabyte is under it.
const maxPlain = 1 << 30

// open is the reverse of seal.
func open(sealed []byte, ids []age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	plain, err := io.ReadAll(io.LimitReader(z, maxPlain+1))
	if err == nil && len(plain) > maxPlain {
		err = errors.New("it unpacks to more than a backup's file may hold")
	}
	return plain, err
}

// signed is what a manifest is encrypted as.
type signed struct {
	Manifest  []byte `json:"manifest"`
	Signature []byte `json:"signature"`
}

// signContext keeps a signature from being taken for one of anything else.
const signContext = "selat backup manifest 1\n"

func signManifest(m *Manifest, sign func([]byte) ([]byte, error)) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	sig, err := sign(append([]byte(signContext), body...))
	if err != nil {
		return nil, fmt.Errorf("signing the manifest: %w", err)
	}
	return json.Marshal(signed{body, sig})
}

// readSigned checks that a manifest was signed by the account that it names.
func readSigned(b []byte) (*Manifest, error) {
	var s signed
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(s.Manifest, m); err != nil {
		return nil, fmt.Errorf("it is not a manifest: %w", err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("it has format %d, this program reads %d: use the program that wrote it", m.Format, manifestFormat)
	}
	key, err := nkeys.FromPublicKey(m.Account)
	if err != nil {
		return nil, fmt.Errorf("it names no account: %w", err)
	}
	if err := key.Verify(append([]byte(signContext), s.Manifest...), s.Signature); err != nil {
		return nil, fmt.Errorf("its signature is not of the hub that it names: %w", err)
	}
	return m, nil
}
