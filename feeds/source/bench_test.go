package source_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
)

// urlhausRows is a URLhaus list of any size that is made while it is read.
type urlhausRows struct {
	left, id int
	rest     string
}

func newURLhausRows(n int) *urlhausRows {
	return &urlhausRows{left: n, rest: "################\r\n# abuse.ch URLhaus\r\n#\r\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\r\n"}
}

func (u *urlhausRows) Read(p []byte) (int, error) {
	if u.rest == "" {
		if u.left == 0 {
			return 0, io.EOF
		}
		u.left--
		u.id++
		u.rest = fmt.Sprintf("\"%d\",\"2026-08-%02d 09:54:23\",\"http://203.0.113.%d:%d/bin/%d.sh?x=\"\"1\"\"\",\"offline\",\"2026-08-20 09:00:00\",\"malware_download\",\"32-bit,elf,mips,Mozi\",\"https://urlhaus.example/url/%d/\",\"reporter\"\r\n",
			u.id, 1+u.id%20, u.id%250, 1024+u.id%60000, u.id, u.id)
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func newSource(t testing.TB, format string) source.Source {
	f, err := source.Lookup(format)
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.New(config())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// BenchmarkURLhaus reads, builds and validates a URLhaus list of a million rows,
// and reports the share of each stage. Building validates; how much of it that is
// is measured by doing it once more, which does not count.
func BenchmarkURLhaus(b *testing.B) {
	for _, rows := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) { benchmarkURLhaus(b, rows) })
	}
}

func benchmarkURLhaus(b *testing.B, rows int) {
	s := newSource(b, "urlhaus")
	b.ReportAllocs()
	for b.Loop() {
		var building, validating time.Duration
		var size int64
		var peak uint64
		n := 0
		start := time.Now()
		err := s.Read(b.Context(), source.Input{Name: "rows", Reader: newURLhausRows(rows)}, func(r source.Row) error {
			if n++; n%(rows/10) == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
			for _, d := range r.Objects {
				begin := time.Now()
				raw, err := d.Build(version)
				built := time.Now()
				if err == nil {
					err = build.Valid(raw)
				}
				building += built.Sub(begin)
				validating += time.Since(built)
				size += int64(len(raw))
				if err != nil {
					return err
				}
			}
			return nil
		})
		total := time.Since(start) - validating
		if err != nil || n != rows {
			b.Fatal(n, err)
		}
		b.ReportMetric(float64(n)/total.Seconds(), "rows/s")
		b.ReportMetric(100*(total-building).Seconds()/total.Seconds(), "%parse")
		b.ReportMetric(100*(building-validating).Seconds()/total.Seconds(), "%build")
		b.ReportMetric(100*validating.Seconds()/total.Seconds(), "%validate")
		b.ReportMetric(float64(size)/float64(n), "B/object")
		b.ReportMetric(float64(peak)/(1<<20), "MiB-heap")
	}
}

func TestAListOfAnySizeIsReadInAFewMegabytes(t *testing.T) {
	for _, tt := range []struct {
		format string
		in     func() io.Reader
	}{
		{"urlhaus", func() io.Reader { return newURLhausRows(100_000) }},
		{"list", func() io.Reader {
			return io.MultiReader(strings.NewReader("# one line without an end\n"), &endless{left: 64 << 20})
		}},
		{"csv", func() io.Reader {
			return io.MultiReader(strings.NewReader("indicator,type,app\n\"bad.example"), &endless{left: 16 << 20, line: 1000})
		}},
	} {
		t.Run(tt.format, func(t *testing.T) {
			f, _ := source.Lookup(tt.format)
			c := config()
			c.Mapping = network
			s, err := f.New(c)
			if err != nil {
				t.Fatal(err)
			}
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var most uint64
			n := 0
			err = s.Read(t.Context(), source.Input{Name: "rows", Reader: tt.in()}, func(source.Row) error {
				if n++; n%5000 == 1 {
					runtime.GC()
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapAlloc)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if grown := int64(most) - int64(before.HeapAlloc); grown > 16<<20 {
				t.Errorf("%d rows take %d MiB", n, grown>>20)
			}
		})
	}
}

// endless is one line of a letter, or lines of it with line bytes each.
type endless struct{ left, line, at int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), e.left)]
	for i := range p {
		p[i] = 'a'
		if e.at++; e.line > 0 && e.at%e.line == 0 {
			p[i] = '\n'
		}
	}
	e.left -= len(p)
	return len(p), nil
}
