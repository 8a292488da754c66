package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// How a node comes to lead, what it may answer while it does, and how it ends.

// takeOver does what a start of a hub by itself does after its engine, and then
// accepts. What fails while nodes come and go is tried again.
func (l *lead) takeOver(ctx context.Context) {
	h := l.h
	ctx, done := context.WithCancel(ctx)
	defer done()
	l.work.Go(func() {
		select {
		case <-h.deposed:
			done()
		case <-ctx.Done():
		}
	})
	began := time.Now()
	steps := []struct {
		doing string
		do    func(context.Context) error
	}{
		{"ending what follows another node", h.stopFollowing},
		{"opening the directory", h.takeDirectory},
		{"checking the streams", h.ensureStreams},
		{"checking the streams", h.ensureRecallStream},
		{"fencing the streams", h.fenceAll},
		{"holding the catalogue against the streams", h.agreeAll},
		{"reading the recalls", h.openRecalls},
		{"opening the index", h.catchUpAll},
		{"checking entitlements", func(ctx context.Context) error {
			removed, err := h.reconcile(ctx)
			h.recovery.Removed += removed
			return err
		}},
		{"ending places that were given up", h.endFormerPlaces},
		{"opening the statuses", h.openStatuses},
	}
	for _, s := range steps {
		failed := false
		err := h.insist(ctx, func(ctx context.Context) error {
			err := s.do(ctx)
			if err != nil && !failed && ctx.Err() == nil {
				failed = true
				h.log.Warn("taking the lead needs another try", "doing", s.doing, "error", err)
			}
			return err
		})
		if err != nil {
			return // the hub closes, or another took over
		}
	}
	if err := h.openServices(h.run); err != nil {
		h.depose(fmt.Sprintf("the services could not be opened: %v", err))
		return
	}
	h.accounts.inForce()
	h.recovery.Took = time.Since(began).Round(time.Millisecond)
	h.sayRecovered()
	l.leads.Store(true)
	if h.isDeposed() {
		l.leads.Store(false)
		return
	}
	h.ready.Store(true)
	h.go_(func() { h.keepJust(h.run) })
	h.log.Info("this node leads", "node", h.cfg.Cluster.Node, "term", l.term.Load(), "took", h.recovery.Took)
	h.opened.Do(func() { close(h.isOpen) })
	h.restoreLastPublished(ctx)
	h.recalls.resume(ctx)
}

// justEvery is how often the node that leads looks whether each durable has its right:
// one that led before it may have made one a moment too late.
const justEvery = 15 * time.Second

func (h *Hub) keepJust(ctx context.Context) {
	tick := time.NewTicker(justEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.deposed:
			return
		case <-tick.C:
		}
		h.gate.RLock()
		try, done := context.WithTimeout(ctx, justEvery)
		n, err := h.reconcileDurables(try, h.Region())
		done()
		h.gate.RUnlock()
		if n > 0 || err != nil && ctx.Err() == nil {
			h.log.Warn("durables were held against the directory", "removed", n, "error", err)
		}
	}
}

// depose says that this node must not go on as it is: it is started anew.
func (h *Hub) depose(why string) {
	h.deposeOnce.Do(func() {
		h.log.Warn("this node leads no more and starts anew", "node", h.cfg.Cluster.Node, "why", why)
		h.ready.Store(false)
		if h.lead != nil {
			h.lead.until.end()
			h.lead.leads.Store(false)
		}
		close(h.deposed)
	})
}

// errDeposed is said of what a node would still write that leads no more. A writer
// that catches up with a stream learns of it before it can write behind the fence that
// says so.
var errDeposed = errors.New("another node leads")

func (h *Hub) isDeposed() bool {
	select {
	case <-h.deposed:
		return true
	default:
		return false
	}
}

// Deposed is closed when another node leads in place of this one: the hub is to be
// closed and started again, and follows then.
func (h *Hub) Deposed() <-chan struct{} { return h.deposed }

// fenceAll keeps out of every stream what a predecessor may still send.
func (h *Hub) fenceAll(ctx context.Context) error {
	streams, err := h.objectStreams(ctx)
	if err != nil {
		return err
	}
	return eachOf(ctx, streamsAtOnce, append(streams, recallStream), func(ctx context.Context, name string) error {
		seq, err := h.fence(ctx, name)
		if err == nil && isObjects(name) {
			// Whoever has come so far has applied what was erased before.
			h.grants.require(func(n *needs) { n.Fences[name] = seq })
		}
		return err
	})
}

// mayServe says why this node may read nothing to anybody, nil if it may: one that
// is cut off from the others does not know what was taken away.
func (h *Hub) mayServe() error {
	switch {
	case h.lead == nil:
		return nil
	case h.lead.leads.Load():
		if h.lead.valid() > 0 {
			return nil
		}
	case h.follow != nil && h.follow.valid() > 0:
		return nil
	}
	return errCutOff
}

var errCutOff = errors.New("this node is not in touch with the others, and reads nothing to anybody until it is")

// queueGroup is where this node waits for what seats ask. It is another one in each
// term: what is asked while an earlier node does not know yet that it leads no more
// reaches both, and that one does not answer (inOffice).
func (h *Hub) queueGroup() string {
	if h.lead == nil {
		return "hub"
	}
	return fmt.Sprintf("hub-%d", h.lead.term.Load())
}

// inOffice reports whether this node may answer what was asked, and waits while it
// cannot tell: if it leads no more, another answers.
func (h *Hub) inOffice(ctx context.Context) bool {
	if h.lead == nil || h.lead.valid() > 0 {
		return true
	}
	tick := time.NewTicker(leaseEvery / 10)
	defer tick.Stop()
	for h.lead.valid() <= 0 {
		select {
		case <-ctx.Done():
			return false
		case <-h.deposed:
			return false
		case <-h.lead.closing:
			return false
		case <-tick.C:
		}
	}
	return true
}

// leave gives up what this node has in the cluster before it closes: the lead, once
// what it took in is answered, and the lead of the engine's groups.
func (h *Hub) leave() {
	ctx, done := context.WithTimeout(context.Background(), leaseFor)
	defer done()
	close(h.lead.closing)
	h.lead.cancel()
	h.lead.work.Wait()
	if h.intake != nil && h.lead.leads.Load() {
		h.recalls.cancel()
		h.intake.close()
		h.writers.close()
	}
	h.lead.release(ctx)
	h.stepDown()
}

// stepDown has the other nodes' engines lead what this one leads.
func (h *Hub) stepDown() {
	if h.engine == nil || !h.engine.Running() {
		return
	}
	d, err := h.engine.JszAccount(&server.JSzOptions{Account: public(h.keys.hub), Streams: true, Consumer: true})
	if err != nil {
		return // it leads nothing that could be told
	}
	account := public(h.keys.hub)
	for i := range d.Streams {
		s := &d.Streams[i]
		for _, c := range s.Consumer {
			if h.engine.JetStreamIsConsumerLeader(account, s.Name, c.Name) {
				h.engine.JetStreamStepdownConsumer(account, s.Name, c.Name) //nolint:errcheck // its end does the same, later
			}
		}
		if h.engine.JetStreamIsStreamLeader(account, s.Name) {
			h.engine.JetStreamStepdownStream(account, s.Name) //nolint:errcheck // its end does the same, later
		}
	}
}
