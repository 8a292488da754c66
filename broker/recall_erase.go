package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// How one object leaves a message of many: its neighbours are stored again at the
// stream's end, in a message that says which one it was and which positions its
// objects had; then the catalogue reads them from there, and the old message is
// overwritten on the disk. Every address and time stays what it was.

// errUnmovable is said of what this program never stores: from AMBER on, a message
// has one object (compose).
var errUnmovable = errors.New("the message has several objects above GREEN, which cannot be stored again at another place")

// erase takes what orders cover out of a message, named by the sequence that it
// had first.
func (rs *recalls) erase(ctx context.Context, os orders, at messageAt) error {
	w := rs.h.writers.of(at.Stream)
	return w.alone(ctx, func(ctx context.Context) error {
		return w.eraseFrom(ctx, os, at)
	})
}

func (w *writer) eraseFrom(ctx context.Context, os orders, at messageAt) error {
	h, now := w.h, messageAt{at.Stream, w.h.index.At(at.Stream, at.Seq)}
	stream, err := h.js.Stream(ctx, at.Stream)
	if err != nil {
		return err
	}
	raw, err := h.storedMsg(ctx, at.Stream, now.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		// The store has lost it, or it was overwritten before: then the catalogue
		// forgets what it knows of it, neighbours too, so that they may come again.
		return w.forget(now, catalog.Erasure{Stream: at.Stream, Seq: at.Seq})
	}
	if err != nil {
		return err
	}
	m, err := openStored(at, raw)
	if err != nil {
		return err
	}
	e := catalog.Erasure{Stream: at.Stream, Seq: at.Seq}
	left := m.without(os, &e)
	if len(e.Erased) == 0 {
		return nil // it was done before
	}
	if len(left) > 0 {
		if m.level >= stix.Amber {
			return errUnmovable
		}
		if e.Physical, err = w.storeLeft(ctx, m, left, &e); err != nil {
			return err
		}
	}
	if err := w.forget(now, e); err != nil {
		return err
	}
	err = h.secureDelete(ctx, stream, now.Seq)
	h.messages.forget(now) // whoever read it meanwhile has kept it again
	return err
}

// forget has the catalogue forget what is erased. Whoever reads meanwhile reads
// again (inForce): it has the old message and the old places, or the new ones.
func (w *writer) forget(now messageAt, e catalog.Erasure) error {
	err := w.h.erasures.during(func() error {
		defer w.h.messages.forget(now)
		return w.h.index.Erase(e)
	})
	if err != nil {
		w.distrust()
		return fmt.Errorf("having the catalogue forget it: %w", err)
	}
	return nil
}

func (h *Hub) secureDelete(ctx context.Context, s jetstream.Stream, seq uint64) error {
	err := s.SecureDeleteMsg(ctx, seq)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return fmt.Errorf("overwriting message %d: %w", seq, err)
	}
	if _, err := h.storedMsg(ctx, s.CachedInfo().Config.Name, seq); !errors.Is(err, jetstream.ErrMsgNotFound) {
		return errors.Join(fmt.Errorf("message %d is still there after it was overwritten", seq), err)
	}
	return nil
}

// distrust has the writer catch up with its stream before it writes again.
func (w *writer) distrust() {
	w.mu.Lock()
	w.stale = true
	w.mu.Unlock()
}

// storedMessage is a message of a stream, taken apart.
type storedMessage struct {
	raw      *jetstream.RawStreamMsg
	origin   string
	audience string
	level    stix.Level
	added    int64 // of the position 0 that it once had
	objects  []stix.Object
	indexes  []int // the position of each in the message as it was first
	offsets  []int
}

// openStored takes a message apart. at names it by the sequence that it had first.
func openStored(at messageAt, raw *jetstream.RawStreamMsg) (*storedMessage, error) {
	records, err := catalog.ReadMessage(at.Stream, catalog.Message{Seq: raw.Sequence, Subject: raw.Subject, Header: raw.Header.Get, Data: raw.Data})
	if err != nil {
		return nil, err
	}
	objects, err := stix.SplitValidated(raw.Data, unlimited)
	if err != nil {
		return nil, err
	}
	m := &storedMessage{raw: raw, objects: objects}
	for i := range records {
		r := &records[i]
		if r.Place.Seq != at.Seq {
			return nil, fmt.Errorf("%w: message %d is not what is left of message %d", errNotAsKnown, raw.Sequence, at.Seq)
		}
		m.origin, m.audience, m.level = r.Key.Origin, r.Place.Audience, r.Place.Level
		m.added = r.Place.Added - int64(r.Place.Index)
		m.indexes, m.offsets = append(m.indexes, r.Place.Index), append(m.offsets, r.Offset)
	}
	return m, nil
}

// unlimited bounds nothing: what is stored was within the limits of its day.
var unlimited = stix.Limits{PayloadBytes: 1 << 30, ObjectBytes: 1 << 30, Objects: 1 << 30, Depth: 1 << 16}

// without notes what orders cover as erased, and returns the others.
func (m *storedMessage) without(os orders, e *catalog.Erasure) (left []int) {
	for i := range m.objects {
		if !os.covers(catalog.KeyOf(m.origin, &m.objects[i]), m.audience, m.level) {
			left = append(left, i)
			continue
		}
		e.Erased = append(e.Erased, m.record(e, i, m.offsets[i]))
	}
	return left
}

func (m *storedMessage) record(e *catalog.Erasure, i, offset int) catalog.Record {
	o := &m.objects[i]
	place := catalog.Place{Stream: e.Stream, Seq: e.Seq, Index: m.indexes[i], Audience: m.audience, Level: m.level,
		Added: m.added + int64(m.indexes[i]), Supporting: m.raw.Header.Get(api.HeaderSupporting) == "true"}
	return catalog.RecordOf(m.origin, o, place, offset, values.Read(nil, o.Type, o.Raw))
}

// storeLeft stores objects of a message again, at the stream's end.
func (w *writer) storeLeft(ctx context.Context, m *storedMessage, left []int, e *catalog.Erasure) (uint64, error) {
	raws, indexes := make([][]byte, len(left)), make([]string, len(left))
	offset := stix.BundleHead()
	for n, i := range left {
		raws[n], indexes[n] = m.objects[i].Raw, strconv.Itoa(m.indexes[i])
		e.Left = append(e.Left, m.record(e, i, offset))
		offset += len(raws[n]) + 1
	}
	msg := nats.NewMsg(m.raw.Subject)
	msg.Data = stix.AppendBundle(make([]byte, 0, offset+stix.BundleOverhead()), "bundle--"+uuid.NewString(), raws...)
	for key, value := range m.raw.Header {
		if strings.HasPrefix(key, "Selat-") {
			msg.Header[key] = slices.Clone(value)
		}
	}
	msg.Header.Set(api.HeaderSequence, strconv.FormatUint(e.Seq, 10))
	msg.Header.Set(api.HeaderIndexes, strings.Join(indexes, ","))
	ctx, done := context.WithTimeout(ctx, writeTimeout)
	defer done()
	ack, err := w.h.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(w.stream), jetstream.WithExpectLastSequence(w.sent), jetstream.WithRetryAttempts(0))
	if err != nil {
		w.distrust()
		return 0, fmt.Errorf("storing its neighbours again: %w", err)
	}
	w.sent = ack.Sequence
	return ack.Sequence, nil
}

// eraseRests overwrites what an earlier try had stored again elsewhere and not
// come to overwrite.
func (rs *recalls) eraseRests(ctx context.Context, os orders, r *recall) error {
	rs.mu.RLock()
	planned := slices.Collect(maps.Keys(r.messages))
	rs.mu.RUnlock()
	for _, now := range planned {
		if err := rs.eraseRest(ctx, os, now); err != nil {
			return fmt.Errorf("erasing it from message %d of %s: %w", now.Seq, now.Stream, err)
		}
	}
	return nil
}

func (rs *recalls) eraseRest(ctx context.Context, os orders, now messageAt) error {
	stream, err := rs.h.js.Stream(ctx, now.Stream)
	if err != nil {
		return err
	}
	raw, err := rs.h.storedMsg(ctx, now.Stream, now.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	first := messageAt{now.Stream, now.Seq}
	if moved := raw.Header.Get(api.HeaderSequence); moved != "" {
		if first.Seq, err = strconv.ParseUint(moved, 10, 64); err != nil {
			return fmt.Errorf("%s: %w", api.HeaderSequence, err)
		}
	}
	if rs.h.index.At(first.Stream, first.Seq) == now.Seq {
		if err := rs.erase(ctx, os, first); err != nil {
			return err
		}
	}
	listed, err := rs.h.index.Lists(first.Stream, first.Seq)
	if err != nil {
		return err
	}
	if !listed || rs.h.index.At(first.Stream, first.Seq) != now.Seq {
		return rs.h.secureDelete(ctx, stream, now.Seq)
	}
	return nil
}
