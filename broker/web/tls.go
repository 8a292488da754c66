package web

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/selat-hub/selat/broker"
)

// TLS is the hub's for an HTTP listener, nil when it has no certificate, which the
// configuration allows on loopback only. With clientCA, a PEM file that the
// setting names, clients may present a certificate, and one that it did not sign
// ends the handshake. protocols are those of ALPN, the preferred first.
func TLS(cfg *broker.Config, setting, clientCA string, protocols ...string) (*tls.Config, error) {
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
	c := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: protocols}
	if clientCA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	c.ClientCAs, c.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !c.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no PEM certificate", setting, clientCA)
	}
	return c, nil
}
