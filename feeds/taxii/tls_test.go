package taxii

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// authority signs certificates, its own among them.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make("authority", nil)
	return a
}

func (a *authority) make(name string, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: by == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	must(a.t, err)
	out, err := x509.ParseCertificate(der)
	must(a.t, err)
	return out, key
}

// write makes a certificate and returns the files of it and its key.
func (a *authority) write(name string) (cert, key string) {
	a.t.Helper()
	c, k := a.make(name, a)
	der, err := x509.MarshalECPrivateKey(k)
	must(a.t, err)
	file := filepath.Join(a.dir, strings.ReplaceAll(name, "/", "-"))
	must(a.t, os.WriteFile(file+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600))
	must(a.t, os.WriteFile(file+".key", pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600))
	return file + ".pem", file + ".key"
}

func (a *authority) file() string {
	file := filepath.Join(a.dir, "ca.pem")
	must(a.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600))
	return file
}

func TestOverTLSItSpeaksHTTP2AndKnowsSeatsByTheirCertificates(t *testing.T) {
	a := newAuthority(t)
	h := newHub(t, func(c *broker.Config) {
		c.TLS.Cert, c.TLS.Key = a.write("hub")
		c.TAXII.ClientCA = a.file()
	})
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Fatalf("it is at %s", s.URL())
	}
	c := h.client(s, "sg/desk")
	if r := c.get("/taxii2/").want(http.StatusOK); r.Proto != 2 {
		t.Errorf("HTTP/%d", r.Proto)
	}
	with := func(name string) *client {
		c := h.client(s, "")
		cert, key := a.write(name)
		pair, err := tls.LoadX509KeyPair(cert, key)
		must(t, err)
		tr, ok := c.http.Transport.(*http.Transport)
		if !ok {
			t.Fatal("another transport")
		}
		tr.TLSClientConfig.Certificates = []tls.Certificate{pair}
		return c
	}
	with("sg/desk").get(path("asean-amber", "objects/")).want(http.StatusOK)
	with("sg/nobody").get("/taxii2/").want(http.StatusUnauthorized)
	// A token that is wrong is wrong, whatever the certificate.
	with("sg/desk").get("/taxii2/", "Authorization", "Bearer wrong").want(http.StatusUnauthorized)

	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // which must fail
	if conn, err := tls.Dial("tcp", s.Addr().String(), old); err == nil {
		must(t, conn.Close())
		t.Error("it speaks TLS 1.1")
	}
}

func TestManyRequestsAtATimeAreAnsweredOverOneConnection(t *testing.T) {
	a := newAuthority(t)
	h := newHub(t, func(c *broker.Config) { c.TLS.Cert, c.TLS.Key = a.write("hub") })
	for n := range 4 {
		h.seat(fmt.Sprintf("sg/desk-%d", n), policy.Both, stix.Amber)
	}
	s := h.serve()
	var wg sync.WaitGroup
	for n := range 4 {
		c := h.client(s, fmt.Sprintf("sg/desk-%d", n))
		for range 10 {
			wg.Go(func() {
				if r := c.get(path("asean-amber", "objects/")); r.Status != http.StatusOK {
					t.Errorf("%d", r.Status)
				}
			})
		}
	}
	wg.Wait()
}

func TestWhoSendsNothingKeepsNobodyOut(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve(func(s *Server) { s.maxConnections = 4 })
	for range 8 {
		conn, err := net.Dial("tcp", s.Addr().String())
		must(t, err)
		defer func() { _ = conn.Close() }() // the server has closed some
		_, err = io.WriteString(conn, "GET /taxii2/ HTTP/1.1\r\nHost:")
		must(t, err)
	}
	h.client(s, "sg/desk").get("/taxii2/").want(http.StatusOK)
	if n := gathered(t, s)[`selat_taxii_denials_total{reason="connections"}`]; n < 4 {
		t.Errorf("%v connections gave way", n)
	}
}

func TestItDoesNotServeWhereItWouldBeUnsafe(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*broker.Config)
		want string
	}{
		"an authority that is none": {func(c *broker.Config) { c.TAXII.ClientCA = c.TLS.Key }, "no PEM certificate"},
		"an authority not there":    {func(c *broker.Config) { c.TAXII.ClientCA = "nowhere" }, "taxii.client_ca"},
		"a key that others read":    {func(c *broker.Config) { must(t, os.Chmod(c.TLS.Key, 0o644)) }, "chmod 600"},
		"an address taken":          {func(c *broker.Config) { c.TAXII.Listen = "192.0.2.1:1" }, "listening for TAXII"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := broker.DefaultConfig()
			cfg.TLS.Cert, cfg.TLS.Key = newAuthority(t).write("hub")
			cfg.TAXII.Listen = "127.0.0.1:0"
			c.edit(&cfg)
			if _, err := Serve(t.Context(), nil, &cfg, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want it to name %q", err, c.want)
			}
		})
	}
	cfg := broker.DefaultConfig()
	cfg.TAXII.Listen = ""
	s, err := Serve(t.Context(), nil, &cfg, nil)
	must(t, err)
	if s.Addr() != nil || s.URL() != "" {
		t.Errorf("turned off, it is at %s", s.URL())
	}
	must(t, s.Close())
}

func TestARequestForTheWholeServerIsOneLikeAnyOther(t *testing.T) {
	s := newHub(t).serve()
	conn, err := net.Dial("tcp", s.Addr().String())
	must(t, err)
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: hub.example\r\nConnection: close\r\n\r\n")
	must(t, err)
	b, err := io.ReadAll(conn)
	must(t, err)
	must(t, conn.Close())
	if !strings.HasPrefix(string(b), "HTTP/1.1 401 ") {
		t.Errorf("%s", b)
	}
}

func TestClosingCutsOffWhoDoesNotReadAndLeavesNothingRunning(t *testing.T) {
	a := newAuthority(t)
	h := newHub(t, func(c *broker.Config) { c.TLS.Cert, c.TLS.Key = a.write("hub") })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	waiting := make(chan struct{})
	h.read = func(catalog.Query) (broker.Reading, error) {
		close(waiting)
		<-s.run.Done()
		return broker.Reading{}, s.run.Err()
	}
	c := h.client(s, "sg/desk")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path("asean-amber", "objects/"), nil)
	must(t, err)
	req.Header.Set("Authorization", c.auth)
	answered := make(chan error, 1)
	go func() {
		res, err := c.http.Do(req)
		if err == nil {
			err = res.Body.Close()
		}
		answered <- err
	}()
	<-waiting
	must(t, s.Close())
	<-answered
}
