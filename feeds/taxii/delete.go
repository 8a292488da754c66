package taxii

import (
	"context"
	"net/http"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

// deleteReason is what those who hold the object are told: the standard has no
// place for another.
const deleteReason = "deleted over TAXII by its origin"

// remove answers a DELETE of an object (TAXII 2.1 §5.7): it is recalled, by its
// origin only, from the audience of the collection, and with "own" from
// everywhere. Without filters that is every version, and those to come are
// refused; match[version]=all says the same. Other filters recall the versions
// that the collection shows under them, which may be none.
func (s *Server) remove(w http.ResponseWriter, r *request) *problem {
	c, _, p := s.find(r)
	if p != nil {
		return p
	}
	q, p := parseQuery(r.URL.RawQuery, s.maxPage, paramVersion, paramSpecVersion)
	if p != nil {
		return p
	}
	switch {
	case c.Kind == policy.OneStream && !c.Read && !c.Write:
		return notFound()
	case r.who.seat == nil || c.Kind == policy.Everything || c.Kind == policy.OneStream && !(c.Read && c.Write):
		return s.orAbsentFrom(r, c, forbidden("this seat may not delete here: delete in a collection with can_read and can_write, or in \"own\" for everywhere"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), hubTimeout)
	defer cancel()
	orders, p := s.recallsFor(ctx, r, c, q)
	if p != nil {
		return p
	}
	for _, o := range orders {
		// Of several an earlier one may have stood in for this one.
		if _, err := s.hub.Recall(ctx, r.who.account(), o); err != nil {
			if p := fromError(err); p.status != http.StatusNotFound || len(orders) == 1 {
				return p
			}
		}
	}
	// The standard has no body here; clients that read one find it empty.
	writeBytes(w, r.Request, http.StatusOK, []byte("{}"))
	return nil
}

// orAbsentFrom answers p, where the caller may know that the object is there.
func (s *Server) orAbsentFrom(r *request, c *policy.Collection, p *problem) *problem {
	if c.Read {
		if absent := s.present(r, sourcesOf(s.hub.Region(), c)); absent != nil {
			return absent
		}
	}
	return p
}

// recallsFor lists the orders that a DELETE comes to.
func (s *Server) recallsFor(ctx context.Context, r *request, c *policy.Collection, q *query) ([]api.RecallRequest, *problem) {
	order := api.RecallRequest{ID: r.id, Reason: deleteReason}
	if c.Kind == policy.OneStream {
		order.From = c.Stream.Audience
	}
	all := catalog.Query{IDs: []string{r.id}, Versions: []string{catalog.VersionAll}, Limit: s.maxPage}
	stored, p := s.ownItems(ctx, r, c, all)
	if p != nil {
		return nil, p
	}
	if len(stored) == 0 {
		return nil, s.orAbsentFrom(r, c, forbidden("the object is another member's: only its origin deletes it"))
	}
	versions := q.match[paramVersion]
	whole := len(versions) == 0 || len(versions) == 1 && versions[0] == catalog.VersionAll
	if whole && len(q.match[paramSpecVersion]) == 0 {
		return []api.RecallRequest{order}, nil
	}
	ask := q.catalog(r.id)
	if len(versions) == 0 {
		ask.Versions = []string{catalog.VersionAll}
	}
	matched, p := s.ownItems(ctx, r, c, ask)
	if p != nil {
		return nil, p
	}
	var out []api.RecallRequest
	for _, it := range matched {
		if it.Unversioned {
			// The forms of an observable are told apart by bytes, which no filter
			// names: it goes as one.
			return []api.RecallRequest{order}, nil
		}
		order.Version = it.Version
		out = append(out, order)
	}
	return out, nil
}

// ownItems reads what the collection shows of the caller's own member.
func (s *Server) ownItems(ctx context.Context, r *request, c *policy.Collection, q catalog.Query) (out []catalog.Item, p *problem) {
	if !identifier.MatchString(r.id) {
		return nil, notFound()
	}
	q.Limit = s.maxPage
	sources := sourcesOf(s.hub.Region(), c)
	for {
		got, changed, err := s.readOnce(ctx, r, sources, q, false)
		switch {
		case err != nil:
			return nil, fromError(err)
		case changed:
			return nil, newProblem(http.StatusServiceUnavailable, "busy", "what this seat may read is being changed; ask again shortly").waiting(0)
		}
		for _, it := range got.Items {
			if it.Origin == r.who.member() {
				out = append(out, it)
			}
		}
		if !got.More {
			return out, nil
		}
		q.After = got.Next
	}
}
