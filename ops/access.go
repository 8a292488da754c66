package ops

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
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

// tlsOf is the listener's TLS, nil when the hub has no certificate. Clients may
// present a certificate; one that http.client_ca did not sign ends the
// handshake.
func tlsOf(cfg *broker.Config) (*tls.Config, error) {
	if cfg.TLS.Cert == "" {
		return nil, nil
	}
	if _, err := broker.ReadSecret(cfg.TLS.Key); err != nil {
		return nil, fmt.Errorf("tls.key: %w", err)
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLS.Cert, cfg.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("reading tls.cert and tls.key: %w", err)
	}
	// No HTTP/2: its streams would escape the bound on connections.
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if cfg.HTTP.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.HTTP.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("http.client_ca: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("http.client_ca: %s holds no PEM certificate", cfg.HTTP.ClientCA)
	}
	return c, nil
}

func isHandshake(line []byte) bool {
	return bytes.Contains(line, []byte("TLS handshake error"))
}
