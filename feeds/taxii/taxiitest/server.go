// Package taxiitest stands for other people's TAXII 2.1 servers in tests, as
// net/http/httptest does for other people's web servers: small, correct unless
// told otherwise, and without any of Selat's own server in it.
package taxiitest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Identifiers of the collection that each server begins with.
const (
	CollectionID    = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
	CollectionAlias = "indicators"
	CollectionTitle = "Indicators of drills"
)

const mediaType = "application/taxii+json;version=2.1"

// Server is a TAXII server with a discovery resource at /taxii2/, one API root
// at /api1/, and one collection. Its fields may be changed between requests,
// under Lock.
type Server struct {
	*httptest.Server
	sync.Mutex

	User, Password string // asked for where User is set
	PageMost       int    // objects on a page; default 100
	MaxContent     int64  // default 1 MiB
	// What other servers do wrong, or leave out.
	NoNext    bool // more without next
	NoDates   bool // no X-TAXII-Date-Added headers
	Inclusive bool // added_after takes in that time itself
	// Refuse says why the server does not take an object; "" takes it.
	Refuse func(raw []byte) string
	// Pending is how many answers say that the server has not decided yet.
	Pending int
	// Before sees each request first, and answers it itself by returning true.
	Before func(w http.ResponseWriter, r *http.Request) bool

	// Requests are the paths and queries that were asked for.
	Requests []string

	objects []object
	cursors map[string]cursor
	made    int // cursors and statuses, for their names
	status  map[string]map[string]any
}

type object struct {
	raw                json.RawMessage
	id, typ, version   string
	specVersion, added string
}

type cursor struct {
	query string // that it belongs to
	from  int
}

// New starts a server; Close ends it.
func New() *Server {
	s := stopped()
	s.Start()
	return s
}

// NewTLS is New with https.
func NewTLS() *Server {
	s := stopped()
	s.StartTLS()
	return s
}

func stopped() *Server {
	s := &Server{PageMost: 100, MaxContent: 1 << 20, cursors: map[string]cursor{}, status: map[string]map[string]any{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	return s
}

// Put adds an object at a time, which must not be before that of the last.
func (s *Server) Put(raw string, added time.Time) {
	s.Lock()
	defer s.Unlock()
	s.put([]byte(raw), added)
}

func (s *Server) put(raw []byte, added time.Time) object {
	var o struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		SpecVersion string `json:"spec_version"`
		Created     string `json:"created"`
		Modified    string `json:"modified"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		panic(err)
	}
	if o.Modified == "" {
		o.Modified = o.Created
	}
	made := object{slices.Clone(raw), o.ID, o.Type, o.Modified, o.SpecVersion, added.UTC().Format("2006-01-02T15:04:05.000000Z")}
	s.objects = append(s.objects, made)
	return made
}

// Raws are the objects there are.
func (s *Server) Raws() (raws []string) {
	s.Lock()
	defer s.Unlock()
	for _, o := range s.objects {
		raws = append(raws, string(o.raw))
	}
	return raws
}

// ForgetNext makes every next that was given a wrong one, as a restart does.
func (s *Server) ForgetNext() {
	s.Lock()
	defer s.Unlock()
	clear(s.cursors)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	defer s.Unlock()
	s.Requests = append(s.Requests, r.Method+" "+r.URL.RequestURI())
	if s.Before != nil && s.Before(w, r) {
		return
	}
	if user, password, _ := r.BasicAuth(); s.User != "" && (user != s.User || password != s.Password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		Fail(w, http.StatusUnauthorized, "Who are you?")
		return
	}
	const col = "/api1/collections/" + CollectionID + "/"
	switch path := r.URL.Path; {
	case path == "/taxii2/":
		answer(w, 200, map[string]any{"title": "Test server", "description": "For tests", "default": s.URL + "/api1/", "api_roots": []string{s.URL + "/api1/", "/gone/"}})
	case path == "/api1/":
		answer(w, 200, map[string]any{"title": "First root", "versions": []string{mediaType}, "max_content_length": s.MaxContent})
	case path == "/api1/collections/":
		answer(w, 200, map[string]any{"collections": []any{collection()}})
	case path == col || path == "/api1/collections/"+CollectionAlias+"/":
		answer(w, 200, collection())
	case path == col+"objects/" && r.Method == http.MethodPost:
		s.add(w, r)
	case path == col+"objects/", path == col+"manifest/":
		s.page(w, r, s.objects, strings.HasSuffix(path, "manifest/"))
	case strings.HasPrefix(path, col+"objects/") && strings.HasSuffix(path, "/versions/"):
		s.versions(w, strings.TrimSuffix(strings.TrimPrefix(path, col+"objects/"), "/versions/"))
	case strings.HasPrefix(path, col+"objects/"):
		id := strings.Trim(strings.TrimPrefix(path, col+"objects/"), "/")
		one := slices.DeleteFunc(slices.Clone(s.objects), func(o object) bool { return o.id != id })
		s.page(w, r, one, false)
	case strings.HasPrefix(path, "/api1/status/"):
		s.tell(w, strings.Trim(strings.TrimPrefix(path, "/api1/status/"), "/"))
	default:
		Fail(w, http.StatusNotFound, "There is nothing here")
	}
}

func collection() map[string]any {
	return map[string]any{"id": CollectionID, "title": CollectionTitle, "alias": CollectionAlias, "can_read": true, "can_write": true}
}

func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	write(w, status, b)
}

func write(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	w.Write(b) //nolint:errcheck // the client's business
}

// Fail answers with the error resource.
func Fail(w http.ResponseWriter, status int, title string) {
	answer(w, status, map[string]any{"title": title, "description": "for a test", "error_id": "e-1", "error_code": "7", "http_status": strconv.Itoa(status)})
}

// page answers with the objects, or records of them, that a query selects. The
// envelope is put together by hand, so that objects keep their bytes.
func (s *Server) page(w http.ResponseWriter, r *http.Request, all []object, manifest bool) {
	q := r.URL.Query()
	from, next := 0, q.Get("next")
	q.Del("next")
	if next != "" {
		at, ok := s.cursors[next]
		if !ok || at.query != q.Encode() {
			Fail(w, http.StatusBadRequest, "This next is not known")
			return
		}
		from = at.from
	}
	limit := s.PageMost
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			Fail(w, http.StatusBadRequest, "This is no limit")
			return
		}
		limit = min(limit, n)
	}
	var found []object
	for i := range all {
		if s.wanted(&all[i], q.Get("added_after"), q.Get("match[id]"), q.Get("match[type]")) {
			found = append(found, all[i])
		}
	}
	found = found[min(from, len(found)):]
	more := len(found) > limit
	found = found[:min(limit, len(found))]
	if len(found) > 0 && !s.NoDates {
		w.Header().Set("X-TAXII-Date-Added-First", found[0].added)
		w.Header().Set("X-TAXII-Date-Added-Last", found[len(found)-1].added)
	}
	var items []string
	for _, o := range found {
		item := string(o.raw)
		if manifest {
			item = fmt.Sprintf(`{"id":%q,"date_added":%q,"version":%q,"media_type":"application/stix+json;version=2.1"}`, o.id, o.added, o.version)
		}
		items = append(items, item)
	}
	body := "{"
	if more && !s.NoNext {
		s.made++
		name := "next-" + strconv.Itoa(s.made)
		s.cursors[name] = cursor{q.Encode(), from + limit}
		body += `"next":"` + name + `",`
	}
	if more {
		body += `"more":true,`
	}
	if len(items) > 0 {
		body += `"objects":[` + strings.Join(items, ",") + `],`
	}
	write(w, 200, []byte(strings.TrimSuffix(body, ",")+"}"))
}

func (s *Server) wanted(o *object, after, ids, types string) bool {
	oneOf := func(list, v string) bool { return list == "" || slices.Contains(strings.Split(list, ","), v) }
	return (o.added > after || s.Inclusive && o.added == after) && oneOf(ids, o.id) && oneOf(types, o.typ)
}

func (s *Server) versions(w http.ResponseWriter, id string) {
	versions := []string{}
	for i := range s.objects {
		if s.objects[i].id == id {
			versions = append(versions, s.objects[i].version)
		}
	}
	answer(w, 200, map[string]any{"versions": versions})
}

func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if r.ContentLength > s.MaxContent {
		Fail(w, http.StatusRequestEntityTooLarge, "This is too large")
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Content-Type") != mediaType {
		Fail(w, http.StatusBadRequest, "This is no envelope")
		return
	}
	var good, bad []any
	for _, raw := range in.Objects {
		o := object{}
		why := ""
		if s.Refuse != nil {
			why = s.Refuse(raw)
		}
		if why == "" {
			o = s.put(raw, time.Now())
			good = append(good, map[string]any{"id": o.id, "version": o.version})
			continue
		}
		o = s.put(raw, time.Now())
		s.objects = s.objects[:len(s.objects)-1]
		bad = append(bad, map[string]any{"id": o.id, "version": o.version, "message": why})
	}
	s.made++
	id := "status-" + strconv.Itoa(s.made)
	s.status[id] = map[string]any{"id": id, "status": "complete", "total_count": len(in.Objects), "success_count": len(good), "failure_count": len(bad), "pending_count": 0, "successes": good, "failures": bad}
	w.Header().Set("Location", "/api1/status/"+id+"/")
	s.tellAs(w, 202, id)
}

func (s *Server) tell(w http.ResponseWriter, id string) { s.tellAs(w, 200, id) }

func (s *Server) tellAs(w http.ResponseWriter, code int, id string) {
	st, ok := s.status[id]
	switch {
	case !ok:
		Fail(w, http.StatusNotFound, "There is no such status")
	case s.Pending > 0:
		s.Pending--
		answer(w, code, map[string]any{"id": id, "status": "pending", "total_count": st["total_count"], "success_count": 0, "failure_count": 0, "pending_count": st["total_count"]})
	default:
		answer(w, code, st)
	}
}
