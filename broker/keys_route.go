package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"time"
)

// Files of the keys folder that only nodes of a cluster have.
const (
	fileRouteCA   = "route-ca.crt"
	fileRouteCert = "route.crt"
	fileRouteKey  = "route.key"
)

// RouteCertificate is the file of the certificate that this node shows the others, ""
// on a hub of one node.
func (c *Config) RouteCertificate() string {
	if !c.Clustered() {
		return ""
	}
	return c.path(keysFolder, fileRouteCert)
}

// routeYears is how long the certificates of routes are good. Nodes tell when theirs
// ends, among the certificates of their metrics.
const routeYears = 10

// routeAuthority signs the certificates of a cluster's routes. Its key is thrown away
// when all nodes have theirs.
type routeAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newRouteAuthority() (*routeAuthority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the authority of routes: %w", err)
	}
	t := certTemplate("Selat routes")
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the authority of routes: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return &routeAuthority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

func certTemplate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		serial = big.NewInt(time.Now().UnixNano()) // rand.Reader does not fail
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(routeYears, 0, 0),
	}
}

// issue makes the certificate and the key of one node.
func (a *routeAuthority) issue(n Node) (cert, key []byte, err error) {
	host, _, err := net.SplitHostPort(n.Route)
	if err != nil {
		return nil, nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of node %s: %w", n.Name, err)
	}
	t := certTemplate(n.Name)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if ip := net.ParseIP(host); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, k.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("making the certificate of node %s: %w", n.Name, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of node %s: %w", n.Name, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), nil
}

// routeFiles are what a node keeps of it.
func (a *routeAuthority) routeFiles(n Node) (map[string][]byte, error) {
	cert, key, err := a.issue(n)
	return map[string][]byte{fileRouteCA: a.pem, fileRouteCert: cert, fileRouteKey: key}, err
}

func writeSecrets(dir string, files map[string][]byte) error {
	for name, b := range files {
		if err := writeSecret(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
}
