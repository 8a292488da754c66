package client

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// ErrOtherState is in the error of a state file that belongs to another
// question: another server, collection or selection.
var ErrOtherState = errors.New("the state belongs to another question")

// State is where a Poll stands, kept in a file of mode 0600 that is replaced as
// a whole after each page.
type State struct {
	path string
	data stateData
}

// stateData is the file.
type stateData struct {
	Format     int      `json:"format"`
	Collection string   `json:"collection"` // its URL
	Filters    string   `json:"filters,omitempty"`
	Limit      int      `json:"limit,omitempty"` // as it was asked for
	AddedAfter string   `json:"added_after,omitempty"`
	Next       string   `json:"next,omitempty"`
	PageLimit  int      `json:"page_limit,omitempty"` // as it is sent
	Last       string   `json:"date_added_last,omitempty"`
	Unordered  bool     `json:"unordered,omitempty"`
	Ties       int      `json:"ties,omitempty"`
	Recent     []string `json:"recent,omitempty"` // SHA-256, hexadecimal
}

const (
	stateFormat = 1
	// stateBytes bounds what is read of a file: recentKeys hashes, and room.
	stateBytes = 4 << 20
)

// OpenState reads the state in a file, or begins one if there is no such file
// yet.
func OpenState(path string) (*State, error) {
	s := &State{path: path}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("opening the state: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, stateBytes+1))
	if err == nil {
		err = s.data.read(b)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state in %s: %w", path, err)
	}
	return s, nil
}

// Begun reports whether there is anything to go on from.
func (s *State) Begun() bool { return s.data.Format != 0 }

// read takes a file as it was written, and nothing else: what was damaged must
// not make anyone miss an object.
func (d *stateData) read(b []byte) error {
	if len(b) > stateBytes {
		return errors.New("it is too large to be a state")
	}
	if err := json.Unmarshal(b, d); err != nil {
		return fmt.Errorf("it is damaged; without it, everything is received again: %w", err)
	}
	switch {
	case d.Format != stateFormat:
		return fmt.Errorf("its format is %d, and this program knows %d", d.Format, stateFormat)
	case d.Collection == "" || d.Limit < 0 || d.PageLimit < 0 || d.Ties < 0 || len(d.Recent) > recentKeys:
		return errors.New("it is damaged; without it, everything is received again")
	}
	for _, text := range d.Recent {
		if len(text) != hex.EncodedLen(len(key{})) {
			return errors.New("it is damaged; without it, everything is received again")
		}
		if _, err := hex.DecodeString(text); err != nil {
			return fmt.Errorf("it is damaged; without it, everything is received again: %w", err)
		}
	}
	return nil
}

// resume is the cursor to go on from. The place where a first Poll begins is no
// part of the question: it was passed.
func (s *State) resume(collection string, filters url.Values, q *Query) (cursor, error) {
	begin := cursor{AddedAfter: formatTime(q.AddedAfter), Limit: q.Limit}
	d := &s.data
	if !s.Begun() {
		*d = stateData{Collection: collection, Filters: encode(filters), Limit: q.Limit}
		return begin, nil
	}
	if d.Collection != collection || d.Filters != encode(filters) {
		return cursor{}, fmt.Errorf("%w: %s is of %s", ErrOtherState, s.path, question(d.Collection, d.Filters))
	}
	at := cursor{AddedAfter: d.AddedAfter, Next: d.Next, Limit: d.PageLimit, Last: d.Last, Unordered: d.Unordered, Ties: d.Ties}
	for _, text := range d.Recent {
		var k key
		if _, err := hex.Decode(k[:], []byte(text)); err != nil {
			return cursor{}, err
		}
		at.Recent = append(at.Recent, k)
	}
	if q.Limit != d.Limit {
		at.withoutNext() // which belongs to the old limit
		at.Limit, d.Limit = q.Limit, q.Limit
	}
	return at, nil
}

func question(collection, filters string) string {
	if filters == "" {
		return collection
	}
	return collection + " with " + filters
}

// keep writes where the walk stands.
func (s *State) keep(at *cursor) error {
	d := s.data
	d.Format = stateFormat
	d.AddedAfter, d.Next, d.PageLimit, d.Last = at.AddedAfter, at.Next, at.Limit, at.Last
	d.Unordered, d.Ties = at.Unordered, at.Ties
	d.Recent = make([]string, len(at.Recent))
	for i := range at.Recent {
		d.Recent[i] = hex.EncodeToString(at.Recent[i][:])
	}
	b, err := json.Marshal(&d)
	if err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	if err := replaceFile(s.path, append(b, '\n')); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	s.data = d
	return nil
}

// replaceFile makes a file of mode 0600 have these bytes: all of them, on disk,
// or those it had.
func replaceFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
