package client

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func TestEveryObjectComesOnceWithItsBytes(t *testing.T) {
	for name, change := range map[string]func(*taxiitest.Server){
		"from a correct server":                      func(*taxiitest.Server) {},
		"from one without next":                      func(s *taxiitest.Server) { s.NoNext = true },
		"from one without next that repeats":         func(s *taxiitest.Server) { s.NoNext, s.Inclusive = true, true },
		"from one without times":                     func(s *taxiitest.Server) { s.NoDates = true },
		"from one without next, with small pages":    func(s *taxiitest.Server) { s.PageMost, s.NoNext = 2, true },
		"from one that answers everything on a page": func(s *taxiitest.Server) { s.PageMost = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			fill(s, 25)
			s.PageMost = 10
			change(s)
			got, err := receive(t, ask(t, s.URL), Query{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Raws(), got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestObjectsAddedAtTheSameTimeAreNotLostBetweenPages(t *testing.T) {
	for _, limit := range []int{0, 1, 3} {
		s := newServer(t)
		s.NoNext = true
		for i := range 40 {
			s.Put(object(i), start.Add(time.Duration(i/7)*time.Second))
		}
		got, err := receive(t, ask(t, s.URL), Query{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.Raws(), got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestMoreObjectsOfOneTimeThanAPageHoldsIsTold(t *testing.T) {
	s := newServer(t)
	s.NoNext, s.PageMost = true, 5
	for i := range 12 {
		s.Put(object(i), start)
	}
	got, err := receive(t, ask(t, s.URL), Query{})
	mustSay(t, err, "X-TAXII-Date-Added-Last does not move from 2026-01-02T03:04:05.000000Z")
	if len(got) != 5 {
		t.Fatalf("%d objects came, not 5", len(got))
	}
}

func TestAServerThatForgotItsNextIsAskedByTime(t *testing.T) {
	s := newServer(t)
	fill(s, 25)
	s.PageMost = 10
	c := ask(t, s.URL)
	var got []string
	_, err := c.Poll(t.Context(), find(t, c), Query{}, nil, func(_ context.Context, p *Page) error {
		s.ForgetNext()
		return collect(&got)(t.Context(), p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Raws(), got); diff != "" {
		t.Fatal(diff)
	}
	if len(c.notices) == 0 || !strings.Contains(c.notices[0], "does not take the \"next\"") {
		t.Fatalf("noticed %q", c.notices)
	}
}

// pages answers the objects of the collection by hand.
func pages(s *taxiitest.Server, answer func(w http.ResponseWriter, r *http.Request, n int)) {
	n := 0
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/objects/") {
			return false
		}
		n++
		w.Header().Set("Content-Type", mediaType)
		answer(w, r, n)
		return true
	}
}

func TestAServerThatCannotBeFollowedIsToldWhatItDoesWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, n int)
		want   string
		got    int
	}{
		"more without anything to go on with": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprintf(w, `{"more":true,"objects":[%s]}`, object(1))
		}, `neither "next" nor X-TAXII-Date-Added-Last`, 1},
		"more and an empty page": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprint(w, `{"more":true}`)
		}, "empty page", 0},
		"the same next and the same page": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprintf(w, `{"more":true,"next":"a","objects":[%s]}`, object(1))
		}, "goes in circles", 1},
		"two pages that lead to each other": {func(w http.ResponseWriter, r *http.Request, _ int) {
			next := map[string]string{"": "a", "a": "b", "b": "a"}[r.URL.Query().Get("next")]
			fmt.Fprintf(w, `{"more":true,"next":%q,"objects":[%s]}`, next, object(len(next+r.URL.Query().Get("next"))))
		}, "goes in circles", 2},
		"always another next and nothing new": {func(w http.ResponseWriter, _ *http.Request, n int) {
			fmt.Fprintf(w, `{"more":true,"next":"%d","objects":[%s]}`, n, object(1))
		}, "its last 101 pages had nothing new", 1},
		"pages out of order without next": {func(w http.ResponseWriter, _ *http.Request, n int) {
			w.Header().Set("X-TAXII-Date-Added-Last", start.Add(-time.Duration(n)*time.Hour).Format(timeFormat))
			fmt.Fprintf(w, `{"more":true,"objects":[%s]}`, object(n))
		}, "not in the order", 2},
		"added_after not heeded": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("X-TAXII-Date-Added-First", start.Format(timeFormat))
			w.Header().Set("X-TAXII-Date-Added-Last", start.Add(time.Hour).Format(timeFormat))
			fmt.Fprintf(w, `{"more":true,"objects":[%s]}`, object(1))
		}, "does not heed added_after", 1},
		"a web page": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, `<html>`)
		}, "web page", 0},
		"TAXII 2.0": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "application/vnd.oasis.stix+json; version=2.0")
			fmt.Fprint(w, `{}`)
		}, "TAXII 2.0", 0},
		"no envelope":        {func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprint(w, `[]`) }, "not TAXII 2.1", 0},
		"no object":          {func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprint(w, `{"objects":[5]}`) }, "what is no object", 0},
		"something after it": {func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprint(w, `{"objects":[]}{}`) }, "something follows", 0},
		"JSON that ends in the middle": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprint(w, `{"objects":[`+object(1))
		}, "ends in the middle", 0},
		"a body that is cut off": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "5000")
			fmt.Fprint(w, `{"objects":[`+object(1))
		}, "ends in the middle", 0},
		"a body without end": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprint(w, `{"objects":[`+strings.Repeat("{},", 1<<20))
		}, "larger than 1048576 bytes", 0},
		"a gzip bomb": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprint(z, `{"objects":[],"x":"`+strings.Repeat("a", 64<<20)) //nolint:errcheck // the client hangs up
			z.Close()                                                        //nolint:errcheck // the same
		}, "larger than 1048576 bytes", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			pages(s, tt.answer)
			got, err := receive(t, ask(t, s.URL, func(o *Options) { o.PageBytes = 1 << 20 }), Query{})
			mustSay(t, err, tt.want)
			var wrong *ServerError
			if !errors.As(err, &wrong) {
				t.Fatalf("%T is no ServerError", err)
			}
			if len(got) != tt.got {
				t.Fatalf("%d objects came, not %d", len(got), tt.got)
			}
		})
	}
}

func TestOddButUnderstandableAnswersAreUnderstood(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request, n int){
		"no content type": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header()["Content-Type"] = nil
			fmt.Fprintf(w, `{"objects":[%s]}`, object(1))
		},
		"another content type": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"objects":[%s]}`, object(1))
		},
		"gzip": func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprintf(z, `{"objects":[%s]}`, object(1)) //nolint:errcheck // the client tells
			z.Close()                                     //nolint:errcheck // the same
		},
		"a number as next, no more, and the page twice": func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.URL.Query().Get("next") == "" {
				fmt.Fprintf(w, `{"objects":[%s],"next":2}`, object(1))
				return
			}
			fmt.Fprintf(w, `{"objects":[%s],"next":null,"more":null}`, object(1))
		},
		"a next that stays while what it stands for goes on": func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				fmt.Fprintf(w, `{"more":true,"next":"scroll","objects":[]}`)
			} else if n == 2 {
				fmt.Fprintf(w, `{"more":true,"next":"scroll","objects":[%s]}`, object(1))
			} else {
				fmt.Fprint(w, `{}`)
			}
		},
		"null and more members": func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprintf(w, `{"id":"x","x":{"objects":5},"objects":[%s],"next":null}`, object(1))
		},
		"a byte that is no UTF-8 and a name twice, beside it": func(w http.ResponseWriter, _ *http.Request, _ int) {
			fmt.Fprintf(w, `{"x":"%c","x":1,"objects":[%s]}`, 0xFF, object(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			pages(s, answer)
			got, err := receive(t, ask(t, s.URL), Query{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{object(1)}, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

func TestAnObjectIsHandedOnAsItCameHoweverOdd(t *testing.T) {
	odd := "{\"id\":\"a\",\"id\":\"b\",\"name\":\"\xff\\ud800\",\"modified\":5, \"created\":\"2026\"}"
	s := newServer(t)
	pages(s, func(w http.ResponseWriter, _ *http.Request, _ int) { fmt.Fprintf(w, `{"objects":[%s]}`, odd) })
	got, err := receive(t, ask(t, s.URL), Query{})
	if err != nil || !slices.Equal(got, []string{odd}) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestAQueryIsSentWithEachPage(t *testing.T) {
	s := newServer(t)
	fill(s, 5)
	c := ask(t, s.URL)
	_, err := receive(t, c, Query{AddedAfter: start.Add(time.Millisecond), IDs: []string{"b", "a"}, Types: []string{"x-y"}, Versions: []string{"all"}, SpecVersions: []string{"2.1"}, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	last := s.Requests[len(s.Requests)-1]
	want := "/objects/?added_after=2026-01-02T03:04:05.001000Z&limit=2&match[id]=a,b&match[spec_version]=2.1&match[type]=x-y&match[version]=all"
	if !strings.HasSuffix(last, want) {
		t.Fatalf("asked %s, not %s", last, want)
	}
	got, err := receive(t, c, Query{AddedAfter: start.Add(time.Millisecond), Limit: 2})
	if err != nil || len(got) != 3 {
		t.Fatalf("%d objects, %v", len(got), err)
	}
}

func TestOneObjectItsVersionsAndTheManifest(t *testing.T) {
	s := newServer(t)
	fill(s, 5)
	newer := strings.Replace(object(2), `"modified":"2026-01-01`, `"modified":"2026-02-01`, 1)
	s.Put(newer, start.Add(time.Hour))
	s.PageMost = 1
	c := ask(t, s.URL)
	col := find(t, c)
	const id = "indicator--00000000-0000-4000-8000-000000000002"
	var got []string
	if _, err := c.Object(t.Context(), col, id, Query{Versions: []string{"all"}}, collect(&got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{object(2), newer}, got); diff != "" {
		t.Fatal(diff)
	}
	versions, err := c.Versions(t.Context(), col, id, Query{})
	if err != nil || !slices.Equal(versions, []string{"2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"}) {
		t.Fatalf("%q, %v", versions, err)
	}
	for _, noNext := range []bool{false, true} {
		s.NoNext, s.NoDates, s.PageMost = noNext, noNext, 2 // a manifest has the times itself
		var records []Record
		err = c.Manifest(t.Context(), col, Query{}, func(_ context.Context, r []Record) error {
			records = append(records, r...)
			return nil
		})
		if err != nil || len(records) != 6 || records[5].DateAdded != "2026-01-02T04:04:05.000000Z" || records[5].ID != id {
			t.Fatalf("%v, %v", records, err)
		}
	}
	for _, bad := range []string{"", ".", ".."} {
		if _, err := c.Object(t.Context(), col, bad, Query{}, collect(&got)); err == nil {
			t.Fatalf("an object was found by %q", bad)
		}
	}
}

func TestAServerOutOfOrderThatForgotItsNextIsReadFromTheBeginning(t *testing.T) {
	s := newServer(t)
	for i := range 25 {
		s.Put(object(i), start.Add(time.Duration(100-i)*time.Hour))
	}
	s.PageMost = 10
	c := ask(t, s.URL)
	var got []string
	taken := 0
	_, err := c.Poll(t.Context(), find(t, c), Query{}, nil, func(_ context.Context, p *Page) error {
		if taken++; taken == 2 {
			s.ForgetNext()
		}
		return collect(&got)(t.Context(), p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Raws(), got); diff != "" {
		t.Fatal(diff)
	}
}
