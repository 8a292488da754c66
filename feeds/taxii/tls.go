package taxii

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/selat-hub/selat/broker"
)

// tlsOf is the listener's TLS, nil when the hub has no certificate, which the
// configuration allows on loopback only. A client certificate that
// taxii.client_ca did not sign ends the handshake.
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
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if cfg.TAXII.ClientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.TAXII.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("taxii.client_ca: %w", err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("taxii.client_ca: %s holds no PEM certificate", cfg.TAXII.ClientCA)
	}
	return c, nil
}
