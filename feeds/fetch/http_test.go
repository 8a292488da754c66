package fetch

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/feeds/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func web(t *testing.T, o Options, h http.HandlerFunc) *Web {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o.URL = s.URL + "/list"
	w, err := NewWeb(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func all(t *testing.T, w *Web, known Validators) (string, error) {
	t.Helper()
	d, err := w.Get(t.Context(), known)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(d)
	return string(b), errors.Join(err, d.Close())
}

func TestADocumentThatHasNotChangedIsNotSentAgain(t *testing.T) {
	w := web(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.UserAgent(), "selat/") {
			t.Errorf("it says it is %q", r.UserAgent())
		}
		if r.Header.Get("If-None-Match") == `"1"` {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		rw.Header().Set("ETag", `"1"`)
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		fmt.Fprint(z, "hello")
		z.Close() //nolint:errcheck // the test reads it
	})
	if s, err := all(t, w, Validators{}); s != "hello" || err != nil {
		t.Fatalf("%q, %v", s, err)
	}
	if _, err := all(t, w, Validators{ETag: `"1"`}); !errors.Is(err, ErrUnchanged) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsNotAllOfADocumentIsAnError(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"it breaks off": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "100")
			fmt.Fprint(rw, "short")
		},
		"it is too large by its own word": func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, strings.Repeat("x", 2000)) },
		"it is too large without a word": func(rw http.ResponseWriter, _ *http.Request) {
			for range 20 {
				fmt.Fprint(rw, strings.Repeat("x", 100))
				rw.(http.Flusher).Flush()
			}
		},
		"a small one grows too large": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			fmt.Fprint(z, strings.Repeat("x", 100_000))
			z.Close() //nolint:errcheck // the test reads it
		},
		"the server fails":             func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) },
		"304 to what was not asked":    func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotModified) },
		"it goes round in redirects":   func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/list", http.StatusFound) },
		"it takes longer than allowed": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Bytes: 1000}
			if strings.Contains(name, "longer") {
				o.Timeout = 10 * time.Millisecond
			}
			if s, err := all(t, web(t, o, h), Validators{}); err == nil {
				t.Errorf("%d bytes and no error", len(s))
			} else if errors.Is(err, ErrUnchanged) {
				t.Errorf("taken for unchanged")
			}
		})
	}
}

func TestCredentialsGoToNoOtherServer(t *testing.T) {
	got := make(chan string, 1)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Auth-Key") }))
	t.Cleanup(other.Close)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := web(t, Options{Header: "Auth-Key", SecretFile: file}, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Auth-Key") != "secret" {
			t.Error("the server itself gets no key")
		}
		http.Redirect(rw, r, other.URL, http.StatusFound)
	})
	if _, err := all(t, w, Validators{}); err != nil {
		t.Fatal(err)
	}
	if key := <-got; key != "" {
		t.Error("the key went to another server")
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWeb(w.o); err == nil {
		t.Error("a key that others can read was taken")
	}
}

func TestFurtherDocumentsAreBesideTheFirst(t *testing.T) {
	w := web(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list", "/event.json":
			fmt.Fprint(rw, r.URL.Path)
		default:
			http.NotFound(rw, r)
		}
	})
	d, err := w.Get(t.Context(), Validators{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // it was only read
	if f, err := d.Open(t.Context(), "event.json"); err != nil {
		t.Error(err)
	} else if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Open(t.Context(), "none.json"); !errors.Is(err, source.ErrGone) {
		t.Error(err)
	}
	for _, name := range []string{"../up", "/root", "http://other.example/"} {
		if _, err := d.Open(context.Background(), name); err == nil || errors.Is(err, source.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileIsReadOnceItIsStill(t *testing.T) {
	dir := t.TempDir()
	write := func(s string) {
		if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := NewFolder(dir)
	look := func() int {
		ready, _, err := f.Look()
		if err != nil {
			t.Fatal(err)
		}
		return len(ready)
	}
	write("1")
	if look() != 0 {
		t.Error("read at the first look")
	}
	write("12")
	if look() != 0 {
		t.Error("read while it grows")
	}
	if look() != 1 {
		t.Error("not read when still")
	}
}
