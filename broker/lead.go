package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Of the nodes of a cluster one leads: it decides what is accepted, recalled and
// changed, for all of them, so that one ledger, one clock and one directory are the
// truth about every stream. The engine carries submissions and questions to it from
// wherever a seat is connected. The others follow (follow.go): they keep their
// catalogues in step, answer what is read over TAXII, and one of them takes over.
//
// Who leads is a lease in a bucket of the cluster's own. Nothing that is stored rests
// on it: a node that takes over first puts a fence into every stream, and whatever
// its predecessor still sends is refused by the engine. What the lease decides is who
// may answer: a node whose lease or grant (grants.go) ran out reads nothing to anybody.
const (
	leadBucket = "LEAD"
	leadKey    = "lead"
)

// How long a lease is good, by the clock of the node that took it, counted from
// before it asked; how often it is renewed; and how much longer the others wait.
const (
	leaseFor    = 6 * time.Second
	leaseEvery  = time.Second
	leaseMargin = time.Second
)

// outOfTouch is after what time without lease or grant a node that its engine finds cut
// off as well closes its doors.
const outOfTouch = 20 * time.Second

// leaseRecord is who leads. The term is the revision under which the lease was taken,
// 0 in that very revision.
type leaseRecord struct {
	Node     string `json:"node"`
	Term     uint64 `json:"term,omitempty"`
	Released bool   `json:"released,omitempty"`
}

// lead is a node's part in that.
type lead struct {
	h      *Hub
	bucket jetstream.KeyValue

	term  atomic.Uint64 // of the lease it has, 0 without one
	leads atomic.Bool   // it accepts
	until *goodFor      // how long the lease is good

	mu       sync.Mutex
	revision uint64 // of the lease as it was last written here
	giveUp   bool   // it is not to take the lease (any more)

	closing chan struct{}
	cancel  context.CancelFunc // ends the campaign
	work    sync.WaitGroup     // the campaign, and taking over
}

// leading reports whether this node decides. One that is a hub by itself always does.
func (h *Hub) leading() bool { return h.lead == nil || h.lead.leads.Load() }

// Leads reports whether this node decides what is accepted. A hub that is a single
// node does.
func (h *Hub) Leads() bool { return h.leading() }

func (h *Hub) openLead(ctx context.Context) error {
	l := &lead{h: h, until: newGoodFor(), closing: make(chan struct{}), cancel: func() {}}
	err := h.insist(ctx, func(ctx context.Context) (err error) {
		l.bucket, err = h.js.KeyValue(ctx, leadBucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			l.bucket, err = h.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
				Bucket: leadBucket, Description: "which node leads", History: 1, Storage: jetstream.FileStorage, Replicas: h.cfg.replicas(),
			})
		}
		return err
	})
	h.lead = l
	return err
}

// insistEvery is how often what the engine could not answer is asked again: while
// nodes begin, and while its groups choose who leads them.
const insistEvery = 250 * time.Millisecond

// insist tries until it succeeds or ctx ends.
func (h *Hub) insist(ctx context.Context, do func(context.Context) error) error {
	tick := time.NewTicker(insistEvery)
	defer tick.Stop()
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

// begin campaigns until leave.
func (l *lead) begin() {
	ctx, cancel := context.WithCancel(l.h.run)
	l.cancel = cancel
	l.work.Go(func() { l.campaign(ctx) })
}

// holds reports whether the lease is this node's, as far as it knows.
func (l *lead) holds() bool { return l.term.Load() > 0 }

// valid is for how long the lease is still good.
func (l *lead) valid() time.Duration { return l.until.left() }

func (l *lead) hold(from time.Time) { l.until.from(from, leaseFor) }

// campaign renews the lease, or takes it once nobody has it, until ctx ends or
// another node has taken it from here.
func (l *lead) campaign(ctx context.Context) {
	tick := time.NewTicker(leaseEvery / 2)
	defer tick.Stop()
	var seen uint64
	seenAt := time.Now()
	patience := leaseFor + leaseMargin + rand.N(leaseMargin)
	inTouch := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.h.deposed:
			return
		case <-tick.C:
		}
		if l.valid() > 0 || l.h.mayServe() == nil || !l.h.ready.Load() {
			inTouch = time.Now()
		}
		if time.Since(inTouch) > outOfTouch && !l.h.engine.JetStreamIsCurrent() {
			// It is not that nobody leads: its clients are better off elsewhere, and
			// would not know.
			l.h.depose("it is cut off from the others")
			return
		}
		if l.holds() {
			l.renew(ctx)
			continue
		}
		rec, revision, err := l.read(ctx)
		if err != nil {
			continue // no quorum, or it chooses
		}
		if revision != seen {
			seen, seenAt = revision, time.Now()
		}
		free := revision == 0 || rec.Released || rec.Node == l.h.cfg.Cluster.Node || time.Since(seenAt) > patience
		if free {
			l.take(ctx, revision)
		}
	}
}

func (l *lead) read(ctx context.Context) (rec leaseRecord, revision uint64, err error) {
	ctx, done := context.WithTimeout(ctx, leaseEvery*2)
	defer done()
	e, err := l.bucket.Get(ctx, leadKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return rec, 0, nil
	}
	if err != nil {
		return rec, 0, err
	}
	return rec, e.Revision(), json.Unmarshal(e.Value(), &rec)
}

// write puts the lease into the bucket if it is still as it was under a revision.
func (l *lead) write(ctx context.Context, rec leaseRecord, after uint64) (uint64, error) {
	b, err := json.Marshal(rec)
	if err != nil {
		return 0, err
	}
	ctx, done := context.WithTimeout(ctx, leaseEvery*2)
	defer done()
	if after == 0 {
		return l.bucket.Create(ctx, leadKey, b)
	}
	return l.bucket.Update(ctx, leadKey, b, after)
}

func (l *lead) take(ctx context.Context, after uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.giveUp {
		return
	}
	from := time.Now()
	revision, err := l.write(ctx, leaseRecord{Node: l.h.cfg.Cluster.Node}, after)
	if err != nil {
		return // another was first, or nobody can decide now
	}
	l.revision = revision
	l.hold(from)
	l.term.Store(revision)
	l.h.grants.reset(leaseFor)
	l.h.log.Info("this node takes the lead", "node", l.h.cfg.Cluster.Node, "term", revision)
	l.work.Go(func() { l.takeOver(ctx) })
}

func (l *lead) renew(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.giveUp || l.valid() > leaseFor-leaseEvery {
		return
	}
	node, term := l.h.cfg.Cluster.Node, l.term.Load()
	from := time.Now()
	revision, err := l.write(ctx, leaseRecord{Node: node, Term: term}, l.revision)
	if err == nil {
		l.revision = revision
		l.hold(from)
		return
	}
	if !wrongSequence(err) && !errors.Is(err, jetstream.ErrKeyExists) {
		return // whether it was written shows the next time
	}
	rec, revision, err := l.read(ctx)
	switch {
	case err != nil || revision < l.revision: // or an answer from a node that is behind
	case rec.Node == node && (rec.Term == term || revision == term):
		l.revision = revision
	default:
		l.h.depose(fmt.Sprintf("node %s took the lead", rec.Node))
	}
}

// release gives the lease to whoever takes it, and takes it no more.
func (l *lead) release(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveUp = true
	if !l.holds() {
		return
	}
	l.until.end()
	l.leads.Store(false)
	if _, err := l.write(ctx, leaseRecord{Node: l.h.cfg.Cluster.Node, Term: l.term.Load(), Released: true}, l.revision); err != nil {
		l.h.log.Warn("the lead could not be given up; the others wait until it ends", "error", err)
	}
}
