package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAServerOnTheInternetRedirectsOnlyToOthersThere(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "inside") }))
	t.Cleanup(other.Close)
	for _, c := range []struct {
		name        string
		base, other bool // is on the internet
		refused     bool
	}{
		{"it and the other are on the internet", true, true, false},
		{"the other is in our own network", true, false, true},
		{"both are in our own network", false, false, false},
		{"from our own network to the internet", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := web(t, Options{}, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, other.URL, http.StatusFound) })
			asked := 0
			w.public = func(netip.Addr) bool {
				if asked++; asked == 1 {
					return c.base
				}
				return c.other
			}
			s, err := all(t, w, Validators{})
			if refused := errors.Is(err, errInside); refused != c.refused || !refused && s != "inside" {
				t.Errorf("%q, %v", s, err)
			}
		})
	}
}

func TestAServerOfBothIsOnTheInternet(t *testing.T) {
	for _, c := range []struct {
		name, base string
		dialled    [][2]string
		refused    bool // the last
	}{
		{"one of our own", "https://list.example/x", [][2]string{{"list.example:443", "10.0.0.1:443"}, {"other.example:443", "10.0.0.2:443"}}, false},
		{"one that also has an address there", "https://list.example/x", [][2]string{{"list.example:443", "10.0.0.1:443"}, {"list.example:443", "203.0.113.1:443"}, {"other.example:443", "10.0.0.2:443"}}, true},
		{"one whose name leads inside later", "https://list.example/x", [][2]string{{"list.example:443", "203.0.113.1:443"}, {"list.example:443", "169.254.169.254:443"}}, true},
		{"one of our own that is not written in ASCII", "https://bücher.example/x", [][2]string{{"xn--bcher-kva.example:443", "10.0.0.1:443"}}, false},
	} {
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		d := newDialer(base)
		for i, at := range c.dialled {
			err := d.allow(at[0], at[1])
			if refused := errors.Is(err, errInside); refused != (c.refused && i == len(c.dialled)-1) || err != nil && !refused {
				t.Errorf("%s, %s at %s: %v", c.name, at[0], at[1], err)
			}
		}
	}
}

func TestAddressesOfTheInternetAreTold(t *testing.T) {
	for text, want := range map[string]bool{
		"192.168.0.1": false, "10.1.2.3": false, "127.0.0.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"::1": false, "fd00::1": false, "fe80::1": false, "::ffff:10.0.0.1": false, "224.0.0.1": false,
		"0.1.2.3": false, "198.18.0.1": false, "240.0.0.1": false, "64:ff9b::a00:1": false, "2002:a00:1::1": false, "fec0::1": false,
		"203.0.113.1": true, "2001:db8::1": true, "::ffff:203.0.113.1": true,
	} {
		if isPublic(netip.MustParseAddr(text)) != want {
			t.Errorf("%s", text)
		}
	}
}

func TestAKeyInAnAddressIsToldToNobody(t *testing.T) {
	referers := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { referers <- r.Referer() }))
	t.Cleanup(other.Close)
	for name, h := range map[string]http.HandlerFunc{
		"it redirects to another server": func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, other.URL, http.StatusFound) },
		"it fails":                       func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) },
		"it breaks off":                  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"it redirects to no address": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Location", "http://[secret/"+r.URL.String())
			rw.WriteHeader(http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(h)
			t.Cleanup(s.Close)
			for _, address := range []string{"/export/secret/list.csv?key=secret", "/export/secret", "/secret/"} {
				w, err := NewWeb(Options{URL: s.URL + address})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(w.Close)
				d, err := w.Get(t.Context(), Validators{})
				if err != nil {
					if strings.Contains(err.Error(), "secret") {
						t.Errorf("%v", err)
					}
					continue
				}
				if strings.Contains(d.Name, "secret") {
					t.Errorf("%s", d.Name)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				if r := <-referers; r != "" {
					t.Errorf("the other server was told %q", r)
				}
			}
		})
	}
	for _, bad := range []string{"http://secret.example.org/secret?key=secret", "ftp://example.org/secret", "://secret"} {
		if _, err := NewWeb(Options{URL: bad}); err == nil || strings.Contains(err.Error(), "/secret") || strings.Contains(err.Error(), "key=") {
			t.Errorf("%v", err)
		}
	}
}

func TestADocumentThatAnotherNamesTakesNoLongerThanAllowed(t *testing.T) {
	w := web(t, Options{Timeout: time.Second}, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/list" {
			return
		}
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	d, err := w.Get(t.Context(), Validators{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(ctx context.Context) error {
		f, err := d.Open(ctx, "event.json")
		if err != nil {
			return err
		}
		_, err = io.ReadAll(f)
		return errors.Join(err, f.Close())
	}
	if err := read(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than 100ms") {
		t.Errorf("each: %v", err)
	}
	w.o.Timeout = time.Hour // what the first has is set
	if err := read(t.Context()); err == nil || !strings.Contains(err.Error(), "longer than 1s") {
		t.Errorf("all of them: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
