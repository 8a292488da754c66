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
	seats "github.com/selat-hub/selat/broker/client"
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

// BenchmarkPost submits 1,000 objects of 1 KiB, over TAXII and as `selat publish`
// does over NATS.
func BenchmarkPost(b *testing.B) {
	h := newHub(b, func(c *broker.Config) { c.Limits.SubmissionsPerSecond, c.Limits.ObjectsPerSecond = 0, 0 })
	h.seat("sg/desk", policy.Both, stix.Amber)
	s := h.serve()
	asked := h.client(s, "sg/desk")
	creds, err := h.AddSeat(b.Context(), policy.Seat{Name: "sg/nats", Kind: policy.Publisher, Standing: policy.Organization, Ceiling: stix.Amber})
	must(b, err)
	file := filepath.Join(b.TempDir(), "nats.creds")
	must(b, os.WriteFile(file, creds, 0o600))
	nats, err := seats.Connect(b.Context(), seats.Options{CredsFile: file, URL: h.URL()})
	must(b, err)
	defer nats.Close()
	var posted, published time.Duration
	n := 0
	objects := func() []string {
		out := make([]string, 1000)
		for i := range out {
			out[i] = kilobyte(n)
			n++
		}
		return out
	}
	for b.Loop() {
		envelope := envelopeOf(objects()...)
		began := time.Now()
		asked.do(http.MethodPost, path("asean-green", "objects/"), envelope).want(http.StatusAccepted)
		posted += time.Since(began)
		raws := [][]byte{}
		for _, o := range objects() {
			raws = append(raws, []byte(o))
		}
		payload := bundleOf(raws)
		began = time.Now()
		r, err := nats.Submit(b.Context(), payload, seats.SubmitOptions{To: []string{"asean"}, Unmarked: stix.Green})
		if err != nil || r.Accepted != 1000 {
			b.Fatal(err, r)
		}
		published += time.Since(began)
	}
	b.ReportMetric(float64(published)/float64(posted), "of-publish")
	b.ReportMetric(float64(posted.Microseconds())/float64(b.N), "µs/post")
	b.ReportMetric(float64(published.Microseconds())/float64(b.N), "µs/publish")
}

// BenchmarkMillion gets the first page of a million objects, the last, and one of
// everything, and tells what the hub takes.
func BenchmarkMillion(b *testing.B) {
	h := newHub(b, func(c *broker.Config) { c.Limits.SubmissionsPerSecond, c.Limits.ObjectsPerSecond = 0, 0 })
	began := time.Now()
	fill(b, h, 1_000_000, 1000)
	filled := time.Since(began)
	s := h.serve()
	asked := h.client(s, "sg/feed")
	urls := asked.pages("asean-green")
	last := urls[len(urls)-1]
	merged := strings.Replace(urls[len(urls)/2], "asean-green", "everything", 1)
	var first, end, middle time.Duration
	for b.Loop() {
		for _, u := range []struct {
			url  string
			took *time.Duration
		}{{urls[0], &first}, {last, &end}, {merged, &middle}} {
			began := time.Now()
			get(b, asked, u.url)
			*u.took += time.Since(began)
		}
	}
	m, err := h.IndexMetrics()
	must(b, err)
	b.ReportMetric(1_000_000/filled.Seconds(), "objects/s-filled")
	b.ReportMetric(float64(first.Microseconds())/float64(b.N), "µs/first")
	b.ReportMetric(float64(end.Microseconds())/float64(b.N), "µs/last")
	b.ReportMetric(float64(middle.Microseconds())/float64(b.N), "µs/everything")
	b.ReportMetric(float64(m.MemoryBytes)/(1<<20), "catalogue-MiB")
	b.ReportMetric(residentMiB(b), "process-MiB")
}

// residentMiB is what the process holds of the memory, this benchmark's own part
// among it.
func residentMiB(b *testing.B) float64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("this system does not tell what a process holds")
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(raw), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return float64(resident*int64(os.Getpagesize())) / (1 << 20)
}
