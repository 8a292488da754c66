package taxii

import "net/http"

// discovery is the discovery resource (TAXII 2.1 §4.1.1). API roots are told as
// paths, which hold whatever name the server is reached by.
func (s *Server) discovery(w http.ResponseWriter, r *request) *problem {
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	d := struct {
		Title       string   `json:"title"`
		Description string   `json:"description,omitempty"`
		Contact     string   `json:"contact,omitempty"`
		Default     string   `json:"default,omitempty"`
		Roots       []string `json:"api_roots,omitempty"`
	}{Title: s.title, Description: s.description, Contact: s.contact}
	for _, root := range s.roots {
		d.Roots = append(d.Roots, root.path)
	}
	d.Default = s.roots[0].path
	writeJSON(w, r.Request, http.StatusOK, d)
	return nil
}

// apiRoot is the API root resource (TAXII 2.1 §4.2.1).
func (s *Server) apiRoot(w http.ResponseWriter, r *request) *problem {
	if _, p := parseQuery(r.URL.RawQuery, 1); p != nil {
		return p
	}
	writeJSON(w, r.Request, http.StatusOK, struct {
		Title       string   `json:"title"`
		Description string   `json:"description,omitempty"`
		Versions    []string `json:"versions"`
		MaxContent  int      `json:"max_content_length"`
	}{r.root.title, r.root.description, []string{mediaTAXII}, s.maxContent})
	return nil
}
