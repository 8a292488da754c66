package feeds_test

import (
	"net"
	"sync"
	"sync/atomic"
)

// link is the line between a daemon and its hub, which can be cut.
type link struct {
	listener net.Listener
	hub      string
	tasks    sync.WaitGroup

	mu    sync.Mutex
	down  bool
	pairs map[*pair]struct{}
	cuts  int
}

// pair is one connection: what comes from the daemon, and what comes from the hub.
type pair struct {
	ends      [2]net.Conn
	swallowed [2]atomic.Bool
}

// Directions.
const (
	requests = iota
	answers
)

func newLink(hub string) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, hub: hub, pairs: map[*pair]struct{}{}}
	l.tasks.Go(l.accept)
	return l, nil
}

func (l *link) url() string { return "nats://" + l.listener.Addr().String() }

func (l *link) accept() {
	for {
		daemon, err := l.listener.Accept()
		if err != nil {
			return
		}
		hub, err := net.Dial("tcp", l.hub)
		if err != nil {
			daemon.Close() //nolint:errcheck // it has nobody at its other end
			continue
		}
		p := &pair{ends: [2]net.Conn{daemon, hub}}
		l.mu.Lock()
		if l.down {
			p.close()
		} else {
			l.pairs[p] = struct{}{}
			l.tasks.Go(func() { l.carry(p, requests) })
			l.tasks.Go(func() { l.carry(p, answers) })
		}
		l.mu.Unlock()
	}
}

func (p *pair) close() {
	for _, c := range p.ends {
		c.Close() //nolint:errcheck // it is cut, not ended
	}
}

func (l *link) carry(p *pair, direction int) {
	from, to := p.ends[direction], p.ends[1-direction]
	b := make([]byte, 4<<10)
	for {
		n, err := from.Read(b)
		if err == nil && !p.swallowed[direction].Load() {
			_, err = to.Write(b[:n])
		}
		if err != nil {
			p.close()
			l.mu.Lock()
			delete(l.pairs, p)
			l.mu.Unlock()
			return
		}
	}
}

// swallow loses what goes in one direction from now on, until the cut.
func (l *link) swallow(direction int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		p.swallowed[direction].Store(true)
	}
}

// cut ends all connections; while the link is down there are no new ones.
func (l *link) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	l.cuts += len(l.pairs)
	for p := range l.pairs {
		p.close()
	}
}

// mend lets connections through again.
func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

func (l *link) close() error {
	err := l.listener.Close()
	l.cut(true)
	l.tasks.Wait()
	return err
}
