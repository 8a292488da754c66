package taxii

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// served is a hub with two seats that write and read, and one object in asean
// at AMBER and two at CLEAR.
func served(t *testing.T) (*realHub, *Server) {
	h := newHub(t)
	h.seat("sg/desk", policy.Both, stix.Amber)
	h.seat("my/desk", policy.Both, stix.Amber)
	s := h.serve()
	sg := h.client(s, "sg/desk")
	sg.publish("asean-amber", indicator(1, january))
	sg.publish("asean-clear", indicator(2, january), indicator(3, january))
	return h, s
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestNothingIsToldBeforeItIsKnownWhoAsks(t *testing.T) {
	h, s := served(t)
	nobody := h.client(s, "")
	first := nobody.get("/taxii2/").want(http.StatusUnauthorized)
	if ways := strings.Join(first.Header.Values("WWW-Authenticate"), " "); !strings.Contains(ways, "Basic") || !strings.Contains(ways, "Bearer") {
		t.Errorf("WWW-Authenticate: %s", ways)
	}
	for _, method := range []string{"GET", "POST", "DELETE", "PUT", "OPTIONS", "FOO"} {
		for _, p := range []string{"/", "/nothing", "/taxii2/", "/selat/", path("asean-amber", "objects/"), path("nothing", "objects/"), path("asean-amber", "objects/?limit=x"), "/selat/status/x/"} {
			if got := nobody.do(method, p, nil, "Accept", "text/html"); got.same() != first.same() {
				t.Errorf("%s %s tells %s", method, p, got.same())
			}
		}
	}
	for _, auth := range []string{"Bearer wrong", "Bearer", "Basic !", basic("", h.tokens["sg/desk"]), basic("my/desk", h.tokens["sg/desk"]), "Digest x", h.tokens["sg/desk"]} {
		if got := nobody.get("/taxii2/", "Authorization", auth); got.same() != first.same() {
			t.Errorf("%q is told %s", auth, got.same())
		}
	}
	if got := nobody.get("/taxii2/", "Authorization", "Bearer locked").want(http.StatusTooManyRequests); got.Header.Get("Retry-After") != "90" {
		t.Errorf("locked out, and told to come back after %q", got.Header.Get("Retry-After"))
	}
	if got := nobody.get("/taxii2/", "Authorization", "Bearer busy").want(http.StatusServiceUnavailable); got.Header.Get("Retry-After") != "1" {
		t.Errorf("busy, and told to come back after %q", got.Header.Get("Retry-After"))
	}
}

func TestEachEndpointAnswersItsMethodsAndNoOther(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	read, write, remove := "GET, HEAD", "GET, HEAD, POST", "GET, HEAD, DELETE"
	for p, allow := range map[string]string{
		"/taxii2/": read, "/selat/": read, "/selat/collections/": read, path("asean-clear", ""): read, path("asean-clear", "manifest/"): read,
		path("asean-clear", "objects/"): write, path("asean-clear", "objects/"+idOf(2)+"/"): remove, path("asean-clear", "objects/"+idOf(2)+"/versions/"): read,
		"/selat/status/00000000-0000-4000-8000-000000000000/": read,
	} {
		for _, method := range []string{"PUT", "PATCH", "OPTIONS", "TRACE", "FOO", "POST", "DELETE"} {
			if strings.Contains(allow, method) {
				continue
			}
			if got := c.do(method, p, nil).want(http.StatusMethodNotAllowed); got.Header.Get("Allow") != allow {
				t.Errorf("%s %s allows %q, want %q", method, p, got.Header.Get("Allow"), allow)
			}
		}
		c.get(p, "Accept", "application/json").want(http.StatusNotAcceptable)
		c.get(strings.TrimSuffix(p, "/")).want(http.StatusNotFound)
		c.get(p + "x").want(http.StatusNotFound)
		c.get(p + "/").want(http.StatusNotFound)
		if strings.Contains(p, "status") {
			continue
		}
		c.get(p + "?colour=red").want(http.StatusBadRequest)
		got, head := c.get(p), c.do(http.MethodHead, p, nil)
		got.want(http.StatusOK)
		if head.Status != http.StatusOK || len(head.Body) > 0 {
			t.Errorf("HEAD %s: %d with %d bytes", p, head.Status, len(head.Body))
		}
		for _, name := range []string{"Content-Type", "ETag", headerFirst, headerLast, "Cache-Control", "Vary"} {
			if got.Header.Get(name) != head.Header.Get(name) {
				t.Errorf("%s of %s is %q, and of HEAD %q", name, p, got.Header.Get(name), head.Header.Get(name))
			}
		}
	}
}

// A page ends at some bytes of objects, also where they are not sent.
func TestAHeadTellsOfThePageThatAGetGives(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	long := `,"description":"` + strings.Repeat("x", 900<<10) + `"}`
	for n := range 11 {
		c.publish("asean-green", withMarks(indicator(100+n, january), long))
	}
	p := path("asean-green", "objects/")
	got, head := c.get(p).want(http.StatusOK), c.do(http.MethodHead, p, nil).want(http.StatusOK)
	if e := got.envelope(); !e.More || len(e.Objects) >= 11 {
		t.Fatalf("%d objects in a page, more %t", len(e.Objects), e.More)
	}
	for _, name := range []string{"ETag", headerFirst, headerLast} {
		if got.Header.Get(name) == "" || got.Header.Get(name) != head.Header.Get(name) {
			t.Errorf("%s is %q, and of HEAD %q", name, got.Header.Get(name), head.Header.Get(name))
		}
	}
}

func TestThePagesOfACollectionAreCompressedIfTheyAreLarge(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	var many []string
	for n := range 20 {
		many = append(many, indicator(100+n, january))
	}
	c.publish("asean-green", many...)
	plain := c.get(path("asean-green", "objects/")).want(http.StatusOK)
	if plain.Header.Get("Content-Encoding") != "" || len(plain.envelope().Objects) != 20 {
		t.Fatalf("plain: %v", plain.Header)
	}
	for coding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	} {
		got := c.get(path("asean-green", "objects/"), "Accept-Encoding", coding).want(http.StatusOK)
		r, err := open(bytes.NewReader(got.Body))
		must(t, err)
		body, err := io.ReadAll(r)
		must(t, err)
		if got.Header.Get("Content-Encoding") != coding || !bytes.Equal(body, plain.Body) || len(got.Body) >= len(body) {
			t.Errorf("%s: %q, %d bytes became %d", coding, got.Header.Get("Content-Encoding"), len(plain.Body), len(got.Body))
		}
		if z, ok := r.(*zstd.Decoder); ok {
			z.Close()
		}
		if got.Header.Get("ETag") != plain.Header.Get("ETag") {
			t.Errorf("%s: another ETag", coding)
		}
	}
	if got := c.get(path("asean-amber", "objects/"), "Accept-Encoding", "gzip"); got.Header.Get("Content-Encoding") != "" {
		t.Error("a page of a few bytes is compressed")
	}
}

func TestAPageThatTheClientHasIsNotSentAgain(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	for _, rest := range []string{"objects/", "manifest/", "objects/" + idOf(2) + "/", "objects/" + idOf(2) + "/versions/"} {
		p := path("asean-clear", rest)
		tag := c.get(p).want(http.StatusOK).Header.Get("ETag")
		got := c.get(p, "If-None-Match", `"x", `+tag).want(http.StatusNotModified)
		if len(got.Body) > 0 || got.Header.Get("ETag") != tag {
			t.Errorf("%s: %v %q", rest, got.Header, got.Body)
		}
		c.get(p, "If-None-Match", `"x"`).want(http.StatusOK)
	}
	p := path("asean-clear", "objects/")
	tag := c.get(p).Header.Get("ETag")
	c.publish("asean-clear", indicator(4, january))
	c.get(p, "If-None-Match", tag).want(http.StatusOK)
}

func TestNothingAboveClearMayBeKeptByCaches(t *testing.T) {
	h, s := served(t)
	c := h.client(s, "sg/desk")
	for alias, want := range map[string]string{"asean-clear": "private, no-cache", "asean-amber": "no-store", "own": "no-store", "everything": "no-store"} {
		if got := c.get(path(alias, "objects/")).want(http.StatusOK).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", alias, got, want)
		}
	}
}

func TestACallerThatAsksTooMuchIsToldWhenToComeBack(t *testing.T) {
	h, _ := served(t)
	s := h.serve(func(s *Server) { s.rates.seat = 1 })
	c, other := h.client(s, "sg/desk"), h.client(s, "my/desk")
	for range 2 {
		c.get("/taxii2/").want(http.StatusOK)
	}
	if got := c.get("/taxii2/").want(http.StatusTooManyRequests); got.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
	other.get("/taxii2/").want(http.StatusOK)
}

func TestRequestsBeyondTheBoundAreTurnedAwayAndDoNotWait(t *testing.T) {
	h, _ := served(t)
	s := h.serve(func(s *Server) { s.inHand = newRoom(4, 4) })
	seat := h.Region().Seats["sg/desk"]
	if _, ok := s.inHand.take(caller{seat, seat.Account}); !ok {
		t.Fatal("no place")
	}
	h.client(s, "sg/desk").get("/taxii2/").want(http.StatusServiceUnavailable)
	h.client(s, "my/desk").get("/taxii2/").want(http.StatusOK)
}

func TestAnonymousCallersKeepNoSeatOut(t *testing.T) {
	h := newHub(t, func(c *broker.Config) { c.TAXII.Anonymous = true })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	for n := range 100 {
		s.inHand.take(caller{key: strconv.Itoa(n)})
	}
	h.client(s, "").get("/taxii2/").want(http.StatusServiceUnavailable)
	h.client(s, "sg/desk").get("/taxii2/").want(http.StatusOK)
}
