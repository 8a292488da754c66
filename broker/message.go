package broker

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// message is one STIX bundle of objects of one subject.
type message struct {
	msg   *nats.Msg
	items []*item
	added int64
	size  int
}

// compose makes the messages of a round: one subject each, objects' bytes
// spliced in unchanged, in the order they came.
//
// From AMBER on a message has one object. To erase one of several, its neighbours
// are stored again at the stream's end, and there a member that joined in between
// would receive what was closed to it.
func (w *writer) compose(items []*item) *round {
	type group struct {
		subject              string
		unmarked, supporting bool
	}
	open := map[group]*message{}
	groups := map[*message]group{}
	var out []*message
	for _, it := range items {
		o := it.entry.object
		g := group{it.entry.receipt.sub.region.Subject(it.stream, it.entry.key.Origin, o.Type), o.marking.Level == stix.NoLevel, o.supporting}
		m := open[g]
		if m == nil || m.size+len(o.Raw) > w.h.cfg.Store.MessageBytes || it.stream.Level >= stix.Amber {
			m = &message{}
			open[g], groups[m] = m, g
			out = append(out, m)
		}
		m.items = append(m.items, it)
		m.size += len(o.Raw) + 1
	}
	for _, m := range out {
		g := groups[m]
		raws := make([][]byte, len(m.items))
		for i, it := range m.items {
			raws[i] = it.entry.object.Raw
		}
		m.added = w.ws.clock.next(len(m.items))
		first := m.items[0]
		m.msg = nats.NewMsg(g.subject)
		m.msg.Data = stix.AppendBundle(make([]byte, 0, m.size+stix.BundleOverhead()), "bundle--"+uuid.NewString(), raws...)
		hd := m.msg.Header
		hd.Set(api.HeaderAdded, formatAdded(m.added))
		hd.Set(api.HeaderOrigin, first.entry.key.Origin)
		hd.Set(api.HeaderAudience, first.stream.Audience)
		hd.Set(api.HeaderLevel, first.stream.Level.String())
		if g.unmarked {
			hd.Set(api.HeaderUnmarkedLevel, first.stream.Level.String())
		}
		if g.supporting {
			hd.Set(api.HeaderSupporting, "true")
		}
	}
	return &round{items: items, messages: out}
}

// clock stamps date_added: microseconds, strictly rising over everything the
// hub accepts, even when the machine's clock goes back.
//
// It knows which of its stamps are not settled: of these nobody can tell yet
// whether they will be read back.
type clock struct {
	mu   sync.Mutex
	last int64
	open map[int64]struct{} // the first of each reservation
}

// next reserves n microseconds and returns the first.
func (c *clock) next(n int) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := max(time.Now().UnixMicro(), c.last+1)
	c.last = first + int64(n) - 1
	if c.open == nil {
		c.open = map[int64]struct{}{}
	}
	c.open[first] = struct{}{}
	return first
}

// now is a time that every later stamp is after.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(time.Now().UnixMicro(), c.last)
	return time.UnixMicro(c.last).UTC()
}

// settle ends reservations: what they stamped is in the index, or will never be
// stored.
func (c *clock) settle(firsts ...int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, first := range firsts {
		delete(c.open, first)
	}
}

// settledUpTo returns the stamp up to which nothing is open.
func (c *clock) settledUpTo() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	upTo := c.last
	for first := range c.open {
		upTo = min(upTo, first-1)
	}
	return upTo
}
