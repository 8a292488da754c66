package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/selat-hub/selat/feeds/taxii/taxiitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when the test servers got their first object.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// object is a STIX object with bytes that any rewriting would change.
func object(n int) string {
	return fmt.Sprintf("{ \"type\": \"indicator\",\"spec_version\":\"2.1\",\n \"id\":\"indicator--00000000-0000-4000-8000-%012d\",\"created\":\"2026-01-01T00:00:00.000Z\",\"modified\":\"2026-01-01T00:00:00.000Z\",\"x_n\":1e2,\"name\":\"\\u00e9 &<\"}", n)
}

func newServer(t testing.TB) *taxiitest.Server {
	s := taxiitest.New()
	t.Cleanup(s.Close)
	return s
}

// fill puts objects 0 to n-1, each added a millisecond after the one before.
func fill(s *taxiitest.Server, n int) {
	for i := range n {
		s.Put(object(i), start.Add(time.Duration(i)*time.Millisecond))
	}
}

// asker is a client that never waits, and what it noticed and would have waited.
type asker struct {
	*Client
	notices []string
	waits   []time.Duration
}

func ask(t testing.TB, url string, change ...func(*Options)) *asker {
	t.Helper()
	a := &asker{}
	o := Options{
		URL: url, Notice: func(s string) { a.notices = append(a.notices, s) },
		Wait: func(ctx context.Context, d time.Duration) error {
			a.waits = append(a.waits, d)
			return ctx.Err()
		},
	}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	a.Client = c
	return a
}

func find(t testing.TB, c *asker) *Collection {
	t.Helper()
	col, err := c.Find(t.Context(), taxiitest.CollectionAlias)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

// receive is a whole Poll without state.
func receive(t testing.TB, c *asker, q Query) (raws []string, err error) {
	t.Helper()
	_, err = c.Poll(t.Context(), find(t, c), q, nil, collect(&raws))
	return raws, err
}

func collect(raws *[]string) func(context.Context, *Page) error {
	return func(_ context.Context, p *Page) error {
		for _, o := range p.Objects {
			*raws = append(*raws, string(o.Raw))
		}
		return nil
	}
}

func secretFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustSay(t testing.TB, err error, what string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), what) {
		t.Fatalf("the error is %v, and should say %q", err, what)
	}
}
