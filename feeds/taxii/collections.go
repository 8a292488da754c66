package taxii

import (
	"net/http"

	"github.com/selat-hub/selat/broker/policy"
)

// collectionResource is a collection as one caller has it (TAXII 2.1 §5.2.1).
type collectionResource struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"`
}

func resourceOf(c *policy.Collection, n name) collectionResource {
	return collectionResource{n.id, n.title, n.description, n.alias, c.Read, c.Write, []string{mediaSTIX + "2.1"}}
}

// collections lists what the caller has, all in one: there are a few for each
// community (TAXII 2.1 §5.1).
func (s *Server) collections(w http.ResponseWriter, r *request) *problem {
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	var list struct {
		Collections []collectionResource `json:"collections,omitempty"`
	}
	region := s.hub.Region()
	all := s.hub.Collections(r.who.account())
	for i := range all {
		if n := r.root.name(region, &all[i], r.who); n.id != "" {
			list.Collections = append(list.Collections, resourceOf(&all[i], n))
		}
	}
	writeJSON(w, r.Request, http.StatusOK, list)
	return nil
}

// collection is one of them (TAXII 2.1 §5.2).
func (s *Server) collection(w http.ResponseWriter, r *request) *problem {
	c, n, p := s.find(r)
	if p != nil {
		return p
	}
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	writeJSON(w, r.Request, http.StatusOK, resourceOf(c, n))
	return nil
}

// find returns the collection that the path names among those of the caller.
func (s *Server) find(r *request) (*policy.Collection, name, *problem) {
	region := s.hub.Region()
	c := r.root.find(region, s.hub.Collections(r.who.account()), r.who, r.collection)
	if c == nil {
		return nil, name{}, notFound()
	}
	return c, r.root.name(region, c, r.who), nil
}
