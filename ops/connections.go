package ops

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections is a listener with at most max connections open. When they are
// all taken, the new one takes the place of the oldest that has no request
// being answered: a client that sends its headers byte by byte, or keeps a
// connection for later, cannot keep others out.
type connections struct {
	net.Listener
	max      int
	gaveWay  func() // called for each connection that had to give way
	mu       sync.Mutex
	open     map[*conn]struct{}
	accepted uint64
}

func limit(l net.Listener, most int, gaveWay func()) *connections {
	return &connections{Listener: l, max: most, gaveWay: gaveWay, open: map[*conn]struct{}{}}
}

// conn is one open connection. Its fields are guarded by connections.mu.
type conn struct {
	net.Conn
	of   *connections
	nth  uint64
	busy bool // a request is being answered
}

// Accept waits for a connection, making room for it if need be. One that finds
// all others busy is closed.
func (l *connections) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c, out := l.admit(inner)
		if out != nil {
			// Closing a connection that gives way has nobody to report to.
			_ = out.Close()
			l.gaveWay()
		}
		if c != nil {
			return c, nil
		}
	}
}

// admit takes a connection in, and says which must be closed, if any.
func (l *connections) admit(inner net.Conn) (in *conn, out net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest *conn
	if len(l.open) >= l.max {
		for c := range l.open {
			if !c.busy && (oldest == nil || c.nth < oldest.nth) {
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
func (l *connections) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	var silent []*conn
	for c := range l.open {
		if !c.busy {
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

func (c *conn) setBusy(busy bool) {
	c.of.mu.Lock()
	c.busy = busy
	c.of.mu.Unlock()
}

type connKey struct{}

// withConn puts the connection where its requests find it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// marked keeps a request's connection from giving way while it is answered.
func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.setBusy(true)
			defer c.setBusy(false)
		}
		next.ServeHTTP(w, r)
	})
}
