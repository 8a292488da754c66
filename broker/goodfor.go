package broker

import (
	"sync/atomic"
	"time"
)

// goodFor is until when something may be relied on. It is counted by the clock that
// only goes on, and by the one on the wall too: the first stands still while a machine
// is suspended, and the second jumps. What either says has ended has ended.
type goodFor struct {
	since time.Time
	mono  atomic.Int64 // nanoseconds after since
	wall  atomic.Int64 // Unix nanoseconds
}

func newGoodFor() *goodFor {
	g := &goodFor{since: time.Now()}
	g.end()
	return g
}

// from says that it is good for so long from a moment on.
func (g *goodFor) from(at time.Time, d time.Duration) {
	g.mono.Store(int64(at.Sub(g.since) + d))
	g.wall.Store(at.Add(d).UnixNano())
}

func (g *goodFor) end() {
	g.mono.Store(-1)
	g.wall.Store(0)
}

// left is for how long it is still good, nothing or less if it is not.
func (g *goodFor) left() time.Duration {
	return min(time.Duration(g.mono.Load())-time.Since(g.since), time.Duration(g.wall.Load()-time.Now().UnixNano()))
}
