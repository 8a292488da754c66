package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrUnreachable says that the hub did not answer in the time given to it.
var ErrUnreachable = errors.New("the hub cannot be reached")

// ErrUnauthorized says that the hub answers but does not accept the
// credentials: revoked, replaced, or of another hub.
var ErrUnauthorized = errors.New("the hub does not accept these credentials: they were revoked, replaced, or made by another hub")

// Options says how to connect. Only CredsFile is required.
type Options struct {
	// CredsFile is the file the hub wrote for the seat. It is read again at
	// each reconnection, so that a rotated file takes effect by itself.
	CredsFile string
	// URL replaces the addresses in the credentials file; several are
	// separated by commas.
	URL string
	// Name is shown to the hub's team beside the connection; default "selat".
	Name string
	// Logger receives disconnections, retries and the like; default: nothing.
	// It is never given the content of an object.
	Logger *slog.Logger
	// TLS replaces the TLS configuration made from the credentials file.
	TLS *tls.Config
	// Wait makes Connect try until its context ends, instead of once.
	Wait bool
}

const (
	dialTimeout    = 5 * time.Second
	reconnectBase  = 100 * time.Millisecond
	reconnectMax   = 5 * time.Second
	requestTimeout = 20 * time.Second
	awayEvery      = time.Minute
)

// Client is a seat's connection to its hub. Its methods are safe for
// concurrent use.
type Client struct {
	nc   *nats.Conn
	link *link
	log  *slog.Logger
	seat string
	key  string // the account's public key

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	closed chan struct{} // closed when the connection has ended
}

// Connect connects a seat. It returns an error wrapping ErrUnreachable or
// ErrUnauthorized, or one that says what is wrong with the credentials. Once
// connected, the client reconnects by itself, for ever, until Close.
//
// Off loopback a connection without TLS is never made.
func Connect(ctx context.Context, o Options) (*Client, error) {
	creds, err := ReadCredentials(o.CredsFile)
	if err != nil {
		return nil, err
	}
	urls := creds.URLs
	if o.URL != "" {
		urls = nil
		for _, s := range strings.Split(o.URL, ",") {
			u, err := checkURL(strings.TrimSpace(s))
			if err != nil {
				return nil, err
			}
			urls = append(urls, u)
		}
	}
	if len(urls) == 0 {
		return nil, fmt.Errorf("the credentials %s name no hub: give its address, such as tls://hub.example:4222", o.CredsFile)
	}
	c := &Client{link: newLink(), log: o.Logger, seat: creds.Seat, key: creds.Account, closed: make(chan struct{})}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	options, err := c.options(ctx, o, creds, urls)
	if err != nil {
		c.cancel()
		return nil, err
	}
	if c.nc, err = dial(ctx, urls, options, o.Wait, c.log); err != nil {
		c.cancel()
		return nil, err
	}
	c.link.connected()
	return c, nil
}

// dial connects once, or until ctx ends.
func dial(ctx context.Context, urls []string, options []nats.Option, wait bool, log *slog.Logger) (*nats.Conn, error) {
	again := backoff{base: reconnectBase, max: reconnectMax}
	for {
		nc, err := nats.Connect(strings.Join(urls, ","), options...)
		switch {
		case err == nil:
			return nc, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("connecting to %s: %w", strings.Join(urls, ", "), context.Cause(ctx))
		case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
			return nil, fmt.Errorf("connecting to %s: %w", strings.Join(urls, ", "), ErrUnauthorized)
		case !wait:
			return nil, fmt.Errorf("connecting to %s: %w: %w", strings.Join(urls, ", "), ErrUnreachable, err)
		}
		log.Warn("the hub cannot be reached; trying again", "url", urls, "error", err)
		if err := again.wait(ctx); err != nil {
			return nil, fmt.Errorf("connecting to %s: %w: %w", strings.Join(urls, ", "), ErrUnreachable, err)
		}
	}
}

func (c *Client) options(ctx context.Context, o Options, creds *Credentials, urls []string) ([]nats.Option, error) {
	name := o.Name
	if name == "" {
		name = "selat"
	}
	options := []nats.Option{
		nats.Name(name),
		nats.UserJWT(func() (string, error) { return c.reread(o.CredsFile, creds).token, nil },
			func(nonce []byte) ([]byte, error) { return c.reread(o.CredsFile, creds).sign(nonce) }),
		nats.SetCustomDialer(&dialer{first: ctx, life: c.ctx, link: c.link}),
		nats.Timeout(dialTimeout),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.CustomReconnectDelay(func(attempts int) time.Duration {
			b := backoff{base: reconnectBase, max: reconnectMax, failures: attempts}
			return b.next()
		}),
		// What is published while disconnected would arrive much later, when
		// nobody waits for the answer any more.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.link.disconnected()
			if err != nil {
				c.log.Warn("the connection to the hub broke; reconnecting", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.link.connected()
			c.log.Info("reconnected to the hub", "url", nc.ConnectedUrlRedacted())
		}),
		nats.ReconnectErrHandler(c.stillAway()),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Warn("the connection reported an error", "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { c.link.disconnected(); close(c.closed) }),
	}
	switch {
	case o.TLS != nil:
		options = append(options, nats.Secure(o.TLS))
	case onLoopback(urls) && creds.CA == nil:
	default:
		conf := &tls.Config{MinVersion: tls.VersionTLS12}
		if creds.CA != nil {
			conf.RootCAs = x509.NewCertPool()
			if !conf.RootCAs.AppendCertsFromPEM(creds.CA) {
				return nil, fmt.Errorf("the credentials %s: no CA certificate in them can be used", o.CredsFile)
			}
		}
		options = append(options, nats.Secure(conf))
	}
	return options, nil
}

// stillAway says now and then why there is no connection.
func (c *Client) stillAway() nats.ConnErrHandler {
	var last time.Time
	return func(_ *nats.Conn, err error) {
		if time.Since(last) < awayEvery {
			return
		}
		last = time.Now()
		c.log.Warn("the hub is still away; trying again", "error", err)
	}
}

// reread returns what the credentials file says now, and what it said at first
// when it cannot be read or speaks for another seat.
func (c *Client) reread(path string, first *Credentials) *Credentials {
	now, err := ReadCredentials(path)
	switch {
	case err != nil:
		c.log.Warn("reading the credentials again; going on with those read before", "error", err)
	case now.Account != first.Account:
		c.log.Warn("the credentials file now belongs to another seat; going on with the one read before", "file", path, "seat", now.Seat)
	default:
		return now
	}
	return first
}

// Seat is the seat's name as its credentials tell it; Account its account's
// public key.
func (c *Client) Seat() string    { return c.seat }
func (c *Client) Account() string { return c.key }

// Close ends the connection and returns when it has ended. Calls under way
// return an error.
func (c *Client) Close() {
	c.cancel()
	c.nc.Close()
	<-c.closed
}

// dialer ends a dial with the context of Connect, and later with the client.
type dialer struct {
	first, life context.Context
	link        *link
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.life, dialTimeout)
	defer cancel()
	if !d.link.everUp() {
		stop := context.AfterFunc(d.first, cancel)
		defer stop()
	}
	var nd net.Dialer
	return nd.DialContext(ctx, network, address)
}
