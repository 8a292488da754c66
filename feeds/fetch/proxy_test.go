package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// proxy is a proxy that answers in place of every server, and notes what it is
// asked for.
func proxy(t *testing.T) (url string, asked func() []string) {
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.RequestURI+" "+r.Header.Get("Auth-Key"))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "through the proxy")
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string { return got }
}

func TestADocumentIsGotThroughTheProxyThatIsNamed(t *testing.T) {
	url, asked := proxy(t)
	w, err := NewWeb(Options{URL: "http://feeds.example/list", InsecureHTTP: true, Proxy: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	d, err := w.Get(t.Context(), Validators{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(d)
	if err != nil || string(b) != "through the proxy" {
		t.Errorf("%q, %v", b, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if got := asked(); len(got) != 1 || got[0] != "GET http://feeds.example/list " {
		t.Errorf("the proxy was asked %q", got)
	}
}

// Of https a proxy sees the name and nothing else.
func TestAProxySeesNoMoreOfHTTPSThanTheName(t *testing.T) {
	url, asked := proxy(t)
	w, err := NewWeb(Options{URL: "https://feeds.example/list?key=secret", Proxy: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := w.Get(t.Context(), Validators{}); err == nil {
		t.Error("the proxy refuses, and it is got all the same")
	}
	if got := asked(); len(got) != 1 || got[0] != "CONNECT feeds.example:443 " {
		t.Errorf("the proxy was asked %q", got)
	}
}

func TestAProxyThatIsNoneIsRefused(t *testing.T) {
	for _, proxy := range []string{"proxy.example:3128", "http://", "::"} {
		if w, err := NewWeb(Options{URL: "https://feeds.example/", Proxy: proxy}); err == nil {
			w.Close()
			t.Errorf("%q is taken", proxy)
		}
	}
}
