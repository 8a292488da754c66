package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
)

// tail applies to the catalogue of a node what another decided, in the order of the
// stream: what was stored, what is left of messages of which something was erased, and
// what was erased whole.
type tail struct {
	h       *Hub
	stream  string
	records []catalog.Record
	at      uint64 // read up to here
	objects int
	erased  bool
}

const tailObjects = 4096

// read applies what a stream holds beyond a sequence, up to another, and returns how
// many objects that were.
func (t *tail) read(ctx context.Context, at, through uint64) (int, error) {
	t.at = at
	src := t.h.source()
	src.fences = true
	err := src.Messages(ctx, t.stream, at+1, through, func(m catalog.Message) error {
		if err := t.take(m); err != nil {
			return fmt.Errorf("message %d of %s: %w", m.Seq, t.stream, err)
		}
		t.at = m.Seq
		return nil
	})
	if err == nil {
		t.at = through
	}
	return t.objects, errors.Join(err, t.flush())
}

func (t *tail) take(m catalog.Message) error {
	if isFence(m.Subject) {
		var f fence
		if err := json.Unmarshal(m.Data, &f); err != nil {
			return fmt.Errorf("reading a fence: %w", err)
		}
		t.h.sawFence(&f)
		if len(f.Erased) == 0 {
			return nil
		}
		if err := t.flush(); err != nil {
			return err
		}
		return t.forget(f.Erased)
	}
	records, err := catalog.ReadMessage(t.stream, m)
	if err != nil {
		return err
	}
	if m.Header(api.HeaderSequence) == "" {
		t.records, t.objects = append(t.records, records...), t.objects+len(records)
		if len(t.records) < tailObjects {
			return nil
		}
		t.at = m.Seq
		return t.flush()
	}
	if err := t.flush(); err != nil {
		return err
	}
	first := records[0].Place.Seq
	return t.erase(messageAt{t.stream, t.h.index.At(t.stream, first)}, catalog.Erasure{Stream: t.stream, Seq: first, Physical: m.Seq, Left: records})
}

// forget forgets messages of which nothing is left, by where they stood.
func (t *tail) forget(physical []uint64) error {
	for _, seq := range physical {
		first := t.h.index.First(t.stream, seq)
		if t.h.index.At(t.stream, first) != seq {
			continue // what is left of it stands elsewhere
		}
		listed, err := t.h.index.Lists(t.stream, first)
		if err != nil {
			return err
		}
		if !listed {
			continue
		}
		if err := t.erase(messageAt{t.stream, seq}, catalog.Erasure{Stream: t.stream, Seq: first}); err != nil {
			return err
		}
	}
	return nil
}

func (t *tail) erase(now messageAt, e catalog.Erasure) error {
	t.erased = true
	return t.h.erasures.during(func() error {
		defer t.h.messages.forget(now)
		return t.h.index.Erase(e)
	})
}

func (t *tail) flush() error {
	at, _, err := t.h.index.Position(t.stream)
	if err != nil || t.at <= at {
		return err
	}
	err = t.h.index.Apply(t.stream, t.at, t.records)
	t.records = nil
	return err
}

// source reads what is stored. In a cluster any node's copy may answer, one that is
// behind too: so it asks the node that leads the stream before it takes a stream to
// have ended.
func (h *Hub) source() streamSource {
	s := streamSource{js: h.js}
	if h.lead != nil {
		s.next = h.nextStored
	}
	return s
}

// copyComplete waits until this node's copy of a stream, which answers first, has what
// the node that leads the stream has now.
func (h *Hub) copyComplete(ctx context.Context, stream string) error {
	if h.lead == nil {
		return nil
	}
	last, err := h.lastSeq(ctx, stream)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		local, err := h.localPositions()
		if err != nil {
			return err
		}
		if local[stream] >= last {
			return nil
		}
		if try == copyTries {
			return fmt.Errorf("%s: %w", stream, errBehind)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(copyWait):
		}
	}
}

// errBehind is said of a copy of a stream that lacks what is stored.
var errBehind = errors.New("this copy of the stream is behind")

// nextStored is the sequence of the first message from one on, 0 if there is none, as
// the node that leads the stream knows it.
func (h *Hub) nextStored(ctx context.Context, stream string, from uint64) (uint64, error) {
	m, err := h.leaderGet(ctx, stream, map[string]any{"seq": from, "next_by_subj": ">"})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.Sequence, nil
}
