package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
)

// A catalogue and its stream are on the same node, and the stream is what most nodes
// have: where a node knew of something that the others do not have, its catalogue is
// wrong, and is made anew. So before a node takes the lead, and in each term before one
// follows, the end of each stream as the catalogue knows it is looked at.

// agreeAll does that for every stream that was fenced.
func (h *Hub) agreeAll(ctx context.Context) error {
	streams, err := h.objectStreams(ctx)
	if err != nil {
		return err
	}
	return eachOf(ctx, streamsAtOnce, streams, func(ctx context.Context, name string) error {
		fence, _ := h.fenced.Load(name)
		seq, _ := fence.(uint64)
		return h.agree(ctx, name, seq)
	})
}

// agree makes the catalogue of a stream anew if it does not agree with the stream. fence
// is the sequence of the fence that this node has put there, beyond which it cannot know
// anything; 0 if it has put none.
func (h *Hub) agree(ctx context.Context, stream string, fence uint64) error {
	at, added, err := h.index.Position(stream)
	if err != nil || at == 0 {
		return err
	}
	agrees := fence == 0 || at < fence
	if agrees {
		if agrees, err = h.endsAt(ctx, stream, at, added); err != nil {
			return err
		}
	}
	if agrees {
		return nil
	}
	h.log.Error("the catalogue knows of messages that the stream does not hold, and is made anew for it", "stream", stream, "index", at)
	h.messages.drop(stream)
	return h.erasures.during(func() error { return h.index.Forget(stream) })
}

// looksBack is how many fences are passed over to find a message of objects.
const looksBack = 16

// endsAt reports whether the newest object that a stream holds up to a sequence has the
// stamp that the catalogue knows as the newest; true where that cannot be told.
func (h *Hub) endsAt(ctx context.Context, stream string, at uint64, added int64) (bool, error) {
	for seq := at; seq > 0 && at-seq < looksBack; seq-- {
		m, err := h.storedMsg(ctx, stream, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			last, err := h.lastSeq(ctx, stream)
			return seq <= last, err // it was erased; or the stream ends before it
		}
		if err != nil {
			return false, err
		}
		if isFence(m.Subject) {
			continue
		}
		if m.Header.Get(api.HeaderSequence) != "" {
			return true, nil
		}
		records, err := catalog.ReadMessage(stream, catalog.Message{Seq: m.Sequence, Subject: m.Subject, Header: m.Header.Get, Data: m.Data})
		if err != nil {
			return false, fmt.Errorf("message %d of %s: %w", seq, stream, err)
		}
		return len(records) == 0 || records[len(records)-1].Place.Added == added, nil
	}
	return true, nil
}
