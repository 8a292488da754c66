package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Source is something with STIX objects in it: a bundle, one object, or
// objects one on each line (NDJSON). Publish reads it twice.
type Source struct {
	// Name is told in lines about its objects; a file's path, or "-".
	Name string
	// Open returns the content from its beginning, the same each time.
	Open func() (io.ReadCloser, error)
}

// File is a Source that reads a file.
func File(path string) Source {
	return Source{Name: path, Open: func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening the input: %w", err)
		}
		return f, nil
	}}
}

// Bytes is a Source that reads b.
func Bytes(name string, b []byte) Source {
	return Source{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// Spool copies a stream that can be read only once, such as standard input,
// into a temporary file of mode 0600, and returns a Source that reads it. The
// file has no name once Spool returns, so that nothing is left behind even by
// a kill, except where the system does not allow that; release frees it.
func Spool(name string, r io.Reader) (src Source, release func() error, err error) {
	f, err := os.CreateTemp("", "selat-publish-*")
	if err != nil {
		return Source{}, nil, fmt.Errorf("spooling the input: %w", err)
	}
	kept := os.Remove(f.Name()) != nil
	release = func() error {
		err := f.Close()
		if kept {
			err = errors.Join(err, os.Remove(f.Name()))
		}
		return err
	}
	size, err := io.Copy(f, r)
	if err != nil {
		return Source{}, nil, errors.Join(fmt.Errorf("spooling the input: %w", err), release())
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, size)), nil }
	return Source{Name: name, Open: open}, release, nil
}
