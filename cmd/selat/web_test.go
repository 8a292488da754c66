package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptWeb is the web of one script: a server that answers for one host with one
// file, a proxy that leads there, and an authority that vouches for it.
//
//	web HOST FILE  starts it, and sets $HTTPS_PROXY and $SSL_CERT_FILE
func scriptWeb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: web HOST FILE")
	}
	cert, err := certificateOf(args[0])
	ts.Check(err)
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, ts.MkAbs(args[1]))
	}))
	site.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	site.StartTLS()
	proxy := httptest.NewServer(tunnel(site.Listener.Addr().String()))
	ts.Defer(func() { proxy.CloseClientConnections(); proxy.Close(); site.Close() })
	file := ts.MkAbs("authority.pem")
	ts.Check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600))
	ts.Setenv("HTTPS_PROXY", proxy.URL)
	ts.Setenv("SSL_CERT_FILE", file)
}

func certificateOf(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// tunnel is a proxy (RFC 9110 §9.3.6) behind which every host is at one address.
func tunnel(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		site, err := net.Dial("tcp", address)
		if err != nil || r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer site.Close() //nolint:errcheck // both ends have said what they had to
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer client.Close() //nolint:errcheck // likewise
		fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(site, client); site.Close() }() //nolint:errcheck // likewise
		io.Copy(client, site)                               //nolint:errcheck // likewise
	}
}
