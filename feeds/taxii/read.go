package taxii

import (
	"context"
	"net/http"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

const (
	// hubTimeout bounds the hub's part of one answer.
	hubTimeout = 30 * time.Second
	// searchWithin is how long one request goes on through stretches of which
	// nothing matches before it answers an empty page that says there is more.
	// There are clients that end at such a page, so it is the last resort: what is
	// left of hubTimeout is for the stretch that is under way then.
	searchWithin = 20 * time.Second
	// rereads is how often a page is read anew because the caller's rights
	// changed while it was.
	rereads = 5
)

// pages answers with a page of a collection, written as a list: objects (TAXII 2.1
// §5.4, §5.6), manifest (§5.3) or versions (§5.8). Of one object it tells first
// whether the collection has it.
func pages(list func(*page) body) handler {
	return func(s *Server, w http.ResponseWriter, r *request) *problem {
		pg, p := s.page(r)
		if p == nil && r.id != "" {
			p = s.orAbsent(r, pg)
		}
		if p != nil {
			return p
		}
		return s.writePage(w, r, pg, list(pg))
	}
}

// orAbsent tells an object that the collection does not have from one that the
// filters leave out.
func (s *Server) orAbsent(r *request, pg *page) *problem {
	if len(pg.items) > 0 || pg.more {
		return nil
	}
	return s.present(r, pg.sources)
}

// present answers 404 if the collection does not have the object in any version.
func (s *Server) present(r *request, sources digest) *problem {
	if !identifier.MatchString(r.id) {
		return notFound()
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubTimeout)
	defer cancel()
	q := catalog.Query{IDs: []string{r.id}, Versions: []string{catalog.VersionAll}, Limit: 1}
	for {
		got, changed, err := s.readOnce(ctx, r, sources, q, false)
		switch {
		case err != nil:
			return fromError(err)
		case changed:
			// What it may read is being changed: whatever it is told is right.
			return notFound()
		case len(got.Items) > 0:
			return nil
		case !got.More:
			return notFound()
		}
		q.After = got.Next
	}
}

// page reads the page that a request asks for.
func (s *Server) page(r *request) (*page, *problem) {
	c, n, p := s.find(r)
	if p != nil {
		return nil, p
	}
	q, p := parseQuery(r.URL.RawQuery, s.maxPage, r.at.params...)
	if p != nil {
		return nil, p
	}
	if r.id != "" && !identifier.MatchString(r.id) {
		return nil, notFound()
	}
	if !c.Read {
		return nil, forbidden("this seat may write to the collection and not read it (can_read is false)")
	}
	from := next{query: digestOf(r.root.path, r.at.label, n.id, r.id, q.text())}
	ask := q.catalog(r.id)
	if r.at.every {
		ask.Versions = []string{catalog.VersionAll}
	}
	if q.next != "" {
		given, ok := parseNext(q.next)
		if !ok || given.query != from.query {
			return nil, badRequest("next does not belong to this query: repeat the query as it was with the next of its last page, or begin anew without")
		}
		from, ask.After = *given, given.after
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubTimeout)
	defer cancel()
	until := time.Now().Add(s.searchWithin)
	for range rereads {
		sources := sourcesOf(s.hub.Region(), c)
		ask.Repeat = from.repeat || q.next != "" && from.sources != sources
		for {
			got, changed, err := s.readOnce(ctx, r, sources, ask, r.at.bytes && r.Method != http.MethodHead)
			if err != nil {
				return nil, fromError(err)
			}
			if changed {
				break
			}
			if len(got.Items) == 0 && got.More && time.Now().Before(until) {
				ask.After = got.Next
				continue
			}
			pg := &page{collection: c, sources: sources, items: got.Items, runs: got.Runs, more: got.More}
			if got.More {
				t := next{after: got.Next, repeat: ask.Repeat, query: from.query, sources: sources}
				pg.next = t.token()
			}
			return pg, nil
		}
		if c, _, p = s.find(r); p != nil {
			return nil, p
		}
		if !c.Read {
			return nil, notFound()
		}
	}
	return nil, newProblem(http.StatusServiceUnavailable, "busy", "what this seat may read is being changed; ask again shortly").waiting(0)
}

// readOnce reads the collection of the path if it still gathers what sources
// says, and reports a change otherwise.
func (s *Server) readOnce(ctx context.Context, r *request, sources digest, q catalog.Query, bytes bool) (got broker.Reading, changed bool, err error) {
	got, err = s.hub.Read(ctx, r.who.account(), func(all []policy.Collection) *policy.Collection {
		region := s.hub.Region()
		c := r.root.find(region, all, r.who, r.collection)
		if c != nil && sourcesOf(region, c) != sources {
			changed = true
			return nil
		}
		return c
	}, q, bytes)
	if changed {
		return broker.Reading{}, true, nil
	}
	return got, false, err
}

// isClear reports whether all that a collection can hold is TLP:CLEAR.
func isClear(c *policy.Collection) bool {
	return c.Kind == policy.OneStream && c.Stream.Level == stix.Clear
}
