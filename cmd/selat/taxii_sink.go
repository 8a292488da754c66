package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	taxii "github.com/selat-hub/selat/feeds/taxii/client"
)

// pageSink hands pages of objects over; once page returns nil they are
// remembered.
type pageSink interface {
	page(objects []taxii.Object) error
	end(sum *taxii.Totals) error
}

func newPageSink(cmd *cobra.Command, o *taxiiGetOptions) (pageSink, error) {
	switch {
	case o.dir != "":
		if err := os.MkdirAll(o.dir, 0o750); err != nil {
			return nil, fmt.Errorf("making the folder for objects: %w", err)
		}
		s := &folderPages{dir: o.dir}
		if wantsJSON(cmd) {
			s.lines = jsonLines(cmd)
		}
		return s, nil
	case o.bundle:
		return &bundlePages{out: bufio.NewWriter(cmd.OutOrStdout())}, nil
	}
	return linePages{bufio.NewWriter(cmd.OutOrStdout())}, nil
}

// linePages prints an object on a line of its own.
type linePages struct{ out *bufio.Writer }

func (s linePages) page(objects []taxii.Object) error {
	for i := range objects {
		if err := writeLine(s.out, objects[i].Raw); err != nil {
			return err
		}
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("printing objects: %w", err)
	}
	return nil
}

func (linePages) end(*taxii.Totals) error { return nil }

// writeLine prints JSON on one line. A line break in it can only stand between
// its parts, where it means as much as a space.
func writeLine(w io.Writer, raw []byte) error {
	line := append(make([]byte, 0, len(raw)+1), raw...)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("printing an object: %w", err)
	}
	return nil
}

// bundlePages prints one bundle, with the bytes of each object as they are.
type bundlePages struct {
	out   *bufio.Writer
	begun bool
}

func (s *bundlePages) page(objects []taxii.Object) error {
	for i := range objects {
		if err := s.object(objects[i].Raw); err != nil {
			return fmt.Errorf("printing an object: %w", err)
		}
	}
	return nil
}

func (s *bundlePages) object(raw []byte) error {
	separator := ",\n"
	if !s.begun {
		separator = bundleHead() + `,"objects":[` + "\n"
	}
	s.begun = true
	if _, err := s.out.WriteString(separator); err != nil {
		return err
	}
	_, err := s.out.Write(raw)
	return err
}

func bundleHead() string { return `{"type":"bundle","id":"bundle--` + uuid.NewString() + `"` }

// end closes the bundle. One without objects has no list of them (STIX 2.1 §8).
func (s *bundlePages) end(*taxii.Totals) error {
	tail := "\n]}\n"
	if !s.begun {
		tail = bundleHead() + "}\n"
	}
	_, err := s.out.WriteString(tail)
	if err == nil {
		err = s.out.Flush()
	}
	if err != nil {
		return fmt.Errorf("printing the bundle: %w", err)
	}
	return nil
}

// folderPages writes each object to a file of its own: DIR/TYPE/ID@VERSION.json,
// or @HASH for an object that has no version. TAXII does not tell origins, so an
// object may come with the id and version of another: what is there already is
// never replaced, and the other goes to ID@VERSION-HASH.json.
type folderPages struct {
	dir   string
	lines *json.Encoder // nil for no lines
}

func (s *folderPages) page(objects []taxii.Object) error {
	for i := range objects {
		if err := s.object(&objects[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *folderPages) object(o *taxii.Object) error {
	hash := hex.EncodeToString(o.Hash[:])
	version := o.Version
	if version == "" {
		version = hash[:16]
	}
	folder := filepath.Join(s.dir, safeName(o.Type))
	if err := makeFolder(s.dir, folder); err != nil {
		return fmt.Errorf("making a folder for objects: %w", err)
	}
	file, err := fileBeside(folder, safeName(o.ID+"@"+version), o.Raw, hash)
	if err == nil {
		err = writeWhole(file, o.Raw)
	}
	if err != nil {
		return fmt.Errorf("writing an object: %w", err)
	}
	if s.lines == nil {
		return nil
	}
	return s.lines.Encode(struct {
		ID      string `json:"id,omitempty"`
		Type    string `json:"type,omitempty"`
		Version string `json:"version,omitempty"`
		SHA256  string `json:"sha256"`
		File    string `json:"file"`
	}{o.ID, o.Type, o.Version, hash, file})
}

// fileBeside is the file for an object of that name: the plain one, unless that
// holds other bytes. More of the hash is for whoever makes one that begins like
// another.
func fileBeside(folder, name string, raw []byte, hash string) (string, error) {
	for _, tail := range []string{"", "-" + hash[:12], "-" + hash[:40]} {
		file := filepath.Join(folder, name+tail+".json")
		had, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Equal(had, raw):
			return file, nil
		case err != nil:
			return "", err // nobody knows what would be replaced
		}
	}
	return "", fmt.Errorf("%s.json and those beside it hold other bytes", filepath.Join(folder, name))
}

func (s *folderPages) end(sum *taxii.Totals) error {
	if s.lines == nil {
		return nil
	}
	return s.lines.Encode(struct {
		Summary *taxii.Totals `json:"summary"`
	}{sum})
}
