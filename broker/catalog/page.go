package catalog

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// View is the streams that a caller reads together, as policy decided: each from
// its first open sequence on, and of their objects only those of one origin and
// type where these are set.
type View struct {
	Parts        []Part
	Origin, Type string
	// Since leaves out what was added at that time or before, in Unix
	// microseconds, as if it were not there.
	Since int64
}

// Part is one stream of a View, and the first sequence of it that is open.
type Part struct {
	Stream string
	From   uint64
}

// Keywords of Query.Versions (TAXII 2.1 §3.4.1).
const (
	VersionFirst = "first"
	VersionLast  = "last"
	VersionAll   = "all"
)

// Query asks for a page of a View.
type Query struct {
	// After leaves out what was added at that time or before, in Unix
	// microseconds. It is the cursor: no two objects have the same date_added,
	// and a place among them is good on any node and after a rebuild.
	After int64
	// Until leaves out what was added after that time; 0 is no bound. A view of
	// several streams needs one: what is stored in one stream may have been
	// stamped before what another already shows (Hub.Watermark).
	Until int64
	// IDs, Types and SpecVersions are what an object may have, any of them;
	// empty takes all. Without SpecVersions only the latest specification that
	// each object is known in counts.
	IDs, Types, SpecVersions []string
	// Versions holds keywords and timestamps; empty is VersionLast. Which is
	// first and last is told per origin, among what the view shows and
	// SpecVersions leaves.
	Versions []string
	// Limit is the most objects in the page, 1 or more.
	Limit int
	// Repeat tells an object again at a further place where its first is not
	// after After. It is for callers whose view has grown since.
	Repeat bool
}

// Item is one object of a page: what it is, and where its bytes are.
type Item struct {
	Origin, ID, Type string
	// Version is modified, else created, as written in the object, else
	// date_added (TAXII 2.1 §5.3); Unversioned
	// is true of the last.
	Version     string
	Unversioned bool
	SpecVersion string
	Place       Place
	// Physical is the sequence of the message that holds the object's bytes: that
	// of Place unless it moved (Index.At). Offset and Length are the bytes within it.
	Physical       uint64
	Offset, Length int
}

// Page is a run of a view, in the order of date_added.
type Page struct {
	Items []Item
	// More is true if there is more after Next, or may be.
	More bool
	// Next is the After that goes on from here.
	Next int64
}

// workPerPage bounds how many objects a page looks at: where few pass the
// filters, it takes several pages to find them.
const workPerPage = 200_000

// pageTries bounds how often a page is begun anew because what it found was erased
// before it was read: another version may then be the one to tell.
const pageTries = 4

// Page returns a page of a view. A page may hold fewer objects than the limit,
// even none, and still be followed by more: the work for one page is bounded.
func (x *Index) Page(ctx context.Context, v View, q Query) (Page, error) {
	if err := x.enter(); err != nil {
		return Page{}, err
	}
	defer x.gate.RUnlock()
	var p Page
	var err error
	for range pageTries {
		s := newSelection(x, v, q)
		page := s.scan
		if len(q.IDs) > 0 {
			page = s.byID
		}
		if p, err = page(ctx); err != nil || !s.outdated {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		err = x.fault("reading a page", err)
	}
	return p, err
}

// byID looks each object up by its name, in all that its origins published.
func (s *selection) byID(ctx context.Context) (Page, error) {
	var found []Item
	for _, id := range slices.Compact(slices.Sorted(slices.Values(s.q.IDs))) {
		for _, origin := range s.names.origins {
			if s.v.Origin != "" && s.v.Origin != origin {
				continue
			}
			if err := ctx.Err(); err != nil {
				return Page{}, err
			}
			if err := s.ofObject(ctx, form{origin, id}, &found); err != nil {
				return Page{}, err
			}
		}
	}
	slices.SortFunc(found, func(a, b Item) int { return cmp.Compare(a.Place.Added, b.Place.Added) })
	page := Page{Items: found, Next: s.q.After}
	if page.More = len(found) > s.q.Limit; page.More {
		page.Items = found[:s.q.Limit]
	}
	if n := len(page.Items); n > 0 {
		page.Next = page.Items[n-1].Place.Added
	}
	return page, nil
}

// ofObject adds the versions of an object that are asked for. Of more than a page
// holds it keeps those that were added first.
func (s *selection) ofObject(ctx context.Context, f form, found *[]Item) error {
	typ := (&described{id: f.id}).typ()
	if !s.wants(typ) {
		return nil
	}
	most := 2*s.q.Limit + 64
	return s.eachVersion(ctx, f, func(v *shownVersion) error {
		p := v.first
		if v.again != (storedPlace{}) {
			p = v.again
		}
		if p.added <= s.q.After {
			return nil
		}
		text := v.key
		if v.unversioned() {
			text = addedText(p.added)
		}
		wanted, err := s.wantsShown(ctx, f, v, text)
		if err != nil || !wanted {
			return err
		}
		it, err := s.item(p)
		if err == errErased {
			return nil
		}
		if *found = append(*found, it); len(*found) > most {
			*found = earliest(*found, s.q.Limit+1)
		}
		return err
	})
}

// earliest keeps so many of the items that were added first.
func earliest(items []Item, n int) []Item {
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.Place.Added, b.Place.Added) })
	return items[:min(n, len(items))]
}

// scan goes through the streams of a view side by side, by date_added.
func (s *selection) scan(ctx context.Context) (page Page, err error) {
	var runs runs
	defer func() { err = errors.Join(err, runs.close()) }()
	for _, p := range s.parts {
		r, err := s.x.openRun(p, s.v.Origin, s.q.After)
		if r != nil {
			runs = append(runs, r)
		}
		if err != nil {
			return Page{}, err
		}
	}
	s.q.After = max(s.q.After, s.v.Since)
	page = Page{Next: s.q.After, Items: make([]Item, 0, min(s.q.Limit, 1024))}
	for ; ; s.work++ {
		r := runs.first()
		if r == nil {
			return page, nil
		}
		d := &r.listing[r.at]
		if s.q.Until > 0 && d.added > s.q.Until {
			return page, nil
		}
		if len(page.Items) == s.q.Limit || s.work >= workPerPage {
			// What follows may all be passed over; then the next page is empty.
			more, err := s.anyLeft(ctx, &runs)
			page.More = more
			return page, err
		}
		it, ok, err := s.take(ctx, r, d)
		if err != nil {
			return page, err
		}
		if ok {
			page.Items = append(page.Items, it)
		}
		page.Next = max(page.Next, d.added)
		if err := r.next(); err != nil {
			return page, err
		}
		if s.work%4096 == 4095 && ctx.Err() != nil {
			return page, ctx.Err()
		}
	}
}

// anyLeft goes on until it finds what the next page would hold, or the work for
// one page is done: then there may be more.
func (s *selection) anyLeft(ctx context.Context, runs *runs) (bool, error) {
	for ; s.work < workPerPage; s.work++ {
		r := runs.first()
		if r == nil {
			return false, nil
		}
		d := &r.listing[r.at]
		if s.q.Until > 0 && d.added > s.q.Until {
			return false, nil
		}
		if _, ok, err := s.take(ctx, r, d); ok || err != nil {
			return ok, err
		}
		if err := r.next(); err != nil {
			return false, err
		}
		if s.work%4096 == 4095 && ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// take returns an object of a run if the page wants it.
func (s *selection) take(ctx context.Context, r *streamRun, d *described) (Item, bool, error) {
	if d.added <= s.q.After || s.v.Origin != "" && s.v.Origin != d.origin || !s.wants(d.typ()) {
		return Item{}, false, nil
	}
	marked, err := r.marked(d)
	if err != nil {
		return Item{}, false, err
	}
	it := itemOf(r.part.Stream, r.seq, r.physical, d)
	if !marked {
		// It is its own first and last.
		return it, s.wantsSpec(d.spec) && s.wantsVersion(it, true, true), nil
	}
	f := form{d.origin, d.id}
	v, here, err := s.here(ctx, f, &it, storedPlace{stream: r.part.no, seq: r.seq, index: d.index})
	if err != nil || !here {
		return Item{}, false, err
	}
	wanted, err := s.wantsShown(ctx, f, &v, it.Version)
	return it, wanted, err
}

func itemOf(stream string, seq, physical uint64, d *described) Item {
	it := Item{
		Origin: d.origin, ID: d.id, Type: d.typ(), Version: d.version, SpecVersion: d.spec,
		Place:    Place{Stream: stream, Seq: seq, Index: d.index, Added: d.added},
		Physical: cmp.Or(physical, seq), Offset: d.offset, Length: d.length,
	}
	if it.Version == "" {
		it.Version, it.Unversioned = addedText(d.added), true
	}
	return it
}
