package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"
)

// renewBefore is how long before its end a certificate is told of.
const renewBefore = 30 * 24 * time.Hour

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

// verify verifies a chain, the leaf first, against a private authority in PEM, or
// those of this machine if there is none.
func verify(chain []*x509.Certificate, authority []byte, host string, now time.Time) error {
	o := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if len(authority) > 0 {
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(authority) {
			return errors.New("the private authority holds no certificate in PEM")
		}
	}
	_, err := chain[0].Verify(o)
	return err
}

// tlsConfig is what a client of the hub has.
func (m *member) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if m.creds.CA != nil {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(m.creds.CA)
	}
	return c
}

// expiry tells how long the certificates of a chain are good.
func (r *Report) expiry(name, renew string, chain []*x509.Certificate, now time.Time) {
	ends := chain[0]
	for _, c := range chain[1:] {
		if c.NotAfter.Before(ends.NotAfter) {
			ends = c
		}
	}
	until := ends.NotAfter.UTC().Format(time.DateOnly)
	switch left := ends.NotAfter.Sub(now); {
	case left <= 0:
		r.fail(name, renew, "the certificate of %q ended on %s", ends.Subject.CommonName, until)
	case left < renewBefore:
		r.warn(name, renew, "the certificate of %q ends on %s, in %d days", ends.Subject.CommonName, until, int(left.Hours()/24))
	default:
		r.ok(name, "good until %s", until)
	}
}
