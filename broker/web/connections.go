// Package web is what the hub's HTTP listeners have in common: a bound on
// connections by which nobody keeps others out, and TLS. What is answered, and to
// whom, is theirs.
package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Listener has at most so many connections open. When all are taken, the new one
// takes the place of the oldest on which nothing is answered: a client that sends
// its headers byte by byte, or keeps a connection for later, keeps nobody out.
type Listener struct {
	net.Listener
	max      int
	gaveWay  func()
	mu       sync.Mutex
	open     map[*conn]struct{}
	accepted uint64
}

// Limit bounds a listener. gaveWay is called for each connection that had to give
// way, or found all others busy. The server must use WithConn as its ConnContext
// and call Answering.
func Limit(l net.Listener, most int, gaveWay func()) *Listener {
	return &Listener{Listener: l, max: most, gaveWay: gaveWay, open: map[*conn]struct{}{}}
}

// conn is one open connection. Its fields are guarded by Listener.mu.
type conn struct {
	net.Conn
	of   *Listener
	nth  uint64
	busy int // requests being answered; HTTP/2 has several
}

// Accept waits for a connection, and makes room for it if need be. One that
// finds all others busy is closed.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c, out := l.admit(inner)
		if out != nil {
			// Closing what gives way has nobody to report to.
			_ = out.Close()
			l.gaveWay()
		}
		if c != nil {
			return c, nil
		}
	}
}

func (l *Listener) admit(inner net.Conn) (in *conn, out net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.max {
		var oldest *conn
		for c := range l.open {
			if c.busy == 0 && (oldest == nil || c.nth < oldest.nth) {
				oldest = c
			}
		}
		if oldest == nil {
			return nil, inner
		}
		delete(l.open, oldest)
		out = oldest.Conn
	}
	l.accepted++
	in = &conn{Conn: inner, of: l, nth: l.accepted}
	l.open[in] = struct{}{}
	return in, out
}

// Close stops accepting, and closes the connections on which nothing is being
// answered.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	var silent []*conn
	for c := range l.open {
		if c.busy == 0 {
			silent = append(silent, c)
		}
	}
	l.mu.Unlock()
	for _, c := range silent {
		_ = c.Close() // as in Accept
	}
	return err
}

// Close closes the connection and frees its place.
func (c *conn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) work(n int) {
	c.of.mu.Lock()
	c.busy += n
	c.of.mu.Unlock()
}

type connKey struct{}

// WithConn puts the connection where its requests find it.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Answering keeps a request's connection from giving way until the function it
// returns is called.
func Answering(r *http.Request) (done func()) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok {
		return func() {}
	}
	c.work(1)
	return func() { c.work(-1) }
}

// Busy is the number of connections on which something is answered.
func (l *Listener) Busy() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for c := range l.open {
		if c.busy > 0 {
			n++
		}
	}
	return n
}
