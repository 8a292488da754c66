package broker

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
)

// What the others may read to people is granted by the node that leads, for a few
// seconds each time, and only to one that says it has applied whatever must be
// applied: the directory in force, and every erasure. So an act is done when each
// node that may still read has confirmed it, or may read no more.
type grants struct {
	mu      sync.Mutex
	changed chan struct{} // closed at each change, and made anew
	needs   needs
	nodes   map[string]*grant
	// unknown is until when a predecessor's grants may be good.
	unknown time.Time
}

// needs is what a node must have applied.
type needs struct {
	// State counts its changes.
	State     uint64 `json:"state"`
	Directory uint64 `json:"directory"`
	// Fences, by stream, come after whatever an earlier node that led has stored there,
	// and after what was erased there last.
	Fences map[string]uint64 `json:"fences,omitempty"`
	// Erased are those of them that come after something that was erased in this term.
	Erased map[string]uint64 `json:"erased,omitempty"`
}

type grant struct {
	until     time.Time
	confirmed uint64
}

// grantRequest is what a node asks with, grantAnswer what it gets. The grant is good
// from before it asked.
type grantRequest struct {
	Node      string `json:"node"`
	Term      uint64 `json:"term"`
	Confirmed uint64 `json:"confirmed"`
}

type grantAnswer struct {
	Term  uint64        `json:"term"`
	Needs needs         `json:"needs"`
	For   time.Duration `json:"for"` // 0: not granted
	// Every object that was stamped up to Watermark stands at Positions, by stream,
	// or before.
	Watermark int64             `json:"watermark"`
	Positions map[string]uint64 `json:"positions"`
}

const (
	grantSubject = "node.grant"
	pokeSubject  = "node.poke" // something must be applied
)

func newGrants() *grants {
	return &grants{changed: make(chan struct{}), nodes: map[string]*grant{}, needs: needs{State: 1, Fences: map[string]uint64{}, Erased: map[string]uint64{}}}
}

// reset forgets what was granted in an earlier term; of another node's grants it is
// known that they end within unknown.
func (g *grants) reset(unknown time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nodes, g.unknown = map[string]*grant{}, time.Now().Add(unknown)
	g.tell()
}

// tell wakes those who wait. The caller holds the lock.
func (g *grants) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// require notes what is to be applied from now on, and returns its number.
func (g *grants) require(change func(*needs)) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.needs)
	g.needs.State++
	return g.needs.State
}

// await returns when every node that may read to people has applied a state.
func (g *grants) await(ctx context.Context, state uint64) error {
	for {
		g.mu.Lock()
		wait, changed := time.Until(g.unknown), g.changed
		for _, n := range g.nodes {
			if n.confirmed < state {
				wait = max(wait, time.Until(n.until))
			}
		}
		g.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-changed:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

// answer grants or not.
func (g *grants) answer(q *grantRequest, term uint64, most time.Duration) grantAnswer {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := grantAnswer{Term: term, Needs: g.needs}
	a.Needs.Fences, a.Needs.Erased = maps.Clone(g.needs.Fences), maps.Clone(g.needs.Erased)
	n := g.nodes[q.Node]
	if n == nil {
		n = &grant{}
		g.nodes[q.Node] = n
	}
	if q.Term == term {
		n.confirmed = max(n.confirmed, q.Confirmed)
	}
	if q.Term == term && n.confirmed == g.needs.State && most > 0 {
		a.For = min(leaseFor, most)
		n.until = time.Now().Add(a.For)
	}
	g.tell()
	return a
}

// openGrants answers the other nodes while this one leads.
func (h *Hub) openGrants() error {
	_, err := h.conn.Subscribe(grantSubject, func(m *nats.Msg) {
		var q grantRequest
		if err := json.Unmarshal(m.Data, &q); err != nil {
			return
		}
		a := h.grants.answer(&q, h.lead.term.Load(), h.lead.valid())
		// The watermark first: what is stamped up to it is applied, and so within the
		// positions that are read after it.
		a.Watermark, a.Positions = h.Watermark(), h.positions()
		h.respond(m, a)
	})
	if err != nil {
		return err
	}
	_, err = h.conn.Subscribe(enrolAsked, func(m *nats.Msg) {
		var q api.Enrolment
		if err := json.Unmarshal(m.Data, &q); err != nil || !h.inOffice(h.run) {
			return
		}
		ctx, done := context.WithTimeout(h.run, adminTimeout)
		defer done()
		out, err := h.enrol(ctx, q)
		if err != nil {
			h.respond(m, adminError(err))
			return
		}
		h.respond(m, out)
	})
	return err
}

// positions are how far the index has come, by stream.
func (h *Hub) positions() map[string]uint64 {
	out := map[string]uint64{}
	h.streamsMade.Range(func(name, _ any) bool {
		stream, _ := name.(string)
		if at, _, err := h.index.Position(stream); err == nil && at > 0 {
			out[stream] = at
		}
		return true
	})
	return out
}

// applied has the other nodes apply a change, and returns once all that may still read
// to people have. It is no error to have no others.
func (h *Hub) applied(ctx context.Context, change func(*needs)) error {
	if h.lead == nil {
		return nil
	}
	state := h.grants.require(change)
	if !h.lead.leads.Load() {
		return nil // it takes over, and nobody has a grant of its own
	}
	if err := h.conn.Publish(pokeSubject, nil); err != nil {
		h.log.Warn("the other nodes could not be told at once that something changed", "error", err)
	}
	return h.grants.await(ctx, state)
}
