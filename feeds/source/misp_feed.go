package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/misp"
)

// Codes of events that a manifest lists and that cannot be read now.
const (
	gone       = "gone"
	unreadable = "unreadable"
)

// maxFailures is how many events in a row may fail to be had, for another reason
// than that they are gone, before the server is taken to be away.
const maxFailures = 5

// mispFeed reads a MISP feed.
type mispFeed struct {
	maker build.Maker
	known func(string) (int64, bool)
}

func newMISPFeed(c Config) (Source, error) {
	if err := c.Maker.Check(); err != nil {
		return nil, err
	}
	// An event stays in its feed for ever: to be there says nothing of being seen.
	c.Listed = false
	return &mispFeed{c.Maker, c.Known}, nil
}

// Read reads the manifest and then, the oldest first, each event that is of
// another revision than the one that is known. An event that the manifest lists
// and that is not there, or cannot be read, is one row that is refused and
// Unchanged: what was read of it before stands.
func (s *mispFeed) Read(ctx context.Context, in Input, emit func(Row) error) error {
	if in.Open == nil {
		return fmt.Errorf("reading %s: a MISP feed needs the events beside its manifest", in.Name)
	}
	manifest, err := misp.ReadManifest(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.Name, err)
	}
	uuids := slices.SortedFunc(maps.Keys(manifest), func(a, b string) int {
		return cmp.Or(cmp.Compare(manifest[a].Timestamp, manifest[b].Timestamp), cmp.Compare(a, b))
	})
	failures := 0
	for i, uuid := range uuids {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, key, position := manifest[uuid], uuid+"/", "event "+uuid
		if entry.Err != nil {
			position = fmt.Sprintf("entry %d", i)
			row := refuse(position, build.InvalidRow, entry.Err.Error())
			if _, ok := misp.UUID(misp.Text(uuid)); ok {
				row.Key, row.Unchanged = key, true
			}
			if err := emit(row.at(position)); err != nil {
				return err
			}
			continue
		}
		if s.known != nil {
			if revision, ok := s.known(key); ok && revision == int64(entry.Timestamp) {
				if err := emit(Row{Key: key, Unchanged: true, Revision: revision}.at(position)); err != nil {
					return err
				}
				continue
			}
		}
		event, refused := s.open(ctx, in, uuid)
		if refused != nil {
			if refused.Code != unreadable {
				failures = 0
			} else if failures++; failures >= maxFailures {
				return fmt.Errorf("reading %s: %d events one after another cannot be had, the last: %s", in.Name, failures, refused.Message)
			}
			if err := emit(Row{Key: key, Refused: refused, Unchanged: true}.at(position)); err != nil {
				return err
			}
			continue
		}
		failures = 0
		// What the manifest says is what is asked the next time.
		event.Timestamp = entry.Timestamp
		if err := readMISPEvent(&s.maker, event, position, emit); err != nil {
			return err
		}
	}
	return nil
}

func (s *mispFeed) open(ctx context.Context, in Input, uuid string) (*misp.Event, *Refusal) {
	body, err := in.Open(ctx, uuid+".json")
	switch {
	case errors.Is(err, ErrGone):
		return nil, &Refusal{Code: gone, Message: "the manifest lists the event and it is not there"}
	case err != nil:
		return nil, &Refusal{Code: unreadable, Message: err.Error()}
	}
	defer body.Close()
	failed := &readError{Reader: body}
	events, err := misp.ReadEvents(failed)
	switch {
	case failed.err != nil:
		return nil, &Refusal{Code: unreadable, Message: failed.err.Error()}
	case err != nil:
		return nil, &Refusal{Code: build.InvalidRow, Message: err.Error()}
	case len(events) != 1:
		return nil, &Refusal{Code: build.InvalidRow, Message: "the file of an event must have one event"}
	case events[0].Err != nil:
		return nil, &Refusal{Code: build.InvalidRow, Message: events[0].Err.Error()}
	}
	e := &events[0].Value
	if is, _ := misp.UUID(e.UUID); is != uuid {
		return nil, &Refusal{Code: build.InvalidRow, Message: "the file has another event than the manifest says"}
	}
	return e, nil
}

// readError remembers the error of a transfer that broke off, which is another
// thing than a document that is malformed.
type readError struct {
	io.Reader
	err error
}

func (r *readError) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
