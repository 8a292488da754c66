package taxii

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// kilobyte is an indicator of 1 KiB.
func kilobyte(n int) string {
	o := indicator(n, january)
	return strings.Replace(o, `"name"`, fmt.Sprintf(`"description":"%0*d","name"`, 1024-len(o)-len(`"description":"",`), n), 1)
}

// fill stores objects through the hub, so many a submission, and returns the
// account of its publisher.
func fill(b *testing.B, h *realHub, objects, size int) string {
	b.Helper()
	if h.Region().Seats["sg/feed"] == nil {
		h.seat("sg/feed", policy.Both, stix.Amber)
	}
	account := h.Region().Seats["sg/feed"].Account
	ahead := make(chan struct{}, 16)
	failed := make(chan error, 1)
	for from := 0; from < objects; from += size {
		raws := make([][]byte, 0, size)
		for n := from; n < from+size; n++ {
			raws = append(raws, []byte(kilobyte(n)))
		}
		ahead <- struct{}{}
		go func() {
			defer func() { <-ahead }()
			r, err := h.Submit(context.Background(), broker.Submission{Account: account, Payload: bundleOf(raws), To: []string{"asean"}, Unmarked: stix.Green})
			if err != nil || r.Accepted != size {
				select {
				case failed <- fmt.Errorf("%v, %+v", err, r):
				default:
				}
			}
		}()
	}
	for range cap(ahead) {
		ahead <- struct{}{}
	}
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
	return account
}

// get reads an answer to its end, and returns how long it is.
func get(b *testing.B, c *client, url string) int64 {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	must(b, err)
	req.Header.Set("Accept", mediaTAXII)
	req.Header.Set("Authorization", c.auth)
	res, err := c.http.Do(req)
	must(b, err)
	n, err := io.Copy(io.Discard, res.Body)
	must(b, err)
	must(b, res.Body.Close())
	if res.StatusCode != http.StatusOK {
		b.Fatal(res.Status)
	}
	return n
}

// BenchmarkPage gets a page of 1,000 objects of 1 KiB, and the same bytes as a
// file from net/http: of messages that hold many objects and of such that hold
// one, read before and not.
func BenchmarkPage(b *testing.B) {
	for _, c := range []struct {
		name          string
		objects, size int
	}{{"many a message", 100_000, 1000}, {"one a message", 20_000, 1}} {
		b.Run(c.name, func(b *testing.B) {
			h := newHub(b, func(c *broker.Config) { c.Limits.SubmissionsPerSecond, c.Limits.ObjectsPerSecond = 0, 0 })
			fill(b, h, c.objects, c.size)
			s := h.serve()
			asked := h.client(s, "sg/feed")
			urls := asked.pages("asean-green")
			pages := len(urls)
			file := staticFile(b, asked, urls[0])
			var one, other time.Duration
			var cold time.Duration
			n := 0
			for b.Loop() {
				began := time.Now()
				get(b, asked, urls[n%pages])
				if n < pages {
					cold += time.Since(began)
				}
				began = time.Now()
				size := get(b, asked, urls[0])
				one += time.Since(began)
				began = time.Now()
				if got := get(b, asked, file); got != size {
					b.Fatal(got, size)
				}
				other += time.Since(began)
				n++
			}
			b.ReportMetric(float64(other)/float64(one), "of-static-file")
			b.ReportMetric(float64(one.Microseconds())/float64(n), "µs/page")
			b.ReportMetric(float64(other.Microseconds())/float64(n), "µs/file")
			b.ReportMetric(float64(cold.Microseconds())/float64(min(n, pages)), "µs/page-unread")
		})
	}
}

// pages are the addresses of the pages of a collection, each by the date of the
// object before.
func (c *client) pages(alias string) (urls []string) {
	query := "?limit=1000"
	for {
		urls = append(urls, c.base+path(alias, "objects/"+query))
		r := c.get(path(alias, "manifest/"+query)).want(http.StatusOK)
		query = "?limit=1000&added_after=" + r.Header.Get(headerLast)
		if !r.envelope().More {
			return urls
		}
	}
}

// staticFile serves an answer as a file.
func staticFile(b *testing.B, c *client, url string) string {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	must(b, err)
	req.Header.Set("Accept", mediaTAXII)
	req.Header.Set("Authorization", c.auth)
	res, err := c.http.Do(req)
	must(b, err)
	body, err := io.ReadAll(res.Body)
	must(b, err)
	must(b, res.Body.Close())
	dir := b.TempDir()
	must(b, os.WriteFile(filepath.Join(dir, "page.json"), body, 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	srv := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: time.Minute}
	go srv.Serve(l) //nolint:errcheck // it ends with the test
	b.Cleanup(func() { must(b, srv.Close()) })
	return "http://" + l.Addr().String() + "/page.json"
}
