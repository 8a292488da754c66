package client

import (
	"context"
	"fmt"
	"net/url"
)

// Page is what a page had that was not handed on before.
type Page struct {
	Objects []Object
	// Repeated is how many objects the page had besides, that the server gave
	// before.
	Repeated int
	// AddedFirst and AddedLast are when the first and last object of the page
	// were added to the collection, as the server says it; empty where it does
	// not.
	AddedFirst, AddedLast string
	// More tells that this is not the last page.
	More bool
}

// Totals counts what a Poll handed on.
type Totals struct {
	Pages    int `json:"pages"` // those with something new
	Objects  int `json:"objects"`
	Repeated int `json:"repeated,omitempty"`
}

// Poll hands on the objects of a collection that a query selects, page by page
// and each once, and ends with the last page there is. With a state it goes on
// where an earlier Poll stopped, for any reason: q.AddedAfter counts for the
// first one only. The state moves behind a page once visit returned nil for it;
// an error of visit ends the Poll and is returned. state may be nil.
//
// What one page has is held in memory: at most Options.PageBytes.
func (c *Client) Poll(ctx context.Context, col *Collection, q Query, state *State, visit func(context.Context, *Page) error) (Totals, error) {
	return c.objects(ctx, col.at("objects/"), q, state, visit)
}

// Object hands on the versions of one object that a query selects, as Poll does.
// q.IDs and q.Types do not apply.
func (c *Client) Object(ctx context.Context, col *Collection, id string, q Query, visit func(context.Context, *Page) error) (Totals, error) {
	if !sound(id) {
		return Totals{}, fmt.Errorf("%q is no identifier of an object", id)
	}
	q.IDs, q.Types = nil, nil
	return c.objects(ctx, col.at("objects/", id), q, nil, visit)
}

func (c *Client) objects(ctx context.Context, u *url.URL, q Query, state *State, visit func(context.Context, *Page) error) (Totals, error) {
	var sum Totals
	w := &walker{c: c, url: u, member: "objects", filters: q.filters(), at: cursor{AddedAfter: formatTime(q.AddedAfter), Limit: q.Limit}}
	if state != nil {
		var err error
		if w.at, err = state.resume(u.String(), w.filters, &q); err != nil {
			return sum, err
		}
	}
	err := w.walk(ctx, func(p *page) error {
		objects, err := identifyAll(p.items)
		if err != nil {
			return &ServerError{URL: p.url, What: "the server sends what is no object", err: err}
		}
		out := &Page{Repeated: len(p.items) - len(p.fresh), AddedFirst: p.first, AddedLast: p.last, More: p.more}
		for _, i := range p.fresh {
			out.Objects = append(out.Objects, objects[i])
		}
		if err := visit(ctx, out); err != nil {
			return err
		}
		sum.Pages++
		sum.Objects += len(out.Objects)
		sum.Repeated += out.Repeated
		return nil
	}, func(done bool) error {
		if done && w.at.Last == "" && sum.Objects > 0 && state != nil {
			c.notice("the server does not say when objects were added (X-TAXII-Date-Added-Last): the next time, all of them are received again")
		}
		if state == nil {
			return nil
		}
		return state.keep(&w.at)
	})
	return sum, err
}
