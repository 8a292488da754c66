package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/catalog"
)

// openIndex opens the index and brings it up to every stream: after a crash it
// lacks what was stored and not yet applied, after damage everything.
func (h *Hub) openIndex(ctx context.Context) error {
	if err := h.openCatalogue(); err != nil {
		return err
	}
	return h.catchUpAll(ctx)
}

func (h *Hub) openCatalogue() (err error) {
	h.index, err = catalog.Open(h.cfg.path(catalogFolder), catalog.Options{Logger: h.log, Key: h.keys.catalogueKey()})
	if err == nil {
		h.recovery.Rebuilt = h.index.Recovered()
	}
	return err
}

// catchUpAll brings the index up to every stream.
func (h *Hub) catchUpAll(ctx context.Context) error {
	h.recovery.Streams, h.recovery.Messages, h.recovery.CaughtUp, h.recovery.Missing = 0, 0, 0, 0
	streams, err := h.objectStreams(ctx)
	if err != nil {
		return err
	}
	if h.lead == nil {
		return eachOf(ctx, 1, streams, h.openStream)
	}
	return eachOf(ctx, streamsAtOnce, streams, h.openStream)
}

// streamsAtOnce is how many streams are looked at at a time when a node takes the lead:
// what takes time is asking the other nodes.
const streamsAtOnce = 8

// objectStreams lists the streams that carry objects. Also those that no roster
// needs now: what they hold counts as published.
func (h *Hub) objectStreams(ctx context.Context) ([]string, error) {
	names := h.js.StreamNames(ctx)
	var streams []string
	for name := range names.Name() {
		if isObjects(name) {
			streams = append(streams, name)
		}
	}
	if err := names.Err(); err != nil {
		return nil, fmt.Errorf("listing the streams: %w", err)
	}
	slices.Sort(streams)
	return streams, nil
}

// isObjects reports whether a stream carries objects.
func isObjects(stream string) bool { return strings.HasPrefix(stream, "CTI_") }

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
	missing := gone - min(gone, erased)
	if missing > 0 {
		h.log.Error("messages that were stored are gone: the store was damaged, or is an older copy", "stream", name,
			"missing", missing, "holds", size.Messages, "last", size.LastSeq, "last_known", known)
	}
	_, n, err := h.catchUp(ctx, name)
	if err != nil {
		return err
	}
	h.opening.Lock()
	defer h.opening.Unlock()
	h.recovery.Missing += missing
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
	if fenced, ok := h.fenced.Load(stream); ok && last < fenced.(uint64) {
		// Whoever came to lead the stream has not applied all that is in its log.
		return 0, 0, fmt.Errorf("%s ends at %d: %w", stream, last, errBehind)
	}
	at, _, err := h.index.Position(stream)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the index's position in %s: %w", stream, err)
	}
	if at > last && h.lead != nil {
		return 0, 0, fmt.Errorf("%s ends at %d: %w", stream, last, errBehind)
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
	if h.lead != nil {
		t := &tail{h: h, stream: stream}
		if objects, err = t.read(ctx, at, last); err == nil && t.erased {
			err = h.index.Scrub(ctx)
		}
	} else {
		objects, err = h.index.CatchUp(ctx, h.source(), stream, last)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("catching up with %s: %w", stream, err)
	}
	return last, objects, nil
}

// streamSource reads stored messages in order, for the index.
type streamSource struct {
	js jetstream.JetStream
	// next, where set, tells what is stored from a sequence on, for sure.
	next func(ctx context.Context, stream string, from uint64) (uint64, error)
	// fences are handed out too, which are no objects.
	fences bool
}

const catchUpBatch = 256

// Messages calls fn for each message from one sequence through another.
// Sequences that are gone are passed over.
func (s streamSource) Messages(ctx context.Context, stream string, from, through uint64, fn func(catalog.Message) error) error {
	from, err := s.messages(ctx, stream, from, through, fn)
	if err != nil || from > through || s.next == nil {
		return err
	}
	next, err := s.next(ctx, stream, from)
	if err == nil && next > 0 && next <= through {
		err = fmt.Errorf("message %d: %w", next, errBehind)
	}
	return err
}

// messages is Messages as far as the copy that answers goes; it returns from where on
// there was nothing.
func (s streamSource) messages(ctx context.Context, stream string, from, through uint64, fn func(catalog.Message) error) (uint64, error) {
	for from <= through {
		next, err := s.batch(ctx, stream, from, through, fn)
		if err != nil || next == from {
			return next, err
		}
		from = next
	}
	return from, nil
}

// batchWait bounds one batch: a question to an engine that ends is never answered.
const batchWait = 30 * time.Second

func (s streamSource) batch(ctx context.Context, stream string, from, through uint64, fn func(catalog.Message) error) (uint64, error) {
	ctx, done := context.WithTimeout(ctx, batchWait)
	defer done()
	msgs, err := jetstreamext.GetBatch(ctx, s.js, stream, catchUpBatch, jetstreamext.GetBatchSeq(from), jetstreamext.GetBatchMaxBytes(32<<20))
	if err != nil {
		return from, err
	}
	for m, err := range msgs {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		if m.Sequence > through {
			return through + 1, nil
		}
		if s.fences || !isFence(m.Subject) {
			if err := fn(catalog.Message{Seq: m.Sequence, Subject: m.Subject, Header: m.Header.Get, Data: m.Data}); err != nil {
				return from, err
			}
		}
		from = m.Sequence + 1
	}
	return from, nil
}
