package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/selat-hub/selat/broker"
)

// A hub without a certificate of its own can make itself an authority of one: its
// key signs the hub's certificates and nothing else, and members know it by their
// invitation or their credentials, so that nobody need install it.
const (
	tlsFolder    = "tls"
	fileAuthCert = "ca.pem"
	fileAuthKey  = "ca.key"
	fileHubCert  = "hub.pem"
	fileHubKey   = "hub.key"

	authorityYears = 10
	// certificateDays is what clients at large take at the most.
	certificateDays = 397
	clockSlack      = time.Hour // of a member's clock
)

// authority signs the certificates of one hub.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (a *authority) path(file string) string { return filepath.Join(a.dir, file) }

// newAuthority makes an authority in the hub's folder, where there is none yet.
func newAuthority(data string, now time.Time) (*authority, error) {
	a := &authority{dir: filepath.Join(data, tlsFolder)}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of certificates: %w", err)
	}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("making the authority's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Selat hub authority"},
		NotBefore: now.Add(-clockSlack), NotAfter: now.AddDate(authorityYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("making the authority's certificate: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("reading back the authority's certificate: %w", err)
	}
	if err := a.writeKey(fileAuthKey, a.key, os.O_EXCL); err != nil {
		return nil, err
	}
	return a, a.write(fileAuthCert, 0o644, os.O_EXCL, pemOf("CERTIFICATE", der))
}

// openAuthority reads the authority that newAuthority left.
func openAuthority(data string) (*authority, error) {
	a := &authority{dir: filepath.Join(data, tlsFolder)}
	certs, err := readCertificates(a.path(fileAuthCert))
	if errors.Is(err, os.ErrNotExist) {
		return nil, withHint(fmt.Errorf("%s has no authority of its own", data), "`selat tls init NAME` makes one; a certificate of another authority is renewed there")
	}
	if err != nil {
		return nil, err
	}
	b, err := broker.ReadSecret(a.path(fileAuthKey))
	if err != nil {
		return nil, fmt.Errorf("reading the authority's key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("reading the authority's key: %s holds no PEM", a.path(fileAuthKey))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the authority's key: %w", err)
	}
	var ok bool
	if a.key, ok = key.(*ecdsa.PrivateKey); !ok || !a.key.PublicKey.Equal(certs[0].PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", a.path(fileAuthKey), a.path(fileAuthCert))
	}
	a.cert = certs[0]
	return a, nil
}

// sign makes the hub a new key and certificate for these names, and puts the
// authority's behind it, so that invitations can pin that.
func (a *authority) sign(names []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the hub's key: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]},
		NotBefore: now.Add(-clockSlack), NotAfter: earlier(now.AddDate(0, 0, certificateDays), a.cert.NotAfter),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("making the hub's certificate: %w", err)
	}
	if err := a.writeKey(fileHubKey, key, 0); err != nil {
		return err
	}
	return a.write(fileHubCert, 0o644, 0, append(pemOf("CERTIFICATE", der), pemOf("CERTIFICATE", a.cert.Raw)...))
}

func earlier(t, u time.Time) time.Time {
	if u.Before(t) {
		return u
	}
	return t
}

func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}

func (a *authority) writeKey(file string, key *ecdsa.PrivateKey, flags int) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return a.write(file, 0o600, flags, pemOf("PRIVATE KEY", der))
}

// write replaces a file in one step, or with O_EXCL makes one that was not there.
func (a *authority) write(file string, mode os.FileMode, flags int, b []byte) error {
	path := a.path(file)
	if flags&os.O_EXCL != 0 {
		if _, err := os.Lstat(path); err == nil {
			return withHint(fmt.Errorf("%s exists already, and no key is written over", path), "`selat tls renew` makes a new certificate of the same authority")
		}
	}
	tmp, err := os.CreateTemp(a.dir, "."+file+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = tmp.Write(b)
	if err == nil {
		err = errors.Join(tmp.Chmod(mode), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// readCertificates reads the certificates of a PEM file, one at the least.
func readCertificates(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading a certificate: %s: %w", path, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("reading a certificate: %s holds none in PEM", path)
	}
	return certs, nil
}
