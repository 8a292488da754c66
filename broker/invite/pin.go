package invite

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// Pin is SHA-256 of a certificate's subject public key info (RFC 7469 §2.4): of the
// hub's own, or of the private authority that signed it.
type Pin [sha256.Size]byte

// PinOf is the pin of a certificate.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// Choose picks what to pin of the certificates a hub serves, the leaf first.
// authority is its private authority in PEM, if it has one: where the hub serves
// that too, the authority is pinned, so that codes outlive a renewal. Otherwise
// the leaf is.
func Choose(served []*x509.Certificate, authority []byte) (Pin, error) {
	if len(served) == 0 {
		return Pin{}, errors.New("the hub's certificate file holds no certificate")
	}
	roots := parsePEM(authority)
	for _, c := range served[1:] {
		if slices.ContainsFunc(roots, c.Equal) {
			return PinOf(c), nil
		}
	}
	return PinOf(served[0]), nil
}

func parsePEM(b []byte) (certs []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return certs
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			certs = append(certs, c)
		}
	}
}

// ErrOtherHub says that whoever answers is not the hub the code is of.
var ErrOtherHub = errors.New("whoever answers there has another certificate than the hub that made this code: nothing was sent; tell the hub's team, and ask for a new code if its certificate was replaced")

// TLS is a configuration that takes the pinned hub for the hub, and nobody else.
// The certificates of this machine play no part.
func (p Pin) TLS(host string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: host,
		InsecureSkipVerify:     true, // VerifyConnection is stricter
		SessionTicketsDisabled: true,
		VerifyConnection:       func(s tls.ConnectionState) error { return p.verify(s.PeerCertificates, host) },
	}
}

// verify takes a leaf that is pinned itself, or one that a pinned certificate
// signed for this host.
func (p Pin) verify(chain []*x509.Certificate, host string) error {
	if len(chain) == 0 {
		return ErrOtherHub
	}
	if PinOf(chain[0]) == p {
		return nil
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	pinned := false
	for _, c := range chain[1:] {
		if PinOf(c) == p {
			roots.AddCert(c)
			pinned = true
		} else {
			between.AddCert(c)
		}
	}
	if !pinned {
		return ErrOtherHub
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between}); err != nil {
		return fmt.Errorf("%w (%w)", ErrOtherHub, err)
	}
	return nil
}
