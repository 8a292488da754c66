package broker

import (
	"context"
	"errors"
	"fmt"

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
func (h *Hub) Read(ctx context.Context, account string, pick func([]policy.Collection) *policy.Collection, q catalog.Query, bytes bool) (Reading, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	r := h.Region()
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
	if bytes {
		page = shortened(page)
	}
	out := Reading{Page: page}
	if bytes {
		if out.Runs, err = h.runs(ctx, page.Items); err != nil {
			return Reading{}, h.unanswered(ctx, "reading the objects of a page", err)
		}
	}
	return out, nil
}

// maxReadBytes bounds the objects of one page: a thousand may have a GiB.
const maxReadBytes = 8 << 20

// shortened ends a page where its objects become more than one answer should
// hold; the first is always in it.
func shortened(p catalog.Page) catalog.Page {
	size := 0
	for i := range p.Items {
		if size += p.Items[i].Length; size > maxReadBytes && i > 0 {
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
	for _, s := range c.Sources {
		v.Parts = append(v.Parts, catalog.Part{Stream: r.Name(s.Stream), From: s.From})
	}
	return v
}

// Watermark is the date_added, in Unix microseconds, up to which every stream
// shows all it will ever show. What was stamped later may still be on its way to
// the disk in one stream while another shows its neighbours.
func (h *Hub) Watermark() int64 { return h.writers.clock.settledUpTo() }

// runs reads the bytes of items.
func (h *Hub) runs(ctx context.Context, items []catalog.Item) ([]Run, error) {
	messages, err := h.messages.get(ctx, h.js, items)
	if err != nil {
		return nil, err
	}
	var out []Run
	for i := 0; i < len(items); {
		first := &items[i]
		at := messageAt{first.Place.Stream, first.Place.Seq}
		data, end := messages[at], first.Offset+first.Length
		n := 1
		for ; i+n < len(items); n++ {
			next := &items[i+n]
			if next.Place.Stream != at.stream || next.Place.Seq != at.seq || next.Offset != end+1 {
				break
			}
			end = next.Offset + next.Length
		}
		if first.Offset < 0 || end > len(data) {
			return nil, fmt.Errorf("message %d of %s has %d bytes and the catalogue knows of %d: %w", at.seq, at.stream, len(data), end, errNotAsKnown)
		}
		out = append(out, Run{Data: data[first.Offset:end:end], Objects: n})
		i += n
	}
	return out, nil
}

var errNotAsKnown = errors.New("the catalogue does not agree with the stream")
