package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// Message is one message of a stream, as the hub stored it: a STIX bundle.
type Message struct {
	Seq     uint64
	Subject string
	// Header returns a header's first value, "" if it is absent.
	Header func(string) string
	Data   []byte
}

// Source reads streams.
type Source interface {
	// Messages calls fn for every message of a stream from sequence from up to
	// and including through, in order; sequences without a message are passed
	// over. It stops with the first error of fn and returns it. A message is
	// good only during the call.
	Messages(ctx context.Context, stream string, from, through uint64, fn func(Message) error) error
}

// catchUpBatch is how many objects go into one batch when catching up.
const catchUpBatch = 4096

// storedLimits lets everything pass: what is stored was within the limits of
// its day.
var storedLimits = stix.Limits{PayloadBytes: 1 << 30, ObjectBytes: 1 << 30, Objects: 1 << 30, Depth: 1 << 16}

// CatchUp applies what a stream holds beyond its position, up to and including
// the sequence through, and returns the number of objects read. A message that
// cannot be read is an error that names stream and sequence; what came before
// it stays applied, as it does when the source or the context ends early, and
// calling again goes on from there.
func (x *Index) CatchUp(ctx context.Context, src Source, stream string, through uint64) (n int, err error) {
	at, _, err := x.Position(stream)
	if err != nil {
		return 0, err
	}
	if through <= at {
		return 0, nil
	}
	// What is read next is taken apart while what was read before is written.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	groups := make(chan group)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(groups)
		readGroups(ctx, src, stream, at, through, groups)
	})
	for g := range groups {
		if err == nil && g.through > at {
			if g.original > 0 {
				err = x.applyMoved(stream, g.through, g.original, g.records)
			} else {
				err = x.Apply(stream, g.through, g.records)
			}
			if err == nil {
				n, at = n+len(g.records), g.through
			}
		}
		// The messages before the failed one are whole and in order.
		if err = errors.Join(err, g.err); err != nil {
			cancel()
		}
	}
	reading.Wait()
	if err != nil {
		return n, fmt.Errorf("catching up with stream %s: %w", stream, err)
	}
	return n, nil
}

// group is the records of some messages, up to a sequence.
type group struct {
	records []Record
	through uint64
	// original is the sequence of which the one message of the group is what is
	// left, 0 for messages that are their own.
	original uint64
	err      error // why there are no more
}

// readGroups takes messages apart, in groups of about catchUpBatch objects. The
// last goes up to the sequence through, or tells what ended the reading. It
// returns once ctx ends, having said so unless nobody listens.
func readGroups(ctx context.Context, src Source, stream string, at, through uint64, groups chan<- group) {
	g := group{through: at}
	err := src.Messages(ctx, stream, at+1, through, func(m Message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if m.Seq <= g.through || m.Seq > through {
			return fmt.Errorf("message %d came after message %d, up to %d was asked for", m.Seq, g.through, through)
		}
		original, more, err := read(stream, m)
		if err != nil {
			return fmt.Errorf("message %d: %w", m.Seq, err)
		}
		if original > 0 {
			g.through = m.Seq - 1
			groups <- g
			groups <- group{records: more, through: m.Seq, original: original}
			g = group{through: m.Seq}
			return nil
		}
		g.records = append(g.records, more...)
		g.through = m.Seq
		if len(g.records) >= catchUpBatch {
			groups <- g
			g.records = make([]Record, 0, len(g.records))
		}
		return nil
	})
	if g.err = err; err == nil {
		g.through = through
	}
	groups <- g
}

// ReadMessage makes the records of a stored message of a stream: under the places
// that its objects had first, with the offsets they have now.
func ReadMessage(stream string, m Message) ([]Record, error) {
	_, records, err := read(stream, m)
	return records, err
}

// read makes the records of a stored message. original is the sequence of the
// message of which it is what is left, and which its records have, else 0.
func read(stream string, m Message) (original uint64, records []Record, err error) {
	origin := m.Header(api.HeaderOrigin)
	if origin == "" {
		if t := strings.Split(m.Subject, "."); len(t) > 3 {
			origin = t[3] // cti.<audience>.<tlp>.<origin>.<type>
		}
	}
	if origin == "" {
		return 0, nil, fmt.Errorf("neither %s nor the subject tells the origin", api.HeaderOrigin)
	}
	place := Place{
		Stream: stream, Seq: m.Seq,
		Audience:   m.Header(api.HeaderAudience),
		Supporting: m.Header(api.HeaderSupporting) == "true",
	}
	if place.Audience == "" {
		return 0, nil, fmt.Errorf("%s is missing", api.HeaderAudience)
	}
	if place.Level, err = stix.ParseLevel(m.Header(api.HeaderLevel)); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", api.HeaderLevel, err)
	}
	added, err := time.Parse(time.RFC3339Nano, m.Header(api.HeaderAdded))
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", api.HeaderAdded, err)
	}
	objects, err := stix.SplitValidated(m.Data, storedLimits)
	if err != nil {
		return 0, nil, err
	}
	original, indexes, err := originalOf(m, len(objects))
	if err != nil {
		return 0, nil, err
	}
	if original > 0 {
		place.Seq = original
	}
	records = make([]Record, len(objects))
	end := 0
	for i := range objects {
		o := &objects[i]
		if o.ID == "" {
			return 0, nil, fmt.Errorf("object %d has no id", i)
		}
		place.Index = i
		if original > 0 {
			place.Index = indexes[i]
		}
		place.Added = added.UnixMicro() + int64(place.Index)
		offset := end + bytes.Index(m.Data[end:], o.Raw)
		end = offset + len(o.Raw)
		records[i] = RecordOf(origin, o, place, offset, values.Read(nil, o.Type, o.Raw))
	}
	return original, records, nil
}

// RecordOf is the record of an object that a stream holds at a place, its bytes
// at an offset of the message, and of the values it names.
func RecordOf(origin string, o *stix.Object, place Place, offset int, named values.Reading) Record {
	return Record{
		Key: KeyOf(origin, o), Hash: o.Hash(), Place: place,
		Definition: o.Definition != nil, Lineage: o.Lineage(),
		Version: o.Version(), Spec: specOf(o), Offset: offset, Length: len(o.Raw), Values: named,
	}
}

// specOf is the specification an object is written in. Without spec_version that
// is 2.1 of a cyber-observable, and 2.0 of anything else (STIX 2.1 §3.2).
func specOf(o *stix.Object) string {
	if o.SpecVersion == "" && o.Version() != "" {
		return "2.0"
	}
	return o.SpecVersion
}
