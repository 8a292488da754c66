package broker_test

import (
	"errors"
	"net"
	"sync"
	"testing"
)

// link is how one node reaches another: a line that can be cut in either direction,
// as a network does it: what is sent does not arrive, and nobody is told.
type link struct {
	address, target string
	listener        net.Listener
	work            sync.WaitGroup

	mu          sync.Mutex
	changed     *sync.Cond
	ended       bool
	there, back bool // cut
	conns       map[net.Conn]bool
}

func newLink(t testing.TB, target string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	k := &link{address: l.Addr().String(), target: target, listener: l, conns: map[net.Conn]bool{}}
	k.changed = sync.NewCond(&k.mu)
	k.work.Go(k.accept)
	t.Cleanup(k.close)
	return k
}

// cut cuts the line from the node that dials to the other (there), and back.
func (k *link) cut(there, back bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.there, k.back = there, back
	k.changed.Broadcast()
}

func (k *link) close() {
	k.listener.Close() //nolint:errcheck // nobody dials any more
	k.mu.Lock()
	k.ended = true
	k.changed.Broadcast()
	for c := range k.conns {
		c.Close() //nolint:errcheck // it is given up
	}
	k.mu.Unlock()
	k.work.Wait()
}

func (k *link) accept() {
	for {
		c, err := k.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		k.work.Go(func() { k.carry(c) })
	}
}

func (k *link) carry(c net.Conn) {
	if !k.keep(c) {
		return
	}
	defer k.drop(c)
	if !k.open(&k.there) { // what dials does not get through either
		return
	}
	d, err := net.Dial("tcp", k.target)
	if err != nil || !k.keep(d) {
		return
	}
	defer k.drop(d)
	var both sync.WaitGroup
	pass := func(to, from net.Conn, cut *bool) {
		defer to.Close()   //nolint:errcheck // one half ends the other
		defer from.Close() //nolint:errcheck // one half ends the other
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				if !k.open(cut) {
					return
				}
				if _, err := to.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	both.Go(func() { pass(d, c, &k.there) })
	both.Go(func() { pass(c, d, &k.back) })
	both.Wait()
}

// open waits while a direction is cut; false when the link has ended.
func (k *link) open(cut *bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for *cut && !k.ended {
		k.changed.Wait()
	}
	return !k.ended
}

func (k *link) keep(c net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		c.Close() //nolint:errcheck // it is given up
		return false
	}
	k.conns[c] = true
	return true
}

func (k *link) drop(c net.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
	c.Close() //nolint:errcheck // it is given up
}
