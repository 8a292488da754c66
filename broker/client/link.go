package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// link tells whether the connection is up, as contexts and channels, so that a
// request ends the moment its connection does instead of at its timeout.
type link struct {
	mu     sync.Mutex
	up     chan struct{} // closed while connected
	alive  context.Context
	cut    context.CancelFunc
	connID int // counts connections, to tell a reconnect from the same one
}

func newLink() *link {
	alive, cut := context.WithCancel(context.Background())
	cut()
	return &link{up: make(chan struct{}), alive: alive, cut: cut}
}

func (l *link) connected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.up:
		return
	default:
	}
	l.alive, l.cut = context.WithCancel(context.Background())
	l.connID++
	close(l.up)
}

func (l *link) disconnected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.up:
		l.up = make(chan struct{})
	default:
	}
	l.cut()
}

// wait returns, once connected, a context that ends with this connection, and
// the connection's number.
func (l *link) wait(ctx context.Context) (context.Context, int, error) {
	for {
		l.mu.Lock()
		up, alive, id := l.up, l.alive, l.connID
		l.mu.Unlock()
		select {
		case <-up:
			return alive, id, nil
		default:
		}
		select {
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		case <-up:
		}
	}
}

// isUp reports whether the connection is up now.
func (l *link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive.Err() == nil
}

// backoff waits longer after each failure, up to max, by a random share of it,
// so that many seats do not come back to a restarted hub at one moment.
type backoff struct {
	base, max time.Duration
	failures  int
}

// next is the time to wait now.
func (b *backoff) next() time.Duration {
	d := b.max
	if b.failures < 16 {
		d = min(b.max, b.base<<b.failures)
	}
	b.failures++
	return d/2 + rand.N(d/2+1)
}

// wait waits, or returns the cause of ctx's end.
func (b *backoff) wait(ctx context.Context) error {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// everUp reports whether there ever was a connection.
func (l *link) everUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connID > 0
}
