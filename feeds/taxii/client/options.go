package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/selat-hub/selat/broker"
)

// Options say which server is asked and as whom. Only URL is needed.
type Options struct {
	// URL is that of a discovery resource, of an API root, of anything below
	// one, or of the server itself. It is https, unless the server is on this
	// machine or InsecureHTTP is set.
	URL          string
	InsecureHTTP bool

	// Username and the content of PasswordFile are sent as HTTP Basic; the
	// content of TokenFile as a bearer token. The files must be of mode 0600.
	Username     string
	PasswordFile string
	TokenFile    string
	// CertFile and KeyFile, in PEM, are shown to a server that asks for a
	// certificate. The key's file must be of mode 0600.
	CertFile, KeyFile string
	// CAFile holds, in PEM, the authorities to believe in place of the system's.
	CAFile string
	// Proxy is the URL of a proxy; empty takes HTTPS_PROXY and its kin.
	Proxy string

	// UserAgent names the program to the server.
	UserAgent string
	// Timeout bounds one attempt of one request, its answer read to the end.
	// Default 5 minutes.
	Timeout time.Duration
	// Retries is how often a request is made again that met an overloaded or
	// failing server. Default 5; negative for never.
	Retries int
	// StatusWait bounds how long Add waits for a server that has not decided
	// yet. Default 2 minutes.
	StatusWait time.Duration
	// PageBytes bounds an answer, after decompression. Default 100 MiB.
	PageBytes int64

	// Notice is told in a sentence what a person may want to know: that the
	// server is waited for, or what it does wrong that can be lived with.
	Notice func(string)
	// Wait replaces waiting in tests.
	Wait func(context.Context, time.Duration) error
	// HTTP replaces the HTTP client, and with it CAFile, CertFile, KeyFile and Proxy.
	// Its policy for redirects is not used.
	HTTP *http.Client
}

// Client asks one server. It is safe for concurrent use.
type Client struct {
	opts     Options
	base     *url.URL // with a slash at its end
	http     *http.Client
	own      bool // http is ours to close
	auth     string
	secrets  []string // never in an error
	answered atomic.Bool
}

// New makes a client. It opens no connection.
func New(o Options) (*Client, error) {
	c := &Client{opts: o}
	c.defaults()
	var err error
	if c.base, err = serverURL(o.URL, o.InsecureHTTP); err != nil {
		return nil, err
	}
	if err := c.credentials(); err != nil {
		return nil, err
	}
	if o.HTTP != nil {
		plain := *o.HTTP
		c.http = &plain
	} else if err := c.transport(); err != nil {
		return nil, err
	}
	c.http.CheckRedirect = c.redirect
	return c, nil
}

// Close ends the connections that wait for a next request.
func (c *Client) Close() {
	if c.own {
		c.http.CloseIdleConnections()
	}
}

func (c *Client) defaults() {
	o := &c.opts
	if o.UserAgent == "" {
		o.UserAgent = "selat"
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Minute
	}
	if o.Retries == 0 {
		o.Retries = 5
	}
	if o.StatusWait <= 0 {
		o.StatusWait = 2 * time.Minute
	}
	if o.PageBytes <= 0 {
		o.PageBytes = 100 << 20
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if o.Wait == nil {
		o.Wait = wait
	}
}

func (c *Client) notice(format string, args ...any) {
	c.opts.Notice(c.hide(fmt.Sprintf(format, args...)))
}

// serverURL reads the URL of a server, and refuses one that would carry
// credentials in the clear.
func serverURL(text string, insecure bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		// The error of url.Parse quotes the URL, which may hold a password.
		return nil, errors.New("the URL of the server cannot be read: it is like https://taxii.example/taxii2/")
	case u.User != nil:
		return nil, errors.New("the URL of the server holds credentials: name the user apart, and the password in a file")
	case u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, fmt.Errorf("%q is no URL of a server: it is like https://taxii.example/taxii2/", text)
	case u.Scheme == "http" && !insecure && !onThisMachine(u.Hostname()):
		return nil, fmt.Errorf("%s is not https: credentials and objects would travel in the clear", text)
	}
	u.RawQuery, u.Fragment = "", ""
	// What is given may lie below an API root.
	if i := strings.LastIndex(u.Path+"/", "/collections/"); i >= 0 {
		u.Path, u.RawPath = u.Path[:i], ""
	}
	return folder(u), nil
}

// folder is a URL with a slash at its end, as all of TAXII 2.1 have.
func folder(u *url.URL) *url.URL {
	if !strings.HasSuffix(u.Path, "/") {
		return u.JoinPath("/")
	}
	return u
}

func onThisMachine(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// credentials reads the secrets.
func (c *Client) credentials() error {
	o := &c.opts
	switch {
	case o.TokenFile != "" && (o.Username != "" || o.PasswordFile != ""):
		return errors.New("a token takes the place of user and password: name one or the other")
	case (o.Username == "") != (o.PasswordFile == ""):
		return errors.New("a user needs the file of a password, and a password its user")
	case strings.Contains(o.Username, ":"):
		return errors.New("the name of a user cannot have a colon (RFC 7617 §2)")
	case o.TokenFile != "":
		token, err := secret(o.TokenFile)
		if err != nil {
			return fmt.Errorf("reading the token: %w", err)
		}
		c.auth, c.secrets = "Bearer "+token, []string{token}
	case o.Username != "":
		password, err := secret(o.PasswordFile)
		if err != nil {
			return fmt.Errorf("reading the password: %w", err)
		}
		basic := base64.StdEncoding.EncodeToString([]byte(o.Username + ":" + password))
		c.auth, c.secrets = "Basic "+basic, []string{basic, password}
	}
	return nil
}

// secret reads a file of one line.
func secret(path string) (string, error) {
	b, err := broker.ReadSecret(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold one line", path)
	}
	return s, nil
}

// hide takes secrets out of what a server said, should it repeat them.
func (c *Client) hide(s string) string {
	for _, secret := range c.secrets {
		s = strings.ReplaceAll(s, secret, "[hidden]")
	}
	return s
}

// transport makes the HTTP client.
func (c *Client) transport() error {
	o := &c.opts
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return fmt.Errorf("reading the authorities: %w", err)
		}
		if conf.RootCAs = x509.NewCertPool(); !conf.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate in PEM", o.CAFile)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("a certificate needs its key, and a key its certificate")
	}
	if o.CertFile != "" {
		cert, err := keyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return fmt.Errorf("reading the certificate: %w", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	proxy := http.ProxyFromEnvironment
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" {
			return errors.New("proxy: it is like http://proxy.example:3128")
		}
		proxy = http.ProxyURL(u)
	}
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	c.http, c.own = &http.Client{Transport: &http.Transport{
		Proxy: proxy, DialContext: dialer.DialContext,
		TLSClientConfig: conf, TLSHandshakeTimeout: 30 * time.Second,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: 90 * time.Second,
	}}, true
	return nil
}

func keyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := broker.ReadSecret(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	defer clear(key)
	return tls.X509KeyPair(cert, bytes.TrimSpace(key))
}
