package catalog

import (
	"context"
	"errors"
)

// View is the streams that a caller reads together, as policy decided: each from
// its first open sequence on, and of their objects only those of one origin and
// type where these are set.
type View struct {
	Parts        []Part
	Origin, Type string
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
	// Offset and Length are the object's bytes within the message.
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

// Page returns a page of a view. A page may hold fewer objects than the limit,
// even none, and still be followed by more: the work for one page is bounded.
func (x *Index) Page(ctx context.Context, v View, q Query) (Page, error) {
	return Page{}, errors.ErrUnsupported
}
