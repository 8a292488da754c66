package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// dialer keeps a server on the internet from sending this machine to others beside
// it: what it redirects to must be on the internet too. A server of one's own network
// may redirect within it.
type dialer struct {
	base string // host:port that the configuration names

	mu      sync.Mutex
	proxies map[string]bool // host:port
	inside  bool            // the base was found in a network of one's own
	outside bool            // or on the internet, and then it counts as there

	public func(netip.Addr) bool // replaced in tests
}

func newDialer(base *url.URL) *dialer {
	return &dialer{base: hostPort(base), proxies: map[string]bool{}, public: isPublic}
}

var errInside = errors.New("the server redirects into a network that is not the internet: it is not followed")

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// special are blocks that no server of the internet has, or that lead to another
// address, after IANA's registries of special-purpose addresses.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // between carriers and customers, RFC 6598
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // benchmarks, RFC 2544
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),   // to IPv4, RFC 6052
	netip.MustParsePrefix("64:ff9b:1::/48"), // to IPv4, RFC 8215
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"), // to IPv4, Teredo
	netip.MustParsePrefix("2002::/16"), // to IPv4, 6to4
	netip.MustParsePrefix("fec0::/10"),
}

// hostPort is what a connection for a URL is dialled to.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	host := u.Hostname()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil && !isASCII(host) {
		host = ascii
	}
	return net.JoinHostPort(host, port)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
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
	switch public := d.public(at.Addr()); {
	case d.proxies[address]:
	case address == d.base && !(d.outside && !public):
		d.inside, d.outside = d.inside || !public, d.outside || public
	case !public && (!d.inside || d.outside):
		return errInside
	}
	return nil
}
