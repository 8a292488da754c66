package taxii

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestADiscoveryLeadsToTheCollections(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.TAXII.Description, c.TAXII.Contact = "Where CERTs meet", "desk@hub.example" })
	h.seat("sg/desk", policy.Both, stix.Red)
	s := h.serve()
	c := h.client(s, "sg/desk")
	var d struct {
		Title, Description, Contact, Default string
		APIRoots                             []string `json:"api_roots"`
	}
	must(t, json.Unmarshal(c.get("/taxii2/").want(http.StatusOK).Body, &d))
	if d.Title != "Selat" || d.Description != "Where CERTs meet" || d.Contact != "desk@hub.example" || d.Default != "/selat/" || !slices.Equal(d.APIRoots, []string{"/selat/"}) {
		t.Errorf("%+v", d)
	}
	var root struct {
		Title    string
		Versions []string
		Most     int `json:"max_content_length"`
	}
	must(t, json.Unmarshal(c.get("/selat/").want(http.StatusOK).Body, &root))
	if root.Title == "" || !slices.Contains(root.Versions, mediaTAXII) || root.Most != s.maxContent {
		t.Errorf("%+v", root)
	}
	seen := map[string]bool{}
	for _, col := range c.get("/selat/collections/").want(http.StatusOK).envelope().Collections {
		if seen[col.ID] || seen[col.Alias] || col.ID[14] != '4' || !strings.Contains("89ab", col.ID[19:20]) || col.Title == "" || !slices.Equal(col.MediaTypes, []string{"application/stix+json;version=2.1"}) {
			t.Errorf("%+v", col)
		}
		seen[col.ID], seen[col.Alias] = true, true
		byID, byAlias := c.get(path(col.ID, "")).want(http.StatusOK), c.get(path(col.Alias, "")).want(http.StatusOK)
		var one collectionResource
		must(t, json.Unmarshal(byID.Body, &one))
		if one.ID != col.ID || string(byID.Body) != string(byAlias.Body) {
			t.Errorf("%s is %s, and %s", col.ID, byID.Body, byAlias.Body)
		}
	}
	for _, alias := range []string{"asean-amber", "region-clear", "inbox", "own", "everything"} {
		if !seen[alias] {
			t.Errorf("there is no %s", alias)
		}
	}
}

func TestAnyoneMayReadWhatIsClearWhereTheHubLetsThem(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.TAXII.Anonymous = true })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	sg, anyone := h.client(s, "sg/desk"), h.client(s, "")
	sg.publish("asean-clear", indicator(1, january))
	sg.publish("asean-green", indicator(2, january))
	got := anyone.get(path("asean-clear", "objects/")).want(http.StatusOK)
	if len(got.envelope().Objects) != 1 || got.Header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("%s %v", got.Body, got.Header)
	}
	for _, col := range anyone.get("/selat/collections/").envelope().Collections {
		if !strings.HasSuffix(col.Alias, "-clear") || !col.CanRead || col.CanWrite {
			t.Errorf("%+v", col)
		}
	}
	absent := anyone.get(path("nothing", "objects/")).want(http.StatusNotFound).same()
	for _, p := range []string{path("asean-green", "objects/"), path("own", "objects/"), path("everything", "manifest/"), "/selat/status/00000000-0000-4000-8000-000000000000/"} {
		if got := anyone.get(p); got.same() != absent {
			t.Errorf("%s tells %s", p, got.same())
		}
	}
	anyone.do(http.MethodPost, path("asean-clear", "objects/"), envelopeOf(indicator(3, january))).want(http.StatusForbidden)
	anyone.get("/taxii2/", "Authorization", "Bearer wrong").want(http.StatusUnauthorized)
}

// TestWhatACallerMayNotSeeIsAnsweredAsIfItWereNot compares every verb and path
// on a collection of another member, of a private community and above the
// ceiling with one that nobody has.
func TestWhatACallerMayNotSeeIsAnsweredAsIfItWereNot(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Red)
	h.seat("my/low", policy.Subscriber, stix.Green)
	h.seat("us/desk", policy.Both, stix.Red)
	s := h.serve()
	sg := h.client(s, "sg/desk")
	sg.publish("asean-amber", indicator(1, january))
	hidden := map[string]string{} // by why
	for _, col := range sg.get("/selat/collections/").envelope().Collections {
		switch col.Alias {
		case "asean-amber", "inbox", "own":
			hidden[col.Alias] = col.ID
		}
	}
	absent := "00000000-0000-4000-8000-000000000000"
	for user, why := range map[string][]string{"my/low": {"asean-amber", "inbox", "own"}, "us/desk": {"asean-amber", "inbox", "own"}} {
		c := h.client(s, user)
		for _, w := range why {
			for _, rest := range []string{"", "manifest/", "objects/", "objects/" + idOf(1) + "/", "objects/" + idOf(1) + "/versions/", "objects/?limit=0", "objects/?next=x", "manifest/?colour=red"} {
				for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PUT"} {
					for _, accept := range []string{mediaTAXII, "text/html"} {
						there := c.do(method, path(hidden[w], rest), nil, "Accept", accept)
						not := c.do(method, path(absent, rest), nil, "Accept", accept)
						if there.same() != not.same() || method == "GET" && accept == mediaTAXII && there.Status != http.StatusNotFound {
							t.Errorf("%s: %s of %s/%s: %s, and of nothing %s", user, method, w, rest, there.same(), not.same())
						}
					}
				}
			}
		}
	}
	// What the caller has, and an object that is not in it.
	c := h.client(s, "my/low")
	none := c.get(path(absent, "objects/")).same()
	for _, p := range []string{path("asean-clear", "objects/"+idOf(1)+"/"), path("asean-clear", "objects/"+idOf(1)+"/versions/"), path("asean-clear", "objects/nothing/"), path("asean-clear", "objects/%00/")} {
		if got := c.get(p); got.same() != none {
			t.Errorf("%s: %s", p, got.same())
		}
		if got := c.do(http.MethodDelete, strings.TrimSuffix(p, "versions/"), nil); got.same() != none {
			t.Errorf("DELETE %s: %s", p, got.same())
		}
	}
}

func TestASeatThatOnlyPublishesMayNotRead(t *testing.T) {
	h := newHub(t)
	h.seat("sg/feed", policy.Publisher, stix.Amber)
	h.seat("my/sink", policy.Subscriber, stix.Amber)
	s := h.serve()
	feed, sink := h.client(s, "sg/feed"), h.client(s, "my/sink")
	feed.publish("asean-green", indicator(1, january))
	feed.get(path("asean-green", "objects/")).want(http.StatusForbidden)
	feed.get(path("asean-green", "manifest/")).want(http.StatusForbidden)
	feed.do(http.MethodDelete, path("asean-green", "objects/"+idOf(1)+"/"), nil).want(http.StatusForbidden)
	sink.do(http.MethodPost, path("asean-green", "objects/"), envelopeOf(indicator(2, january))).want(http.StatusForbidden)
	sink.get(path("asean-green", "objects/")).want(http.StatusOK)
	sink.do(http.MethodDelete, path("asean-green", "objects/"+idOf(1)+"/"), nil).want(http.StatusForbidden)
	sink.do(http.MethodDelete, path("asean-green", "objects/"+idOf(1)+"/?match[type]=x"), nil).want(http.StatusBadRequest)
}

func TestObjectsComeBackByteForByteInPages(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.TAXII.MaxPage = 4 })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	c := h.client(s, "sg/desk")
	var sent []string
	for n := range 11 {
		o := strings.Replace(indicator(n, january), `"name":`, ` "x_odd" : [ 1.50e0,"\u00e9" ],  "name" :`, 1)
		sent = append(sent, o)
		c.publish([]string{"asean-green", "asean-clear"}[n%2], o)
	}
	for _, limit := range []string{"", "1", "3", "100"} {
		var got []string
		q, pages := url.Values{}, 0
		if limit != "" {
			q.Set("limit", limit)
		}
		last := ""
		for {
			r := c.get(path("everything", "objects/?"+q.Encode())).want(http.StatusOK)
			e := r.envelope()
			for _, o := range e.Objects {
				got = append(got, string(o))
			}
			if pages++; len(e.Objects) > 4 || r.Header.Get(headerFirst) <= last {
				t.Errorf("limit %s: a page of %d begins at %s after %s", limit, len(e.Objects), r.Header.Get(headerFirst), last)
			}
			if last = r.Header.Get(headerLast); !e.More {
				break
			}
			q.Set("next", e.Next)
		}
		if !slices.Equal(got, sent) {
			t.Errorf("limit %s: %d objects came back of %d, or others", limit, len(got), len(sent))
		}
	}
	// The other way to go on, of clients that know no next.
	var got []string
	after := "2020-01-01T00:00:00Z"
	for {
		r := c.get(path("everything", "objects/?added_after="+after)).want(http.StatusOK)
		e := r.envelope()
		for _, o := range e.Objects {
			got = append(got, string(o))
		}
		if after = r.Header.Get(headerLast); !e.More {
			break
		}
	}
	if !slices.Equal(got, sent) {
		t.Errorf("by added_after %d objects came back of %d, or others", len(got), len(sent))
	}
	if r := c.get(path("everything", "objects/?added_after="+after)).want(http.StatusOK); strings.TrimSpace(string(r.Body)) != "{}" || r.Header.Get(headerFirst) != "" {
		t.Errorf("after all: %s", r.Body)
	}
}

func TestANextBelongsToItsQuery(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	next := c.get(path("asean-clear", "objects/?limit=1&match[type]=indicator")).want(http.StatusOK).envelope().Next
	if next == "" {
		t.Fatal("there is no next")
	}
	for p, want := range map[string]int{
		"objects/?limit=1&match[type]=indicator&next=":               http.StatusOK,
		"objects/?limit=7&match%5Btype%5D=indicator,indicator&next=": http.StatusOK,
		"objects/?next=": http.StatusBadRequest,
		"objects/?match[type]=indicator&match[version]=all&next=":               http.StatusBadRequest,
		"objects/?match[type]=indicator&added_after=2026-01-01T00:00:00Z&next=": http.StatusBadRequest,
		"manifest/?match[type]=indicator&next=":                                 http.StatusBadRequest,
		"objects/?match[type]=indicator&next=x":                                 http.StatusBadRequest,
	} {
		c.get(path("asean-clear", p+next)).want(want)
	}
	c.get(path("asean-amber", "objects/?match[type]=indicator&next="+next)).want(http.StatusBadRequest)
	// It holds for who asks, not who asked, and opens nothing.
	h.client(s, "my/desk").get(path("asean-clear", "objects/?match[type]=indicator&next="+next)).want(http.StatusOK)
}

// TestAQueryGoesOnWhenWhatItsCallerMayReadChanges joins a community in the
// midst of reading everything: what it had before the place the query is at, and
// comes again further on, is told there.
func TestAQueryGoesOnWhenWhatItsCallerMayReadChanges(t *testing.T) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("my/desk", policy.Both, stix.Green)
	s := h.serve()
	sg, my := h.client(s, "sg/desk"), h.client(s, "my/desk")
	sg.publish("asean-amber", indicator(1, january))
	sg.publish("asean-green", indicator(2, january), indicator(3, january), indicator(4, january))
	e := my.get(path("everything", "objects/?limit=1")).want(http.StatusOK).envelope()
	must(t, h.SetCeiling(t.Context(), "my/desk", stix.Amber))
	e = my.get(path("everything", "objects/?limit=1&next="+e.Next)).want(http.StatusOK).envelope()
	if n, ok := parseNext(e.Next); !ok || !n.repeat {
		t.Errorf("%q does not say that the sources changed", e.Next)
	}
	e = my.get(path("everything", "objects/?limit=1&next="+e.Next)).want(http.StatusOK).envelope()
	if len(e.Objects) != 1 || e.More {
		t.Errorf("the last page: %+v", e)
	}
}

func TestVersionsAndObjectsTellWhatTheFiltersLeave(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	february := "2026-02-01T00:00:00.000Z"
	c.publish("asean-clear", indicator(2, february))
	object := "objects/" + idOf(2) + "/"
	for rest, want := range map[string][]string{
		object + "versions/":                                  {january, february},
		object + "versions/?limit=1":                          {january},
		object + "versions/?match[spec_version]=2.1":          {january, february},
		object + "versions/?match[spec_version]=2.0":          nil,
		object + "versions/?added_after=2099-01-01T00:00:00Z": nil,
	} {
		if got := c.get(path("asean-clear", rest)).want(http.StatusOK).envelope().Versions; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", rest, got, want)
		}
	}
	for rest, want := range map[string]int{
		object: 1, object + "?match[version]=all": 2, object + "?match[version]=first,last": 2, object + "?match[version]=" + february: 1,
		object + "?match[version]=2001-01-01T00:00:00Z": 0, object + "?match[spec_version]=2.0": 0,
		"objects/?match[id]=" + idOf(2) + "," + idOf(3): 2, "objects/?match[id]=" + idOf(99): 0, "objects/?match[type]=malware": 0,
	} {
		r := c.get(path("asean-clear", rest)).want(http.StatusOK)
		if got := len(r.envelope().Objects); got != want || want == 0 && string(r.Body) != "{}" {
			t.Errorf("%s: %s", rest, r.Body)
		}
	}
}

func TestAHubThatCannotAnswerIsToldAsSuch(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	for name, x := range map[string]struct {
		err  error
		want int
	}{
		"unavailable":       {&api.Error{Code: "unavailable", Message: "the catalogue is being made anew"}, http.StatusServiceUnavailable},
		"gone meanwhile":    {&api.Error{Code: "not-found", Message: "a secret name"}, http.StatusNotFound},
		"nobody knows what": {errors.New("a secret of the machine"), http.StatusInternalServerError},
	} {
		h.read = func(catalog.Query) (broker.Reading, error) { return broker.Reading{}, x.err }
		for _, p := range []string{path("asean-clear", "objects/"), path("asean-clear", "manifest/"), path("asean-clear", "objects/"+idOf(2)+"/")} {
			r := c.get(p).want(x.want)
			if strings.Contains(string(r.Body), "secret") {
				t.Errorf("%s: %s", name, r.Body)
			}
			if x.want == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
				t.Errorf("%s: nothing says when to come back", name)
			}
		}
	}
}

func TestAStretchWithoutAMatchIsGoneThroughAndThenToldToGoOn(t *testing.T) {
	h, _ := served(t)
	patient, hasty := h.serve(func(s *Server) { s.searchWithin = time.Minute }), h.serve(func(s *Server) { s.searchWithin = 0 })
	asked := 0
	h.read = func(q catalog.Query) (broker.Reading, error) {
		asked++
		p := catalog.Page{More: true, Next: q.After + 1}
		if q.After == 5 {
			p = catalog.Page{Items: []catalog.Item{{ID: idOf(1), Version: january, SpecVersion: "2.1", Place: catalog.Place{Added: 6}}}, Next: 6}
		}
		return broker.Reading{Page: p}, nil
	}
	r := h.client(patient, "sg/desk").get(path("asean-clear", "manifest/")).want(http.StatusOK)
	if len(r.envelope().Objects) != 1 || asked != 6 {
		t.Errorf("asked %d times: %s", asked, r.Body)
	}
	r = h.client(hasty, "sg/desk").get(path("asean-clear", "manifest/?added_after=1970-01-01T00:00:01Z")).want(http.StatusOK)
	if e := r.envelope(); !e.More || e.Next == "" || e.Objects != nil {
		t.Errorf("%s", r.Body)
	}
	if searchWithin < 10*time.Second || searchWithin >= hubTimeout {
		t.Errorf("an empty page comes after %v, and the hub has %v", searchWithin, hubTimeout)
	}
}
