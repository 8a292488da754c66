package client

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

// maxCredentials bounds a credentials file; a real one is about 2 KiB.
const maxCredentials = 1 << 20

// Credentials is what a seat's credentials file says: who the seat is, and
// where its hub is. The file is a NATS creds file, usable as such by any NATS
// client, followed by lines that NATS clients skip:
//
//	selat-url: tls://hub.example:4222
//
// once or more and, when the hub's certificate is signed by a private
// authority, the authority's certificates as PEM blocks.
type Credentials struct {
	// Seat is the seat's name, such as my/feed; Account its account's public
	// key, which is also the name of its durables.
	Seat    string
	Account string
	// URLs are the hub's addresses, in the order to try; may be empty.
	URLs []string
	// CA holds PEM certificates, nil when the hub's certificate is signed by a
	// public authority.
	CA []byte

	token string
	seed  []byte
}

// ReadCredentials reads a credentials file. A file that others than its owner
// may read is refused.
func ReadCredentials(path string) (*Credentials, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the credentials: %w", err)
	case st.IsDir():
		return nil, fmt.Errorf("reading the credentials: %s is a folder; name the file the hub wrote for this seat", path)
	case st.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/':
		return nil, fmt.Errorf("the credentials %s are readable by others (mode %04o): chmod 600 %s", path, st.Mode().Perm(), path)
	case st.Size() > maxCredentials:
		return nil, fmt.Errorf("the credentials %s are %d bytes long, over %d: this is no credentials file", path, st.Size(), maxCredentials)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the credentials: %w", err)
	}
	c, err := ParseCredentials(b)
	if err != nil {
		return nil, fmt.Errorf("the credentials %s: %w", path, err)
	}
	return c, nil
}

// ParseCredentials reads the content of a credentials file. Lines it does not
// know are skipped, so that a newer hub can add some.
func ParseCredentials(b []byte) (*Credentials, error) {
	c := &Credentials{}
	var block string
	var body []string
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		kind, begins := marker(line, "BEGIN ")
		ended, ends := marker(line, "END ")
		switch {
		case begins && block != "":
			return nil, fmt.Errorf("block %q has no end", block)
		case begins:
			block, body = kind, nil
		case ends && ended != block:
			return nil, fmt.Errorf("block %q ends as %q", block, ended)
		case ends:
			if err := c.addBlock(block, body); err != nil {
				return nil, err
			}
			block = ""
		case block != "" && line != "":
			body = append(body, line)
		case block == "":
			if err := c.addLine(line); err != nil {
				return nil, err
			}
		}
	}
	if block != "" {
		return nil, fmt.Errorf("block %q has no end: the file is cut off", block)
	}
	return c, c.check()
}

// marker reads "-----BEGIN x-----"; the number of hyphens differs between the
// writers of such files.
func marker(line, word string) (kind string, ok bool) {
	rest := strings.TrimLeft(line, "-")
	if len(line)-len(rest) < 3 || !strings.HasPrefix(rest, word) {
		return "", false
	}
	trimmed := strings.TrimRight(rest, "-")
	if len(rest)-len(trimmed) < 3 {
		return "", false
	}
	return strings.TrimPrefix(trimmed, word), true
}

func (c *Credentials) addBlock(kind string, body []string) error {
	switch kind {
	case "NATS USER JWT":
		if c.token != "" {
			return errors.New("there are two user JWTs; use one file for each seat")
		}
		c.token = strings.Join(body, "")
	case "USER NKEY SEED":
		c.seed = []byte(strings.Join(body, ""))
	case "CERTIFICATE":
		text := "-----BEGIN CERTIFICATE-----\n" + strings.Join(body, "\n") + "\n-----END CERTIFICATE-----\n"
		der, _ := pem.Decode([]byte(text))
		if der == nil {
			return errors.New("the hub's CA certificate is not PEM")
		}
		if _, err := x509.ParseCertificate(der.Bytes); err != nil {
			return fmt.Errorf("the hub's CA certificate: %w", err)
		}
		c.CA = append(c.CA, text...)
	}
	return nil
}

func (c *Credentials) addLine(line string) error {
	value, ok := strings.CutPrefix(line, "selat-url:")
	if !ok {
		return nil
	}
	u, err := checkURL(strings.TrimSpace(value))
	if err != nil {
		return err
	}
	c.URLs = append(c.URLs, u)
	return nil
}

// checkURL accepts tls:// and nats:// with a host.
func checkURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || (u.Scheme != "tls" && u.Scheme != "nats") {
		return "", fmt.Errorf("%q is no address of a hub: it looks like tls://hub.example:4222", s)
	}
	return s, nil
}

func (c *Credentials) check() error {
	switch {
	case c.token == "":
		return errors.New("there is no NATS USER JWT in it")
	case len(c.seed) == 0:
		return errors.New("there is no USER NKEY SEED in it")
	}
	claims, err := jwt.DecodeUserClaims(c.token)
	if err != nil {
		return fmt.Errorf("the user JWT: %w", err)
	}
	kp, err := nkeys.FromSeed(c.seed)
	if err != nil {
		return fmt.Errorf("the user seed: %w", err)
	}
	defer kp.Wipe()
	pk, err := kp.PublicKey()
	if err != nil {
		return fmt.Errorf("the user seed: %w", err)
	}
	if pk != claims.Subject {
		return errors.New("the seed does not belong to the JWT: the file was mixed from two")
	}
	c.Seat, c.Account = claims.Name, claims.IssuerAccount
	if c.Account == "" {
		c.Account = claims.Issuer
	}
	return nil
}

// sign answers the server's challenge.
func (c *Credentials) sign(nonce []byte) ([]byte, error) {
	kp, err := nkeys.FromSeed(bytes.Clone(c.seed))
	if err != nil {
		return nil, err
	}
	defer kp.Wipe()
	return kp.Sign(nonce)
}

// onLoopback reports whether every address is this machine's own, the only
// case in which a connection without TLS is accepted.
func onLoopback(urls []string) bool {
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			return false
		}
		if u.Scheme == "tls" {
			return false
		}
		if host := u.Hostname(); host != "localhost" {
			if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
				return false
			}
		}
	}
	return true
}
