package ops_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/ops"
)

const token = "a-token-made-for-this-test"

// authority signs certificates for 127.0.0.1.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, key := a.sign(template)
	var err error
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.key = key
	return a
}

func (a *authority) sign(template *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(a.t, err)
	return der, key
}

// leaf writes a certificate and its key as PEM files.
func (a *authority) leaf(serial int64) (cert, key string) {
	der, k := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "monitor.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	must(a.t, err)
	return writePEM(a.t, "CERTIFICATE", der), writePEM(a.t, "PRIVATE KEY", pkcs8)
}

func writePEM(t testing.TB, kind string, der []byte) string {
	return writeFile(t, 0o600, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func writeFile(t testing.TB, mode os.FileMode, body string) string {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte(body), mode))
	return path
}

// clientTLS trusts the authority and shows a certificate if one is given.
func (a *authority) clientTLS(files ...string) *tls.Config {
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AddCert(a.cert)
	if len(files) == 2 {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		must(a.t, err)
		// Shown whatever authorities the server names.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

func TestMetricsOffLoopbackAreForThoseWhoMay(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	w := watch(t, prepare(t, func(c *broker.Config) {
		c.HTTP.Listen = "0.0.0.0:0"
		c.TLS.Cert, c.TLS.Key = ca.leaf(2)
		c.HTTP.TokenFile = writeFile(t, 0o600, token+"\n")
		c.HTTP.ClientCA = writePEM(t, "CERTIFICATE", ca.cert.Raw)
		c.Store.ReserveBytes = 1 << 60 // so that /readyz has something to hide
	}))
	_, port, err := net.SplitHostPort(w.Server.Addr().String())
	must(t, err)
	url := "https://127.0.0.1:" + port
	cert, key := ca.leaf(3)
	strangeCert, strangeKey := stranger.leaf(4)
	plain, known := ca.clientTLS(), ca.clientTLS(cert, key)
	for _, c := range []struct {
		name, path, authorization string
		tls                       *tls.Config
		status                    int // 0: no answer at all
		body                      string
	}{
		{"nobody reads metrics without credentials", "/metrics", "", plain, 401, "this needs"},
		{"a wrong token is refused", "/metrics", "Bearer " + token + "x", plain, 401, "this needs"},
		{"the beginning of the token is refused", "/metrics", "Bearer " + token[:20], plain, 401, "this needs"},
		{"an empty token is refused", "/metrics", "Bearer ", plain, 401, "this needs"},
		{"the token under another scheme is refused", "/metrics", "Basic " + token, plain, 401, "this needs"},
		{"the token reads metrics", "/metrics", "Bearer " + token, plain, 200, "selat_ready 0"},
		{"the scheme's case does not matter", "/metrics", "bearer " + token, plain, 200, "selat_ready 0"},
		{"a certificate of the authority reads metrics", "/metrics", "", known, 200, "selat_ready 0"},
		{"a certificate of another authority does not even connect", "/metrics", "", ca.clientTLS(strangeCert, strangeKey), 0, ""},
		{"anybody is told that the process lives", "/livez", "", plain, 200, "ok"},
		{"anybody is told which check fails, not why", "/readyz", "", plain, 503, "not ready: disk\n"},
		{"who may read metrics is told why", "/readyz", "Bearer " + token, plain, 503, "not ready: disk: the disk of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(t, url+c.path, c.authorization)
			status, body, err := do(httpClient(t, c.tls), req)
			if c.status == 0 {
				if err == nil {
					t.Errorf("answered with %d", status)
				}
				return
			}
			must(t, err)
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("answers %d %q, want %d %q", status, body, c.status, c.body)
			}
		})
	}
	w.client = httpClient(t, known)
	_, body, err := do(w.client, newRequest(t, url+"/metrics", ""))
	must(t, err)
	for _, line := range []string{
		`selat_http_denials_total{path="/metrics",reason="no-credentials"} 1`,
		`selat_http_denials_total{path="/metrics",reason="bad-credentials"} 4`,
		`selat_http_denials_total{path="none",reason="handshake"} 1`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("%s is not told", line)
		}
	}
	if status, body, err := do(httpClient(t, nil), newRequest(t, "http://127.0.0.1:"+port+"/livez", "")); err == nil && status == 200 {
		t.Errorf("it answers without TLS: %q", body)
	}
}

func TestATokenIsAskedForOnLoopbackToo(t *testing.T) {
	w := watch(t, prepare(t, func(c *broker.Config) { c.HTTP.TokenFile = writeFile(t, 0o600, token) }))
	if status, _ := w.get("/metrics"); status != 401 {
		t.Errorf("without the token it answers %d", status)
	}
	if status, _ := w.get("/readyz"); status != 200 {
		t.Errorf("/readyz answers %d", status)
	}
	w.header.Set("Authorization", "Bearer "+token)
	if status, _ := w.get("/metrics"); status != 200 {
		t.Errorf("with the token it answers %d", status)
	}
}

func TestServeRefusesWhatWouldBeOpenToStrangers(t *testing.T) {
	cfg := prepare(t)
	h, err := broker.Start(t.Context(), *cfg, nil)
	must(t, err)
	defer func() { must(t, h.Close()) }()
	ca := newAuthority(t)
	cert, key := ca.leaf(2)
	for _, c := range []struct {
		name string
		edit func(*broker.Config)
		want string
	}{
		{"off loopback without TLS", func(c *broker.Config) { c.HTTP.Listen = "0.0.0.0:0" }, "TLS is required"},
		{"off loopback without a token or an authority", func(c *broker.Config) {
			c.HTTP.Listen, c.TLS = "0.0.0.0:0", broker.TLS{Cert: cert, Key: key}
		}, "http.token_file"},
		{"an authority of clients without TLS", func(c *broker.Config) { c.HTTP.ClientCA = cert }, "need TLS"},
		{"a token that others can read", func(c *broker.Config) { c.HTTP.TokenFile = writeFile(t, 0o644, token) }, "chmod 600"},
		{"a token file that is not there", func(c *broker.Config) { c.HTTP.TokenFile = "/nonexistent/token" }, "http.token_file"},
		{"a short token", func(c *broker.Config) { c.HTTP.TokenFile = writeFile(t, 0o600, "short\n") }, "fewer than 16"},
		{"an empty token", func(c *broker.Config) { c.HTTP.TokenFile = writeFile(t, 0o600, "\n") }, "fewer than 16"},
		{"an authority that is none", func(c *broker.Config) {
			c.TLS, c.HTTP.ClientCA = broker.TLS{Cert: cert, Key: key}, writeFile(t, 0o600, "nothing")
		}, "no PEM certificate"},
		{"an address that is none", func(c *broker.Config) { c.HTTP.Listen = "7422" }, "host:port"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := *cfg
			c.edit(&cfg)
			s, err := ops.Serve(t.Context(), h, &cfg, nil)
			if err == nil {
				must(t, s.Close())
				t.Fatal("it serves")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v does not say %q", err, c.want)
			}
		})
	}
}
