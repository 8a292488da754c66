package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

// How callers that are no NATS clients read: TAXII and lookups. What they may
// see is decided anew for each question, from the directory in force, and the
// answer is complete before a change of the directory can take a right away.

// Reading is the answer to one Read.
type Reading struct {
	catalog.Page
	// Runs holds the objects' bytes in the order of Items, unchanged: each run is
	// one or more objects with a comma between them. Empty if bytes were not
	// asked for.
	Runs []Run
}

// Run is objects that stand beside each other in one message.
type Run struct {
	Data    []byte // not to be changed
	Objects int
}

var (
	errNoCollection = &api.Error{Code: "not-found", Message: "there is no such collection for this seat"}
	errCatalogue    = &api.Error{Code: "unavailable", Message: "the hub's catalogue cannot answer now; ask again later"}
)

// Read returns a page of a collection. pick chooses among the collections that
// the caller has at this moment, nil if none is meant: that is answered as a
// collection that may not be read is, and as one that does not exist. account is
// that of the caller's seat, empty for an anonymous caller. Bytes are read only
// if asked for. Read sets q.Until.
//
// Errors are *api.Error: not-found (no such collection for this caller),
// unavailable (the catalogue or the store cannot answer now).
func (h *Hub) Read(ctx context.Context, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, withBytes bool) (Reading, error) {
	return inForce(ctx, h, func(r *policy.Region) (Reading, error) {
		return h.readIn(ctx, r, account, pick, q, withBytes)
	})
}

// rereads is how often a question is answered anew because the directory changed
// meanwhile; rereadsErased because something was erased, before erasures wait for
// the answer.
const (
	rereads       = 20
	rereadsErased = 8
)

// inForce answers a question by the directory that is in force when the answer is
// complete: whoever loses a right has lost it when the change is acknowledged, and
// what is erased is in no answer that is complete after that. The
// gate is not held while the answer is made, so that no reader keeps a change
// waiting; an erasure waits for a reader whom others have kept from an answer.
func inForce[T any](ctx context.Context, h *Hub, answer func(*policy.Region) (T, error)) (T, error) {
	var none T
	for changes, erased := 0, 0; changes < rereads; {
		n, r := h.erasures.count(), h.Region()
		if erased == rereadsErased {
			h.erasures.mu.RLock()
			defer h.erasures.mu.RUnlock()
			n, erased = h.erasures.count(), erased+1
		}
		out, err := answer(r)
		now, still, gone := h.nowIn(ctx)
		if h.mayServe() != nil {
			return none, errCatalogue
		}
		switch {
		case gone != nil:
			return none, gone
		case now != r:
			changes++
		case still != n || n%2 == 1: // odd while something is being erased
			erased++
			if ctx.Err() != nil {
				return none, ctx.Err()
			}
		default:
			return out, err
		}
	}
	return none, errCatalogue
}

// erasures counts what is erased: odd while a message is, each time two more.
type erasures struct {
	// mu is held for writing while something is erased, for reading by who could
	// not get to an answer otherwise.
	mu sync.RWMutex
	n  atomic.Uint64
}

func (e *erasures) count() uint64 { return e.n.Load() }

// during calls f while something is erased.
func (e *erasures) during(f func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n.Add(1)
	defer e.n.Add(1)
	return f()
}

// nowIn waits for a change that is under way, and returns the directory in force
// and how many messages were erased.
func (h *Hub) nowIn(ctx context.Context) (*policy.Region, uint64, error) {
	for !h.gate.TryRLock() {
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	defer h.gate.RUnlock()
	return h.Region(), h.erasures.count(), nil
}

// readIn answers Read by one state of the directory.
func (h *Hub) readIn(ctx context.Context, r *policy.Region, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, withBytes bool) (Reading, error) {
	c := pick(collectionsOf(r, account))
	if c == nil || !c.Read {
		return Reading{}, errNoCollection
	}
	// Read before the page is: what is stored from now on may be left out.
	q.Until = 0
	if len(c.Sources) > 1 {
		q.Until = h.Watermark()
	}
	page, err := h.index.Page(ctx, viewOf(r, c), q)
	if err != nil {
		return Reading{}, h.unanswered(ctx, "reading a page", err)
	}
	page = shortened(page)
	out := Reading{Page: page}
	if withBytes {
		if out.Runs, err = h.runs(ctx, page.Items); err != nil {
			return Reading{}, h.unanswered(ctx, "reading the objects of a page", err)
		}
	}
	return out, nil
}

// Bounds of one page: of its objects, of which a thousand may have a GiB, and of
// the messages that must be read for them, which are larger than what is known of
// them here.
const (
	maxReadBytes    = 8 << 20
	maxMessageBytes = 64 << 20
)

// shortened ends a page where it becomes more than one answer should hold or
// cost; the first object is always in it. It does so as well where the bytes are
// not asked for, so that a page is the same page then.
func shortened(p catalog.Page) catalog.Page {
	size, messages := 0, 0
	for i := range p.Items {
		it := &p.Items[i]
		size += it.Length
		messages += it.Length
		if i == 0 || itemAt(it) != itemAt(&p.Items[i-1]) {
			messages += it.Offset
		}
		if (size > maxReadBytes || messages > maxMessageBytes) && i > 0 {
			p.Items, p.More, p.Next = p.Items[:i], true, p.Items[i-1].Place.Added
			break
		}
	}
	return p
}

// unanswered logs why a question had no answer, unless the asker has gone.
func (h *Hub) unanswered(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	h.log.Error("a question could not be answered", "doing", doing, "error", err)
	return errCatalogue
}

// Collections lists what the seat of an account may read or write to now; of an
// empty account, what anonymous callers may read. An account that is no seat's
// has none.
func (h *Hub) Collections(account string) []policy.Collection {
	return collectionsOf(h.Region(), account)
}

func collectionsOf(r *policy.Region, account string) []policy.Collection {
	if account == "" {
		return r.Collections(nil)
	}
	seat := r.SeatByAccount(account)
	if seat == nil {
		return nil
	}
	return r.Collections(seat)
}

// viewOf spells a collection as the catalogue knows streams.
func viewOf(r *policy.Region, c *policy.Collection) catalog.View {
	v := catalog.View{Origin: c.Origin, Type: c.Type}
	if !c.Since.IsZero() {
		v.Since = c.Since.UnixMicro()
	}
	for _, s := range c.Sources {
		v.Parts = append(v.Parts, catalog.Part{Stream: r.Name(s.Stream), From: s.From})
	}
	return v
}

// Watermark is the date_added, in Unix microseconds, up to which every stream
// shows all it will ever show. What was stamped later may still be on its way to
// the disk in one stream while another shows its neighbours.
func (h *Hub) Watermark() int64 {
	if !h.leading() {
		return h.follow.watermark.Load()
	}
	return h.writers.clock.settledUpTo()
}

// itemAt is the message that holds an item's bytes now.
func itemAt(it *catalog.Item) messageAt { return messageAt{it.Place.Stream, it.Physical} }

// messagesAtOnce bounds how many messages are held to make a page of them.
const messagesAtOnce = 32

// runs reads the bytes of items.
func (h *Hub) runs(ctx context.Context, items []catalog.Item) (out []Run, err error) {
	for len(items) > 0 {
		n := reach(items, messagesAtOnce)
		messages, err := h.messagesOf(ctx, items[:n])
		if err != nil {
			return nil, err
		}
		if out, err = cutRuns(out, items[:n], messages); err != nil {
			return nil, err
		}
		items = items[n:]
	}
	return out, nil
}

// How often, and after what time, a message is read again that a copy of its stream
// may not have yet.
const (
	copyTries = 20
	copyWait  = 25 * time.Millisecond
)

// messagesOf reads the messages of items. In a cluster any node's copy may answer, and
// may be a little behind what the catalogue knows.
func (h *Hub) messagesOf(ctx context.Context, items []catalog.Item) (map[messageAt][]byte, error) {
	for try := 1; ; try++ {
		messages, err := h.messages.get(ctx, h.js, items)
		behind := errors.Is(err, errNotAsKnown) || errors.Is(err, jetstreamext.ErrNoMessages)
		if !behind || h.lead == nil || try == copyTries {
			return messages, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(copyWait):
		}
	}
}

// reach is how many of the items stand in the first so many messages.
func reach(items []catalog.Item, messages int) int {
	for i := 1; i < len(items); i++ {
		if itemAt(&items[i]) != itemAt(&items[i-1]) {
			if messages--; messages == 0 {
				return i
			}
		}
	}
	return len(items)
}

// cutRuns cuts items out of their messages.
func cutRuns(out []Run, items []catalog.Item, messages map[messageAt][]byte) ([]Run, error) {
	for i := 0; i < len(items); {
		first := &items[i]
		at := itemAt(first)
		data, end := messages[at], first.Offset+first.Length
		n := 1
		for ; i+n < len(items); n++ {
			next := &items[i+n]
			if itemAt(next) != at || next.Offset != end+1 {
				break
			}
			end = next.Offset + next.Length
		}
		if first.Offset < 0 || end > len(data) {
			return nil, fmt.Errorf("message %d of %s has %d bytes and the catalogue knows of %d: %w", at.Seq, at.Stream, len(data), end, errNotAsKnown)
		}
		run := data[first.Offset:end:end]
		if len(run) < len(data)/4 {
			run = bytes.Clone(run) // a few of many objects do not keep the message
		}
		out = append(out, Run{Data: run, Objects: n})
		i += n
	}
	return out, nil
}

var errNotAsKnown = errors.New("the catalogue does not agree with the stream")
