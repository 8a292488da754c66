package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func pemFile(t *testing.T, kind string, der []byte) string {
	t.Helper()
	return secretFile(t, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// certificate makes one for a client, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cert"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemFile(t, "CERTIFICATE", cert), pemFile(t, "EC PRIVATE KEY", der)
}

func TestAServerOfAPrivateAuthorityIsBelievedWhenItIsNamed(t *testing.T) {
	s := taxiitest.NewTLS()
	defer s.Close()
	ca := pemFile(t, "CERTIFICATE", s.Certificate().Raw)
	c := ask(t, s.URL, func(o *Options) { o.CAFile = ca })
	if _, err := c.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = ask(t, s.URL)
	if _, err := c.Discover(t.Context()); err == nil || len(c.waits) != 0 {
		t.Fatalf("%v after %v", err, c.waits)
	}
	c = ask(t, s.URL, func(o *Options) { o.HTTP = s.Client() })
	if _, err := c.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Client().CloseIdleConnections()
}

func TestACertificateIsShownToAServerThatAsksForIt(t *testing.T) {
	s := taxiitest.NewTLS()
	defer s.Close()
	s.TLS.ClientAuth = tls.RequestClientCert
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if len(r.TLS.PeerCertificates) == 1 && r.TLS.PeerCertificates[0].Subject.CommonName == "cert" {
			return false
		}
		taxiitest.Fail(w, http.StatusForbidden, "Who are you?")
		return true
	}
	ca := pemFile(t, "CERTIFICATE", s.Certificate().Raw)
	c := ask(t, s.URL, func(o *Options) { o.CAFile = ca; o.CertFile, o.KeyFile = certificate(t) })
	if _, err := c.Discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = ask(t, s.URL, func(o *Options) { o.CAFile = ca })
	_, err := c.Discover(t.Context())
	mustSay(t, err, "Who are you?")
}

func TestTLSOlderThan12IsNotSpoken(t *testing.T) {
	s := taxiitest.NewTLS()
	defer s.Close()
	s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	ca := pemFile(t, "CERTIFICATE", s.Certificate().Raw)
	c := ask(t, s.URL, func(o *Options) { o.CAFile, o.Retries = ca, -1 })
	if _, err := c.Discover(t.Context()); err == nil {
		t.Fatal("TLS 1.1 was spoken")
	}
}
