package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/policy"
)

// A node that does not lead keeps up with the one that does: the directory, and the
// catalogue, which it makes of its own copy of the streams. It says so when it asks
// for a grant to go on reading to people.
type follower struct {
	h     *Hub
	until *goodFor // how long this node may read to people

	watermark atomic.Int64
	term      uint64 // the latest of which it knows
	confirmed uint64 // the state it has applied of that term
	directory uint64 // the revision that is in force here
	unjust    bool   // it may not be in force for every account
	erased    bool   // the catalogue's files may still have what was erased
	agrees    bool   // the catalogue was held against the streams in this term
	snapped   map[string]uint64

	poke   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

const (
	followEvery = 200 * time.Millisecond
	grantWait   = time.Second
)

// openFollower begins to follow, which ends when this node takes the lead.
func (h *Hub) openFollower() error {
	f := &follower{h: h, until: newGoodFor(), poke: make(chan struct{}, 1), done: make(chan struct{}), snapped: map[string]uint64{}}
	_, err := h.conn.Subscribe(pokeSubject, func(*nats.Msg) {
		select {
		case f.poke <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("subscribing to what the node that leads tells: %w", err)
	}
	ctx, cancel := context.WithCancel(h.run)
	f.cancel = cancel
	h.follow = f
	h.go_(func() { defer close(f.done); f.run(ctx) })
	return nil
}

// stopFollowing returns when nothing is applied by the follower any more.
func (h *Hub) stopFollowing(ctx context.Context) error {
	h.follow.cancel()
	select {
	case <-h.follow.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// valid is for how long this node may read to people.
func (f *follower) valid() time.Duration { return f.until.left() }

func (f *follower) run(ctx context.Context) {
	defer f.until.end()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.poke:
		}
		if f.h.lead.holds() {
			continue // nobody to follow: this node is about to lead
		}
		again := true
		var err error
		for again && err == nil && ctx.Err() == nil {
			again, err = f.step(ctx)
		}
		switch {
		case ctx.Err() != nil || errors.Is(err, nats.ErrNoResponders):
		case err != nil && err.Error() != failing:
			failing = err.Error()
			f.h.log.Warn("following the node that leads failed; trying again", "error", err)
		case err == nil:
			failing = ""
		}
	}
}

// step asks for a grant and applies what is needed. again is true if it should ask once
// more at once, since it can confirm more than it could.
func (f *follower) step(ctx context.Context) (again bool, err error) {
	h := f.h
	body, err := json.Marshal(grantRequest{Node: h.cfg.Cluster.Node, Term: f.term, Confirmed: f.confirmed})
	if err != nil {
		return false, err
	}
	asked := time.Now()
	wait, done := context.WithTimeout(ctx, grantWait)
	msg, err := h.conn.RequestWithContext(wait, grantSubject, body)
	done()
	if err != nil {
		return false, err
	}
	var a grantAnswer
	if err := json.Unmarshal(msg.Data, &a); err != nil {
		return false, fmt.Errorf("reading a grant: %w", err)
	}
	switch {
	case a.Term < f.term:
		return false, nil // of one that does not know yet that it leads no more
	case a.Term > f.term:
		f.term, f.confirmed, f.agrees = a.Term, 0, false
	}
	if a.For > 0 {
		f.until.from(asked, a.For)
	}
	return f.apply(ctx, &a)
}

// apply applies what an answer tells of, as far as it is here, and confirms it.
func (f *follower) apply(ctx context.Context, a *grantAnswer) (again bool, err error) {
	if err := f.adopt(ctx, a.Needs.Directory); err != nil {
		return false, err
	}
	if a.Positions == nil {
		a.Positions = map[string]uint64{}
	}
	for stream, seq := range a.Needs.Fences {
		a.Positions[stream] = max(a.Positions[stream], seq)
	}
	local, err := f.h.localPositions()
	if err != nil {
		return false, err
	}
	complete, err := f.catchUp(ctx, a.Positions, local)
	if err != nil {
		return false, err
	}
	if complete {
		f.watermark.Store(max(f.watermark.Load(), a.Watermark))
	}
	if f.confirmed == a.Needs.State {
		return false, nil
	}
	if passed, err := f.passed(&a.Needs, local); !passed || err != nil {
		return false, err
	}
	f.h.accounts.inForce()
	if err := f.open(ctx); err != nil {
		return false, err // and is tried again, since nothing is confirmed
	}
	f.confirmed = a.Needs.State
	return true, nil
}

// adopt puts a revision of the directory in force, if it is not.
func (f *follower) adopt(ctx context.Context, revision uint64) error {
	if revision == f.directory {
		return nil
	}
	err := f.h.adoptDirectory(ctx, revision, f.unjust)
	if f.unjust = err != nil; f.unjust {
		return err
	}
	f.directory = revision
	return nil
}

// catchUp brings the catalogue to positions, as far as this node's copies go, and
// reports whether that was all the way.
func (f *follower) catchUp(ctx context.Context, positions, local map[string]uint64) (complete bool, err error) {
	h := f.h
	if !f.agrees {
		for stream := range positions {
			if err := h.agree(ctx, stream, 0); err != nil {
				return false, err
			}
		}
		f.agrees = true
	}
	complete = true
	for stream, seq := range positions {
		at, _, err := h.index.Position(stream)
		if err != nil {
			return false, err
		}
		through := min(seq, local[stream])
		complete = complete && through >= seq
		if at >= through {
			continue
		}
		t := &tail{h: h, stream: stream}
		_, err = t.read(ctx, at, through)
		f.erased = f.erased || t.erased
		if err != nil {
			return false, err
		}
	}
	if !f.erased {
		return complete, nil
	}
	if err := h.index.Scrub(ctx); err != nil {
		return false, fmt.Errorf("ridding the catalogue's files of what was erased: %w", err)
	}
	f.erased = false
	return complete, nil
}

// passed reports whether this node has come beyond every fence it needs to.
func (f *follower) passed(n *needs, local map[string]uint64) (bool, error) {
	for stream, seq := range n.Fences {
		at, _, err := f.h.index.Position(stream)
		if err != nil || at < seq || local[stream] < seq {
			return false, err
		}
		if n.Erased[stream] == 0 {
			continue
		}
		if err := f.forgetLog(stream, n.Erased[stream]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// open has this node answer, the first time that it may.
func (f *follower) open(ctx context.Context) error {
	h := f.h
	if h.ready.Load() {
		return nil
	}
	if err := h.openStatuses(ctx); err != nil {
		return err
	}
	h.recovered.Store(&Recovery{Rebuilt: h.index.Recovered(), Took: time.Since(h.started).Round(time.Millisecond)})
	h.ready.Store(true)
	h.opened.Do(func() { close(h.isOpen) })
	h.log.Info("this node follows", "node", h.cfg.Cluster.Node, "term", f.term)
	return nil
}

// forgetLog has the engine of this node begin the log of a stream anew behind what was
// erased: until then the log has its bytes.
func (f *follower) forgetLog(stream string, seq uint64) error {
	if f.snapped[stream] >= seq {
		return nil
	}
	if err := f.h.forgetLog(stream); err != nil {
		return err
	}
	f.snapped[stream] = seq
	return nil
}

func (h *Hub) forgetLog(stream string) error {
	if err := h.engine.JetStreamSnapshotStream(public(h.keys.hub), stream); err != nil && !errors.Is(err, errNothingToSnap) {
		if err.Error() != errNothingToSnap.Error() {
			return fmt.Errorf("beginning the log of %s anew: %w", stream, err)
		}
	}
	return nil
}

// errNothingToSnap is what the engine says of a log that holds nothing.
var errNothingToSnap = errors.New("raft: no snapshot available")

// localPositions are the last sequences of this node's own copies of the streams.
func (h *Hub) localPositions() (map[string]uint64, error) {
	d, err := h.engine.JszAccount(&server.JSzOptions{Account: public(h.keys.hub), Streams: true})
	if err != nil {
		return nil, fmt.Errorf("looking at this node's streams: %w", err)
	}
	out := make(map[string]uint64, len(d.Streams))
	for i := range d.Streams {
		out[d.Streams[i].Name] = d.Streams[i].State.LastSeq
	}
	return out, nil
}

// adoptDirectory puts a state of the directory in force on this node.
// For anew every account is put in force, also one of which nothing has changed.
func (h *Hub) adoptDirectory(ctx context.Context, revision uint64, anew bool) error {
	if h.kv == nil {
		kv, err := h.js.KeyValue(ctx, directoryBucket)
		if err != nil {
			return fmt.Errorf("opening the directory: %w", err)
		}
		h.kv = kv
	}
	e, err := h.directoryAt(ctx, revision)
	if err != nil {
		return fmt.Errorf("reading revision %d of the directory: %w", revision, err)
	}
	next, err := readDirectory(e.Value(), revision)
	if err != nil {
		return err
	}
	h.gate.Lock()
	defer h.gate.Unlock()
	old := h.region.Swap(next)
	if anew {
		old = nil
	}
	return h.enforceAccounts(old, next)
}

// directoryAt reads a revision, which this node's copy may not have yet.
func (h *Hub) directoryAt(ctx context.Context, revision uint64) (jetstream.KeyValueEntry, error) {
	for try := 1; ; try++ {
		e, err := h.kv.GetRevision(ctx, directoryKey, revision)
		if !errors.Is(err, jetstream.ErrKeyNotFound) || try == copyTries {
			return e, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(copyWait):
		}
	}
}

// enforceAccounts brings the accounts on this node from one state of the directory to
// the next; old may be nil.
func (h *Hub) enforceAccounts(old, next *policy.Region) error {
	var errs []error
	for name, now := range next.Seats {
		var was *policy.Seat
		if old != nil {
			was = old.Seats[name]
		}
		if was == nil || accountChanged(old, was, next, now) {
			errs = append(errs, h.pushAccount(h.accountOf(next, now)))
		}
	}
	return errors.Join(append(errs, h.shutStrangers(next))...)
}
