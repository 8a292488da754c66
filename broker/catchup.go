package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/catalog"
)

// openIndex opens the index and brings it up to every stream: after a crash it
// lacks what was stored and not yet applied, after damage everything.
func (h *Hub) openIndex(ctx context.Context) error {
	var err error
	if h.index, err = catalog.Open(h.cfg.path(catalogFolder), catalog.Options{Logger: h.log, Key: h.keys.catalogueKey()}); err != nil {
		return err
	}
	h.recovery.Rebuilt = h.index.Recovered()
	streams, err := h.objectStreams(ctx)
	if err != nil {
		return err
	}
	for _, name := range streams {
		if err := h.openStream(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// objectStreams lists the streams that carry objects. Also those that no roster
// needs now: what they hold counts as published.
func (h *Hub) objectStreams(ctx context.Context) ([]string, error) {
	names := h.js.StreamNames(ctx)
	var streams []string
	for name := range names.Name() {
		if strings.HasPrefix(name, "CTI_") {
			streams = append(streams, name)
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("listing the streams: %w", err)
	}
	slices.Sort(streams)
	return streams, nil
}

// openStream brings the index up to one stream and says what the stream lacks.
func (h *Hub) openStream(ctx context.Context, name string) error {
	known, _, err := h.index.Position(name)
	if err != nil {
		return err
	}
	size, err := h.StreamSize(ctx, name)
	if err != nil {
		return err
	}
	left, err := h.leftByRetention(ctx, name)
	if err != nil {
		return err
	}
	gone, erased := max(known, size.LastSeq)-size.Messages-left, h.recalls.erasedOf(name)
	if missing := gone - min(gone, erased); missing > 0 {
		h.recovery.Missing += missing
		h.log.Error("messages that were stored are gone: the store was damaged, or is an older copy", "stream", name,
			"missing", missing, "holds", size.Messages, "last", size.LastSeq, "last_known", known)
	}
	_, n, err := h.catchUp(ctx, name)
	if err != nil {
		return err
	}
	h.recovery.Streams++
	h.recovery.Messages += size.Messages
	h.recovery.CaughtUp += n
	_, added, err := h.index.Position(name)
	h.lastAdded = max(h.lastAdded, added)
	return err
}

// catchUp applies to the index whatever a stream holds beyond it, and returns
// the stream's last sequence and how many objects were new to the index. An
// index that is ahead of its stream (a store restored from a backup) forgets
// the stream and reads it again.
func (h *Hub) catchUp(ctx context.Context, stream string) (last uint64, objects int, err error) {
	if last, err = h.lastSeq(ctx, stream); err != nil {
		return 0, 0, err
	}
	at, _, err := h.index.Position(stream)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the index's position in %s: %w", stream, err)
	}
	if at > last {
		h.log.Warn("the index is ahead of its stream and is built again for it", "stream", stream, "index", at, "stream_last", last)
		h.messages.drop(stream)
		if err := h.index.Forget(stream); err != nil {
			return 0, 0, fmt.Errorf("forgetting %s: %w", stream, err)
		}
		at = 0
	}
	if at == last {
		return last, 0, nil
	}
	objects, err = h.index.CatchUp(ctx, streamSource{h.js}, stream, last)
	if err != nil {
		return 0, 0, fmt.Errorf("catching up with %s: %w", stream, err)
	}
	return last, objects, nil
}

// streamSource reads stored messages in order, for the index.
type streamSource struct{ js jetstream.JetStream }

const catchUpBatch = 256

// Messages calls fn for each message from one sequence through another.
// Sequences that are gone are passed over.
func (s streamSource) Messages(ctx context.Context, stream string, from, through uint64, fn func(catalog.Message) error) error {
	for from <= through {
		msgs, err := jetstreamext.GetBatch(ctx, s.js, stream, catchUpBatch, jetstreamext.GetBatchSeq(from), jetstreamext.GetBatchMaxBytes(32<<20))
		if err != nil {
			return err
		}
		n := 0
		for m, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				return nil
			}
			if err != nil {
				return err
			}
			if m.Sequence > through {
				return nil
			}
			if err := fn(catalog.Message{Seq: m.Sequence, Subject: m.Subject, Header: m.Header.Get, Data: m.Data}); err != nil {
				return err
			}
			from, n = m.Sequence+1, n+1
		}
		if n == 0 {
			return nil
		}
	}
	return nil
}
