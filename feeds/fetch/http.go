// Package fetch gets what feeds read: documents over HTTP, and files.
//
// Nothing is believed of a server: sizes and times are bounded, a document that
// breaks off is an error of its reader, and credentials go to the scheme, host
// and port that the configuration names and nowhere else.
package fetch

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/feeds/source"
)

// Options of a Web.
type Options struct {
	URL string
	// Header and SecretFile send the content of a file of mode 0600 as a header:
	// Auth-Key, or Authorization with its scheme in Prefix.
	Header, Prefix, SecretFile string
	// Proxy is the URL of a proxy; empty takes HTTPS_PROXY and its kin.
	Proxy string
	// Bytes bounds a document after decompression, default 1 GiB. Timeout bounds its
	// getting, read to its end, together with the documents that it names, of which
	// each may take a tenth of it; default 30 minutes.
	Bytes   int64
	Timeout time.Duration
	// InsecureHTTP allows http to other machines.
	InsecureHTTP bool
}

// Validators tell a document from a later one (RFC 9110 §8.8).
type Validators struct{ ETag, Modified string }

// Document is what was got.
type Document struct {
	source.Input
	io.Closer
	Validators Validators
}

// ErrUnchanged says that the document is the one whose validators were given.
var ErrUnchanged = errors.New("it has not changed")

// Web gets documents of one server.
type Web struct {
	o    Options
	base *url.URL
	http *http.Client
	*dialer
}

// NewWeb checks the options. It opens no connection.
func NewWeb(o Options) (*Web, error) {
	if o.Bytes <= 0 {
		o.Bytes = 1 << 30
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Minute
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return nil, errors.New("the URL cannot be read: it is like https://feeds.example/list.csv")
	case u.User != nil:
		return nil, errors.New("the URL holds credentials: put them into a file and name it under auth")
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL is none: it is like https://feeds.example/list.csv")
	case u.Scheme == "http" && !o.InsecureHTTP && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s is not https, so anyone on the way could change it: insecure_http: true allows it", shown(u))
	}
	w := &Web{o: o, base: u, dialer: newDialer(u)}
	proxy := http.ProxyFromEnvironment
	if o.Proxy != "" {
		p, err := url.Parse(o.Proxy)
		if err != nil || p.Host == "" {
			return nil, errors.New("proxy: it is like http://proxy.example:3128")
		}
		proxy = http.ProxyURL(p)
	}
	w.http = &http.Client{CheckRedirect: w.redirect, Transport: &http.Transport{Proxy: w.through(proxy), DialContext: w.dial,
		TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, ForceAttemptHTTP2: true, IdleConnTimeout: 30 * time.Second,
		DisableCompression: true}}
	if _, err := w.secret(); err != nil {
		return nil, err
	}
	return w, nil
}

// Close ends idle connections.
func (w *Web) Close() { w.http.CloseIdleConnections() }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// shown is a URL as people may see it. Keys stand in queries and in paths, so it is
// the host and, where it is one, the name of the file.
func shown(u *url.URL) string {
	if name := path.Base(u.Path); fileName.MatchString(name) {
		return u.Host + ", " + name
	}
	return u.Host
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.(csv|gz|ioc|json|jsonl|ndjson|txt|xml|zip)$`)

// redirect follows no way out of TLS, and takes credentials to no other place. Where
// it was sent from may hold a key, so no server is told.
func (w *Web) redirect(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer")
	switch {
	case len(via) >= 5:
		return errors.New("the server redirects without end")
	case r.URL.Scheme != "https" && via[0].URL.Scheme == "https":
		return errors.New("the server redirects from https to http")
	case r.URL.Scheme != w.base.Scheme || r.URL.Host != w.base.Host:
		r.Header.Del(w.o.Header)
	}
	return nil
}

// secret is read anew each time, so that a new one counts at once.
func (w *Web) secret() (string, error) {
	if w.o.SecretFile == "" {
		return "", nil
	}
	b, err := broker.ReadSecret(w.o.SecretFile)
	if err != nil {
		return "", fmt.Errorf("reading the credentials: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", fmt.Errorf("%s must hold one line", w.o.SecretFile)
	}
	return w.o.Prefix + s, nil
}

// Get gets the document, or ErrUnchanged where it is still the one of known. It
// must be closed.
func (w *Web) Get(ctx context.Context, known Validators) (*Document, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.o.Timeout, fmt.Errorf("it took longer than %s", w.o.Timeout))
	body, res, err := w.get(ctx, w.base, known)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("getting %s: %w", shown(w.base), err)
	}
	return &Document{
		Input: source.Input{Name: shown(w.base), Reader: body, Open: func(each context.Context, name string) (io.ReadCloser, error) {
			return w.open(each, ctx, name)
		}},
		Closer: closer(func() error {
			defer cancel()
			return body.Close()
		}),
		Validators: Validators{res.Header.Get("ETag"), res.Header.Get("Last-Modified")},
	}, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// open opens what a document names by its relative path, of the same server. It ends
// with the document at the latest.
func (w *Web) open(ctx, document context.Context, name string) (io.ReadCloser, error) {
	ref, err := url.Parse(name)
	if err != nil || ref.IsAbs() || ref.Host != "" || strings.HasPrefix(name, "/") || strings.Contains(path.Clean(name), "..") {
		return nil, fmt.Errorf("%q is no relative path: it is not followed", name)
	}
	each := w.o.Timeout / 10
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(document, func() { end(context.Cause(document)) })
	ctx, cancel := context.WithTimeoutCause(ctx, each, fmt.Errorf("it took longer than %s", each))
	body, _, err := w.get(ctx, w.base.ResolveReference(ref), Validators{})
	release := func() {
		stop()
		cancel()
		end(nil)
	}
	if err != nil {
		release()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{body, closer(func() error {
		defer release()
		return body.Close()
	})}, nil
}

func (w *Web) get(ctx context.Context, u *url.URL, known Validators) (io.ReadCloser, *http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("User-Agent", "selat/"+broker.Version())
	r.Header.Set("Accept-Encoding", "gzip")
	if known.ETag != "" {
		r.Header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		r.Header.Set("If-Modified-Since", known.Modified)
	}
	secret, err := w.secret()
	if err != nil {
		return nil, nil, err
	}
	if secret != "" {
		r.Header.Set(w.o.Header, secret)
	}
	res, err := w.http.Do(r)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // its text has the URL, which may hold a key
		}
		if strings.HasPrefix(err.Error(), "failed to parse Location header") {
			err = errors.New("the server redirects to what is no URL") // likewise
		}
		return nil, nil, err
	}
	body, err := w.body(res, known)
	if err != nil {
		return nil, nil, errors.Join(err, res.Body.Close())
	}
	return body, res, nil
}

func (w *Web) body(res *http.Response, known Validators) (io.ReadCloser, error) {
	switch {
	case res.StatusCode == http.StatusNotModified && known != Validators{}:
		return nil, ErrUnchanged
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%w: the server answers %s", source.ErrGone, res.Status)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answers %s", res.Status)
	case res.ContentLength > w.o.Bytes:
		return nil, tooLarge(w.o.Bytes)
	}
	var in io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("the answer is no gzip: %w", err)
		}
		in = z
	}
	return struct {
		io.Reader
		io.Closer
	}{&bounded{in, w.o.Bytes, w.o.Bytes}, res.Body}, nil
}

func tooLarge(most int64) error {
	return fmt.Errorf("it has more than %d bytes: max_bytes allows more", most)
}

// bounded gives an error, not an end, where there is too much: a list that was
// cut is no list.
type bounded struct {
	in         io.Reader
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.in.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.most)
	}
	return n, err
}

// File opens a file as a document; what it names is opened beside it.
func File(name string, most int64) (*Document, error) {
	if most <= 0 {
		most = 1 << 30
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dirOf(name))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in := source.Input{Name: name, Reader: &bounded{f, most, most}, Open: func(_ context.Context, name string) (io.ReadCloser, error) {
		f, err := root.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s", source.ErrGone, name)
		}
		return f, err
	}}
	return &Document{Input: in, Closer: closer(func() error { return errors.Join(f.Close(), root.Close()) })}, nil
}
