package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// dialer keeps a server on the internet from sending this machine to others beside
// it: what it redirects to must be on the internet too. A server of one's own network
// may redirect within it.
type dialer struct {
	base string // host:port that the configuration names

	mu      *sync.Mutex
	proxies map[string]bool // host:port
	inside  *bool           // the base is

	public func(netip.Addr) bool // replaced in tests
}

func newDialer(base *url.URL) dialer {
	return dialer{base: hostPort(base), mu: &sync.Mutex{}, proxies: map[string]bool{}, inside: new(bool), public: isPublic}
}

var errInside = errors.New("the server redirects into a network that is not the internet: it is not followed")

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// shared is the address space between carriers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// through notes which proxies there are: they may be anywhere, and what they connect
// to is their own affair.
func (d *dialer) through(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := proxy(r)
		if u != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.proxies[hostPort(u)] = true
		}
		return u, err
	}
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n := net.Dialer{Timeout: 30 * time.Second, Control: func(_, to string, _ syscall.RawConn) error { return d.allow(address, to) }}
	return n.DialContext(ctx, network, address)
}

// allow decides on the address itself that a name has come to, which nobody can
// change any more.
func (d *dialer) allow(address, to string) error {
	at, err := netip.ParseAddrPort(to)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch outside := d.public(at.Addr()); {
	case d.proxies[address]:
	case address == d.base:
		*d.inside = !outside
	case !outside && !*d.inside:
		return errInside
	}
	return nil
}
