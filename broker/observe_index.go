package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/stix"
)

// IndexLag is how far the index is behind what is stored, over all streams.
type IndexLag struct {
	// Messages stored and not in the index.
	Messages uint64
	// Since is when the first of them was stored; zero while there is none.
	Since time.Time
}

// IndexLag holds the index against the streams. What is stored at this moment
// counts for a few milliseconds.
func (h *Hub) IndexLag(ctx context.Context) (IndexLag, error) {
	var lag IndexLag
	if !h.ready.Load() {
		return lag, errors.New("looking at the index: the hub is closed")
	}
	type end struct {
		stream string
		last   uint64
	}
	var ends []end
	err := h.eachStream(ctx, func(info *jetstream.StreamInfo, _ stix.Level) {
		ends = append(ends, end{info.Config.Name, info.State.LastSeq})
	})
	if err != nil {
		return lag, err
	}
	for _, e := range ends {
		at, _, err := h.index.Position(e.stream)
		if err != nil {
			return IndexLag{}, fmt.Errorf("looking at the index: %w", err)
		}
		if at >= e.last {
			continue
		}
		stored, err := h.storedFrom(ctx, e.stream, at+1)
		if err != nil {
			return IndexLag{}, err
		}
		if stored.IsZero() {
			continue // all of it was erased meanwhile
		}
		lag.Messages += e.last - at
		if lag.Since.IsZero() || stored.Before(lag.Since) {
			lag.Since = stored
		}
	}
	return lag, nil
}

// storedFrom is when the first message from a sequence on was stored, zero if there
// is none.
func (h *Hub) storedFrom(ctx context.Context, stream string, seq uint64) (time.Time, error) {
	s, err := h.js.Stream(ctx, stream)
	if err != nil {
		return time.Time{}, fmt.Errorf("looking at stream %s: %w", stream, err)
	}
	m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(">"))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("looking at stream %s: %w", stream, err)
	}
	return m.Time, nil
}
