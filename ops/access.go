package ops

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/selat-hub/selat/broker"
)

// minToken is the fewest characters a bearer token may have.
const minToken = 16

// access decides who may read /metrics, and be told why the hub is not ready.
type access struct {
	open  bool // loopback, and nothing else asked for
	token *[sha256.Size]byte
}

// newAccess reads what cfg asks of readers, and refuses to leave the listener
// open to other machines.
func newAccess(cfg *broker.Config) (*access, error) {
	host, _, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %q is not host:port", cfg.HTTP.Listen)
	}
	guarded := cfg.HTTP.TokenFile != "" || cfg.HTTP.ClientCA != ""
	switch {
	case cfg.HTTP.ClientCA != "" && cfg.TLS.Cert == "":
		return nil, errors.New("http.client_ca: certificates of clients need TLS: set tls.cert and tls.key")
	case broker.Loopback(host):
	case cfg.TLS.Cert == "":
		return nil, fmt.Errorf("http.listen: %s is reachable from other machines, and TLS is required there: set tls.cert and tls.key, or listen on 127.0.0.1", cfg.HTTP.Listen)
	case !guarded:
		return nil, errors.New("http.listen: off loopback /metrics needs http.token_file (a file of mode 0600) or http.client_ca")
	}
	a := &access{open: !guarded}
	if cfg.HTTP.TokenFile == "" {
		return a, nil
	}
	b, err := broker.ReadSecret(cfg.HTTP.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("http.token_file: %w", err)
	}
	if b = bytes.TrimSpace(b); len(b) < minToken {
		return nil, fmt.Errorf("http.token_file: the token in %s has fewer than %d characters", cfg.HTTP.TokenFile, minToken)
	}
	sum := sha256.Sum256(b)
	a.token = &sum
	return a, nil
}

// denies returns why the request may not read, or "" if it may.
func (a *access) denies(r *http.Request) string {
	if a.open {
		return ""
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return ""
	}
	given := r.Header.Get("Authorization")
	if given == "" {
		return reasonNoCredentials
	}
	scheme, token, _ := strings.Cut(given, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if a.token == nil || !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(sum[:], a.token[:]) != 1 {
		return reasonBadCredentials
	}
	return ""
}

func isHandshake(line []byte) bool {
	return bytes.Contains(line, []byte("TLS handshake error"))
}
