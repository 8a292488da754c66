package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func TestAnOverloadedServerIsAskedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		header string
		times  int
		least  time.Duration
	}{
		"503 twice":                        {503, "", 2, retryBase * 3 / 4},
		"429 with seconds":                 {429, "7", 1, 7 * time.Second},
		"429 with a date":                  {429, time.Now().Add(time.Minute).UTC().Format(http.TimeFormat), 1, 30 * time.Second},
		"429 with something else":          {429, "soon", 1, retryBase * 3 / 4},
		"502 five times":                   {502, "0", 5, retryBase * 3 / 4},
		"504 with an answer that is empty": {504, "-5", 1, retryBase * 3 / 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			fill(s, 3)
			failed := 0
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/objects/") || failed == tt.times {
					return false
				}
				failed++
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.WriteHeader(tt.status)
				return true
			}
			c := ask(t, s.URL)
			got, err := receive(t, c, Query{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Raws(), got); diff != "" {
				t.Fatal(diff)
			}
			if len(c.waits) != tt.times || c.waits[0] < tt.least || c.waits[0] > 2*time.Minute {
				t.Fatalf("waited %v", c.waits)
			}
		})
	}
}

func TestAServerThatStaysOverloadedIsUnreachable(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	c := ask(t, s.URL)
	_, err := c.Discover(t.Context())
	if !errors.Is(err, ErrUnreachable) || len(c.waits) != 5 {
		t.Fatalf("%v after %v", err, c.waits)
	}

	// One that asks for hours is not waited for, and says so itself.
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	c = ask(t, s.URL)
	_, err = c.Discover(t.Context())
	var refused *Error
	if !errors.As(err, &refused) || refused.RetryAfter != 2*time.Hour || len(c.waits) != 0 {
		t.Fatalf("%v after %v", err, c.waits)
	}
}

func TestAServerThatIsNotThereIsUnreachableAtOnce(t *testing.T) {
	s := taxiitest.New()
	s.Close()
	c := ask(t, s.URL)
	if _, err := c.Discover(t.Context()); !errors.Is(err, ErrUnreachable) || len(c.waits) != 0 {
		t.Fatalf("%v after %v", err, c.waits)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	s := newServer(t)
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := New(Options{URL: s.URL, Notice: func(string) { cancel() }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Discover(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestTheServersOwnWordsAreInTheError(t *testing.T) {
	for name, tt := range map[string]struct {
		kind, body string
		want       Error
	}{
		"the error resource": {mediaType, `{"title":"No","description":"Not\n for you","error_id":"1","error_code":"2","http_status":"403"}`,
			Error{Title: "No", Description: "Not for you", ErrorID: "1", ErrorCode: "2"}},
		"numbers":                {mediaType, `{"title":"No","error_code":13,"http_status":403,"details":[]}`, Error{Title: "No", ErrorCode: "13"}},
		"the resource as HTML":   {"text/html", `{"title":"No"}`, Error{}},
		"a web page":             {"text/html; charset=utf-8", `<html><title>No</title>`, Error{}},
		"nothing":                {"", ``, Error{}},
		"another form of JSON":   {"application/json", `["no"]`, Error{}},
		"the secret in its text": {mediaType, `{"title":"hunter2 is wrong: dXNlcjpodW50ZXIy"}`, Error{Title: "[hidden] is wrong: [hidden]"}},
		"a very long text":       {mediaType, `{"title":"` + strings.Repeat("é", 1000) + `"}`, Error{Title: strings.Repeat("é", 200) + "..."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, tt.body)
				return true
			}
			c := ask(t, s.URL, func(o *Options) { o.Username, o.PasswordFile = "user", secretFile(t, "hunter2\n") })
			_, err := c.Discover(t.Context())
			var got *Error
			if !errors.As(err, &got) {
				t.Fatal(err)
			}
			tt.want.Method, tt.want.URL, tt.want.Status = "GET", s.URL+"/taxii2/", 403
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Fatal(diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Fatal(err)
			}
		})
	}
}

func TestCredentialsGoToNoOtherServer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") }))
	defer other.Close()
	for name, tt := range map[string]struct {
		before func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"by a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, "redirects to " + other.URL},
		"by a redirect to another scheme": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "ftp://"+r.Host+"/", http.StatusFound)
		}, "redirects to ftp://"},
		"by redirects without end": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x/", http.StatusFound)
		}, "redirects more than 5 times"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.Before = func(w http.ResponseWriter, r *http.Request) bool { tt.before(w, r); return true }
			c := ask(t, s.URL, func(o *Options) { o.TokenFile = secretFile(t, "sesame") })
			_, err := c.Discover(t.Context())
			mustSay(t, err, tt.want)
		})
	}
	t.Run("by an API root", func(t *testing.T) {
		s := newServer(t)
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", mediaType)
			fmt.Fprintf(w, `{"title":"x","api_roots":[%q]}`, other.URL+"/api1/")
			return true
		}
		c := ask(t, s.URL, func(o *Options) { o.TokenFile = secretFile(t, "sesame") })
		server, err := c.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mustSay(t, server.Roots[0].Err, "credentials go nowhere else")
	})
	t.Run("but by a redirect on the same one", func(t *testing.T) {
		s := newServer(t)
		s.User, s.Password = "user", "hunter2"
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/old/" {
				http.Redirect(w, r, "/taxii2/", http.StatusMovedPermanently)
			}
			return r.URL.Path == "/old/"
		}
		c := ask(t, s.URL+"/old/", func(o *Options) { o.Username, o.PasswordFile = "user", secretFile(t, "hunter2") })
		if _, err := c.Discover(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOptionsThatCannotBeMeantAreRefused(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(open, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	const url = "https://taxii.example/"
	for want, o := range map[string]Options{
		"no URL of a server":    {URL: "taxii.example"},
		"cannot be read":        {URL: "https://a:hunter2@b:x/"},
		"holds credentials":     {URL: "https://a:hunter2@taxii.example/"},
		"is not https":          {URL: "http://taxii.example/"},
		"readable by others":    {URL: url, TokenFile: open},
		"must hold one line":    {URL: url, TokenFile: secretFile(t, "a\nb")},
		"a token takes":         {URL: url, TokenFile: secretFile(t, "a"), Username: "a"},
		"a user needs":          {URL: url, Username: "a"},
		"cannot have a colon":   {URL: url, Username: "a:b", PasswordFile: secretFile(t, "a")},
		"needs its key":         {URL: url, CertFile: open},
		"no certificate in PEM": {URL: url, CAFile: open},
		"the certificate":       {URL: url, CertFile: open, KeyFile: open},
	} {
		_, err := New(o)
		mustSay(t, err, want)
		if strings.Contains(err.Error(), "hunter2") {
			t.Fatal(err)
		}
	}
	if _, err := New(Options{URL: "http://taxii.example", InsecureHTTP: true}); err != nil {
		t.Fatal(err)
	}
}
