package taxii

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Codings of a body, by preference (RFC 9110 §8.4).
const (
	codingZstd = "zstd"
	codingGzip = "gzip"
	codingNone = ""
)

// compressFrom is the size from which a body is worth the work.
const compressFrom = 1 << 10

// chooseCoding returns the coding that a request asks for most, codingNone if it
// asks for none that this server has.
func chooseCoding(h http.Header) string {
	best, quality := codingNone, 0.0
	any, named := -1.0, map[string]float64{}
	for item := range listed(h.Values("Accept-Encoding")) {
		name, params, _ := strings.Cut(item, ";")
		q := 1.0
		if p := strings.ToLower(strings.TrimSpace(params)); p != "" {
			v, ok := strings.CutPrefix(p, "q=")
			if !ok {
				continue
			}
			if q, ok = parseQuality(v); !ok {
				continue
			}
		}
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "*":
			any = q
		case "x-gzip":
			named[codingGzip] = q
		case codingGzip, codingZstd, "identity":
			named[name] = q
		}
	}
	for _, c := range []string{codingZstd, codingGzip} {
		q, ok := named[c]
		if !ok {
			q = any
		}
		if q > quality {
			best, quality = c, q
		}
	}
	if q, ok := named["identity"]; ok && q > quality {
		return codingNone
	}
	return best
}

// Compressors hold some hundred KiB each, and are used again.
var (
	gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	zstds = sync.Pool{New: func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil // these options are valid
		}
		return w
	}}
)

var gathers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}

// together writes small pieces together: a page may be a thousand.
func together(w io.Writer, write func(io.Writer) error) error {
	g, ok := gathers.Get().(*bufio.Writer)
	if !ok {
		return fmt.Errorf("no buffer")
	}
	g.Reset(w)
	err := write(g)
	if flushed := g.Flush(); err == nil {
		err = flushed
	}
	g.Reset(nil)
	gathers.Put(g)
	return err
}

// compress calls write with a writer of that coding over w.
func compress(w io.Writer, coding string, write func(io.Writer) error) error {
	var c interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	pool := &gzips
	switch coding {
	case codingNone:
		return together(w, write)
	case codingZstd:
		pool = &zstds
		z, ok := pool.Get().(*zstd.Encoder)
		if !ok {
			return fmt.Errorf("no zstd encoder")
		}
		c = z
	default:
		g, ok := pool.Get().(*gzip.Writer)
		if !ok {
			return fmt.Errorf("no gzip writer")
		}
		c = g
	}
	c.Reset(w)
	err := write(c)
	if closed := c.Close(); err == nil {
		err = closed
	}
	c.Reset(nil)
	pool.Put(c)
	return err
}
