package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func TestAServerIsFoundByAnyOfItsURLs(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"", "/", "/taxii2", "/taxii2/", "/some/page", "/api1/", "/api1", "/api1/collections/", "/api1/collections/" + taxiitest.CollectionID + "/objects/?limit=1"} {
		c := ask(t, s.URL+path)
		server, err := c.Discover(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if r := server.Roots[0]; r.Title != "First root" || r.URL != s.URL+"/api1/" || r.MaxContentLength != 1<<20 || r.Err != nil {
			t.Fatalf("%s: %+v", path, r)
		}
		for _, name := range []string{taxiitest.CollectionID, strings.ToUpper(taxiitest.CollectionID), taxiitest.CollectionAlias, taxiitest.CollectionTitle} {
			if col, err := c.Find(t.Context(), name); err != nil || col.ID != taxiitest.CollectionID || !col.CanRead {
				t.Fatalf("%s: %+v, %v", name, col, err)
			}
		}
		_, err = c.Find(t.Context(), "no such")
		if !errors.Is(err, ErrNoCollection) || !strings.Contains(err.Error(), taxiitest.CollectionTitle) {
			t.Fatal(err)
		}
	}
}

func TestAnAPIRootThatCannotBeReadDoesNotHideTheOthers(t *testing.T) {
	s := newServer(t)
	server, err := ask(t, s.URL).Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var refused *Error
	if len(server.Roots) != 2 || !errors.As(server.Roots[1].Err, &refused) || refused.Status != 404 {
		t.Fatalf("%+v", server.Roots)
	}
}

func TestWhatIsNoTAXIIServerIsTold(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                              "neither a discovery resource nor an API root",
		`{"title":5}`:                     "not TAXII 2.1",
		`<html>`:                          "not TAXII 2.1",
		`{"title":"x"`:                    "ends in the middle",
		`"` + strings.Repeat("x", 17<<20): "larger than",
	} {
		s := newServer(t)
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", mediaType)
			fmt.Fprint(w, body)
			return true
		}
		_, err := ask(t, s.URL).Discover(t.Context())
		mustSay(t, err, want)
	}
}

func TestANameOfSeveralCollectionsIsNotGuessed(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/collections/") {
			return false
		}
		w.Header().Set("Content-Type", mediaType)
		fmt.Fprint(w, `{"collections":[{"id":"1","title":"Same"},{"id":"2","title":"same"},{"id":"3","alias":"SAME"},{"id":"4","alias":"other","title":"1"}]}`)
		return true
	}
	c := ask(t, s.URL)
	for name, want := range map[string]string{"same": "3", "1": "1", "OTHER": "4"} {
		if col, err := c.Find(t.Context(), name); err != nil || col.ID != want {
			t.Fatalf("%s: %+v, %v", name, col, err)
		}
	}
	_, err := pick([]Collection{{ID: "1", Title: "a", Root: &Root{}}, {ID: "2", Title: "A", Root: &Root{}}}, "a")
	mustSay(t, err, "is the name of 2")
}

func TestACollectionThatIsNotListedIsFoundByItsID(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/collections/") {
			taxiitest.Fail(w, http.StatusForbidden, "The list is secret")
			return true
		}
		return false
	}
	c := ask(t, s.URL)
	if col, err := c.Find(t.Context(), taxiitest.CollectionID); err != nil || col.Title != taxiitest.CollectionTitle {
		t.Fatalf("%+v, %v", col, err)
	}
	_, err := c.Find(t.Context(), taxiitest.CollectionAlias)
	mustSay(t, err, "The list is secret")
}

func TestACollectionThatNobodyCouldLookForIsNotToldToBeMissing(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable} {
		for _, at := range []string{"/api1/", "/api1/collections/", "/gone/"} {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == at {
					taxiitest.Fail(w, status, "Not for you")
				}
				return r.URL.Path == at
			}
			_, err := ask(t, s.URL).Find(t.Context(), "no such")
			var refused *Error
			if errors.Is(err, ErrNoCollection) || !errors.As(err, &refused) || refused.Status != status {
				t.Fatalf("%s with %d: %v", at, status, err)
			}
			if errors.Is(err, ErrUnreachable) != (status == http.StatusServiceUnavailable) {
				t.Fatalf("%s with %d: %v", at, status, err)
			}
		}
	}
}

func TestAServerIsFoundBesideWhatIsNotForItsUser(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		for _, at := range []string{"/", "/taxii2/"} {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				switch r.URL.Path {
				case at:
					taxiitest.Fail(w, status, "Not for you")
				case "/", "/taxii2/":
					w.Header().Set("Content-Type", mediaType)
					fmt.Fprint(w, `{"title":"Here","api_roots":["/api1/"]}`)
				default:
					return false
				}
				return true
			}
			for _, path := range []string{"", "/"} {
				if server, err := ask(t, s.URL+path).Discover(t.Context()); err != nil || server.Title != "Here" {
					t.Fatalf("%s with %d: %+v, %v", at, status, server, err)
				}
			}
		}
	}
}

func TestASearchThatFindsNothingTellsWhatStoodInItsWay(t *testing.T) {
	for name, tt := range map[string]struct {
		url    string
		status map[string]int // by path; else 404
		want   string
	}{
		"a denial before a denial":    {"", map[string]int{"/taxii2/": 401, "/": 403}, "/taxii2/: the server answers 401"},
		"a denial before nothing":     {"", map[string]int{"/taxii2/": 403}, "/taxii2/: the server answers 403"},
		"a denial after nothing":      {"/some/page", map[string]int{"/taxii2/": 401}, "/taxii2/: the server answers 401"},
		"a denial of what was named":  {"/api1/", map[string]int{"/api1/": 403, "/taxii2/": 401}, "/api1/: the server answers 403"},
		"nothing where it was sought": {"/some/page", nil, "/some/page/: the server answers 404"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				status := tt.status[r.URL.Path]
				if status == 0 {
					status = http.StatusNotFound
				}
				taxiitest.Fail(w, status, "No")
				return true
			}
			_, err := ask(t, s.URL+tt.url).Discover(t.Context())
			mustSay(t, err, tt.want)
		})
	}
}
