package taxii

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
)

// readBody reads a body of at most max_content_length bytes, before and after it
// is unpacked.
func (s *Server) readBody(w http.ResponseWriter, r *request) ([]byte, *problem) {
	tooLarge := func() *problem {
		return newProblem(http.StatusRequestEntityTooLarge, "payload-too-large", "the body has more than %d bytes (max_content_length): cut the objects into several envelopes", s.maxContent)
	}
	if r.ContentLength > int64(s.maxContent) {
		return nil, tooLarge()
	}
	var in io.Reader = http.MaxBytesReader(w, r.Body, int64(s.maxContent))
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, unreadable(err, tooLarge)
		}
		in = z
	default:
		p := newProblem(http.StatusUnsupportedMediaType, "content-encoding", "the body's Content-Encoding is %s: send it as it is, or with gzip", quote(coding))
		w.Header().Set("Accept-Encoding", "gzip, identity")
		return nil, p
	}
	var b bytes.Buffer
	if r.ContentLength > 0 {
		b.Grow(int(min(r.ContentLength, 1<<20)) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(in, int64(s.maxContent)+1)); err != nil {
		return nil, unreadable(err, tooLarge)
	}
	if b.Len() > s.maxContent {
		return nil, tooLarge()
	}
	return b.Bytes(), nil
}

func unreadable(err error, tooLarge func() *problem) *problem {
	var most *http.MaxBytesError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &most):
		return tooLarge()
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusRequestTimeout, "timeout", "the body took too long to arrive")
	}
	return badRequest("the body could not be read to its end, or is not what its Content-Encoding says")
}
