package taxii

import "net/http"

// remove answers a DELETE of an object (TAXII 2.1 §5.7): it is there, and stays.
// Others have it already, and only a recall tells them to forget it.
func (s *Server) remove(_ http.ResponseWriter, r *request) *problem {
	c, _, p := s.find(r)
	if p != nil {
		return p
	}
	if _, p := parseQuery(r.URL.RawQuery, s.maxPage, paramVersion, paramSpecVersion); p != nil {
		return p
	}
	if c.Read {
		if p := s.present(r, sourcesOf(s.hub.Region(), c)); p != nil {
			return p
		}
	}
	return forbidden("objects are not deleted over TAXII, since those who received them have them: publish a version with revoked true instead")
}
