package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// authority makes a private authority and a certificate of it for 127.0.0.1,
// and returns the files.
func authority(t testing.TB) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	make := func(serial int64, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "hub.example"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			IsCA: parent == nil, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
		if parent == nil {
			parent, signer = c, k
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
		must(t, err)
		return c, k, der
	}
	root, rootKey, rootDER := make(1, nil, nil)
	_, k, der := make(2, root, rootKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	return write("ca.pem", "CERTIFICATE", rootDER), write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}

func TestACredentialsFileIsAllThatAHubWithAPrivateAuthorityAsksFor(t *testing.T) {
	ca, cert, key := authority(t)
	h := newHub(t, func(c *broker.Config) { c.TLS = broker.TLS{Cert: cert, Key: key, CA: ca} })
	creds := h.creds("sg/feed", policy.Both, stix.Green)
	publish(t, connect(t, creds), "asean", indicator(1, stix.Green))

	// Without the authority in it the hub is not trusted.
	b, err := os.ReadFile(creds)
	must(t, err)
	b = regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE.*`).ReplaceAll(b, nil)
	must(t, os.WriteFile(creds, b, 0o600))
	if _, err := client.Connect(t.Context(), client.Options{CredsFile: creds, URL: h.URL()}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("connected to a hub of an unknown authority: %v", err)
	}
}

func TestARotatedCredentialsFileTakesEffectByItself(t *testing.T) {
	h := newHub(t)
	creds := h.creds("sg/feed", policy.Both, stix.Green)
	c := connect(t, creds)
	b, err := h.RotateSeat(t.Context(), "sg/feed")
	must(t, err)
	must(t, os.WriteFile(creds, b, 0o600))
	publish(t, c, "asean", indicator(1, stix.Green))
	// The old file is worth nothing now; a client that had only that would
	// not come back.
	must(t, h.Close())
	h.start()
	publish(t, c, "asean", indicator(2, stix.Green))
}

func TestOffLoopbackNothingGoesWithoutTLS(t *testing.T) {
	h := newHub(t)
	creds := h.creds("sg/feed", policy.Both, stix.Green)
	// The name stands for another machine; what answers there has no TLS.
	_, port, err := net.SplitHostPort(h.cfg.Listen)
	must(t, err)
	_, err = client.Connect(t.Context(), client.Options{CredsFile: creds, URL: "tls://127.0.0.1:" + port})
	if err == nil {
		t.Error("connected without TLS to an address that says tls://")
	}
}
