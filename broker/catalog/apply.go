package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix"
	"github.com/selat-hub/selat/stix/values"
)

// Record is one object of a stream, to be applied.
type Record struct {
	Key   Key
	Hash  [32]byte
	Place Place
	// Definition is true for a marking-definition.
	Definition bool
	// Lineage is what this version says of its object, zero where the object
	// has no versions (stix.Object.Lineage). Its Latest is the key's version.
	Lineage stix.Lineage
	// Version is stix.Object.Version, Spec its spec_version, "" for 2.1.
	Version, Spec string
	// Offset and Length are the object's bytes within the message.
	Offset, Length int
	// Values are those that the object names.
	Values values.Reading
}

// writer is what one Apply after the other uses.
type writer struct {
	sync.Mutex
	// batch is the number of the last batch written.
	batch uint64
	// values holds what the batch in the making has written of each key, the
	// newest version of an object under newestVersion; nil is what it took away.
	values map[Key][]byte
	// forms are the places of objects without versions in it, counts its numbers.
	forms  map[form][]storedPlace
	counts map[string]uint64
	buf    []byte
}

func (w *writer) begin() {
	if w.values == nil {
		w.values, w.forms, w.counts = map[Key][]byte{}, map[form][]storedPlace{}, map[string]uint64{}
	}
	clear(w.values)
	clear(w.forms)
	clear(w.counts)
}

// Apply records objects of one stream up to and including the sequence
// through. Entries and position are written in one atomic batch, in memory and
// in the system's buffers: a crash of the machine may take the newest batches
// back, whole and in order. through at or below the position, and records
// there, are ignored, so applying the same again changes nothing. A record
// beyond through, of another stream or without a level is an error, and then
// nothing is written.
//
// On a full disk Apply says ErrDiskFull, except that the one that meets it may
// wait until there is room, or Close.
//
// Where an entry of other bytes exists under the same key, the entry stays as
// it is, the record is left out, logged and counted (Metrics.Conflicts): the
// hub never stores that.
func (x *Index) Apply(stream string, through uint64, records []Record) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.gate.RUnlock()
	// Before the lock: who holds it may be waiting for the disk.
	if x.disk.stalled() {
		return ErrDiskFull
	}
	x.writer.Lock()
	defer x.writer.Unlock()

	pos := x.position(stream)
	if through <= pos.seq {
		return nil
	}
	if err := x.apply(stream, through, records, pos); err != nil {
		return x.fault(fmt.Sprintf("indexing stream %s up to %d", stream, through), err)
	}
	return nil
}

func (x *Index) apply(stream string, through uint64, records []Record, pos position) error {
	for i := range records {
		if err := check(&records[i], stream, through); err != nil {
			return err
		}
	}
	streamNo, err := x.streamNo(stream)
	if err != nil {
		return err
	}
	key, err := named(kindPosition, stream)
	if err != nil {
		return err
	}
	next := pos
	next.seq = through
	x.writer.begin()
	if err := errors.Join(x.originsOf(records), x.networksOf(records)); err != nil {
		return err
	}
	err = x.writeSized(len(records)*bytesPerRecord, func(b *pebble.Batch) error {
		if err := x.describe(b, streamNo, pos.seq, records); err != nil {
			return err
		}
		for i := range records {
			r := &records[i]
			if r.Place.Seq <= pos.seq {
				continue
			}
			created, err := x.record(b, r, streamNo)
			if err != nil {
				return err
			}
			if created {
				next.entries++
			}
			next.lastAdded = max(next.lastAdded, r.Place.Added)
		}
		return b.Set(key, next.append(nil), nil)
	})
	if err != nil {
		return err
	}
	x.setPosition(stream, next)
	return nil
}

// describe writes what the messages beyond a sequence are made of.
func (x *Index) describe(b *pebble.Batch, streamNo uint32, beyond uint64, records []Record) error {
	var m listing
	for i := range records {
		r := &records[i]
		if r.Place.Seq <= beyond {
			continue
		}
		m = append(m, r.described())
		if i+1 < len(records) && records[i+1].Place.Seq == r.Place.Seq {
			continue
		}
		x.writer.buf = appendMessageKey(x.writer.buf[:0], kindMessage, streamNo, r.Place.Seq)
		if err := b.Set(x.writer.buf, listed{0, m}.append(nil), nil); err != nil {
			return err
		}
		if err := errors.Join(x.writeOrigins(b, streamNo, r.Place.Seq, m), x.countMessage(streamNo, m, 1)); err != nil {
			return err
		}
		m = m[:0]
	}
	return x.writeCounts(b)
}

// writeOrigins files a message under the origins of its objects, so that what one
// member published is found without going by what others did.
func (x *Index) writeOrigins(b *pebble.Batch, streamNo uint32, seq uint64, m listing) (err error) {
	for _, origin := range m.origins() {
		if x.writer.buf, err = appendOfKey(x.writer.buf[:0], origin, streamNo, seq); err != nil {
			return err
		}
		if err := b.Set(x.writer.buf, binary.AppendVarint(nil, m[0].added), nil); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a record that does not belong into this call.
func check(r *Record, stream string, through uint64) error {
	p := &r.Place
	switch {
	case p.Stream != stream:
		return fmt.Errorf("object %s is of another stream", r.Key.ID)
	case p.Seq == 0 || p.Seq > through:
		return fmt.Errorf("object %s has sequence %d", r.Key.ID, p.Seq)
	case p.Index < 0 || p.Index > 1<<31-1:
		return fmt.Errorf("object %s has index %d", r.Key.ID, p.Index)
	case p.Level == stix.NoLevel || p.Level > stix.Red:
		return fmt.Errorf("object %s has no TLP level", r.Key.ID)
	case r.Lineage != (stix.Lineage{}) && r.Lineage.Latest != r.Key.Version:
		return fmt.Errorf("object %s has the lineage of another version", r.Key.ID)
	case r.Offset < 0 || r.Length < 0 || r.Offset+r.Length > 1<<31-1:
		return fmt.Errorf("object %s stands at %d with %d bytes", r.Key.ID, r.Offset, r.Length)
	case len(r.Key.ID) > maxIDText || len(r.Key.Origin) > maxTypeText || len(r.Version) > maxLineageText || len(r.Spec) > maxTypeText:
		return fmt.Errorf("object %d of message %d has a name that is too long", p.Index, p.Seq)
	case len(r.Lineage.Latest)+len(r.Lineage.CreatedBy)+len(r.Lineage.Created)+len(r.Lineage.Revoked) > maxLineageText:
		return fmt.Errorf("object %s has a lineage of more than %d bytes", r.Key.ID, maxLineageText)
	}
	return nil
}

// record adds one record to a batch and says whether its key is new.
func (x *Index) record(b *pebble.Batch, r *Record, streamNo uint32) (created bool, err error) {
	audienceNo, known := x.names.Load().audiences.numbers[r.Place.Audience]
	if !known {
		if audienceNo, err = x.audienceNo(r.Place.Audience); err != nil {
			return false, err
		}
	}
	place := storedPlace{
		stream: streamNo, audience: audienceNo, seq: r.Place.Seq, index: r.Place.Index,
		level: r.Place.Level, supporting: r.Place.Supporting, added: r.Place.Added,
	}
	keep := x.keepOther
	if r.Lineage != (stix.Lineage{}) {
		keep = x.keepVersion
	}
	kept, created, err := keep(b, r, place)
	if err == nil && kept {
		err = x.writeValues(b, &r.Values, place)
	}
	if err != nil || !kept {
		return false, err
	}
	if r.Definition {
		d := definition{r.Key.ID, r.Key.Origin, r.Place.Level, streamNo}
		if x.writer.buf, err = d.appendKey(x.writer.buf[:0]); err != nil {
			return false, err
		}
		return created, b.Set(x.writer.buf, nil, nil)
	}
	return created, nil
}

// keepOther adds a record under the key of its own. It tells whether the record
// was kept, which one of other bytes than those known is not, and whether the
// key is new.
func (x *Index) keepOther(b *pebble.Batch, r *Record, place storedPlace) (kept, created bool, err error) {
	before, err := x.before(r.Key, false)
	if err != nil {
		return false, false, err
	}
	s := stored{hash: r.Hash, own: r.Lineage, places: []storedPlace{place}, old: r.old()}
	if before == nil {
		if r.Lineage == (stix.Lineage{}) {
			if err := x.markForms(b, r, place); err != nil {
				return false, false, err
			}
		}
		return true, true, x.put(b, r.Key, &s, true)
	}
	live := x.alive(before, r)
	if err := x.markBeside(b, place, before.places); err != nil {
		return false, false, err
	}
	switch {
	case len(live) == 0:
		created = true
	case before.hash != r.Hash:
		x.conflict(r)
		return false, false, nil
	default:
		s.own, s.places = before.own, append(live, place)
	}
	return true, created, x.put(b, r.Key, &s, false)
}

func (x *Index) conflict(r *Record) {
	x.conflicts.Add(1)
	x.log.Error("two objects of the same key differ; the one indexed first counts",
		"origin", r.Key.Origin, "id", r.Key.ID, "version", r.Key.Version,
		"stream", r.Place.Stream, "sequence", r.Place.Seq)
}

// put adds a value to the batch, under the key of the object if it is the
// newest version, else under that of the version. A key that is new goes into
// the filter first: a key too many does no harm there.
func (x *Index) put(b *pebble.Batch, k Key, s *stored, fresh bool) (err error) {
	buf := x.writer.buf[:0]
	if s.newest {
		k.Version = newestVersion
		buf, err = appendNewestKey(buf, k)
	} else {
		buf, err = appendObjectKey(buf, k)
	}
	if err != nil {
		return err
	}
	if fresh {
		x.filter.add(buf)
		if !s.newest {
			x.filter.addOnce(buf[:len(buf)-len(k.Version)]) // see holdsVersions
		}
	}
	keyLen := len(buf)
	buf = s.append(buf)
	x.writer.buf = buf
	op := b.SetDeferred(keyLen, len(buf)-keyLen)
	copy(op.Key, buf[:keyLen])
	copy(op.Value, buf[keyLen:])
	// The batch may move when it grows; what it moved away from stays as it
	// is, so the slice remains good to read.
	x.writer.values[k] = op.Value
	return op.Finish()
}

// before returns what the index, or the batch in the making, holds of a
// version, or of the newest version of an object; nil if nothing.
func (x *Index) before(k Key, newest bool) (*stored, error) {
	form := appendObjectKey
	if newest {
		form, k.Version = appendNewestKey, newestVersion
	}
	v, pending := x.writer.values[k]
	if !pending {
		var err error
		if x.writer.buf, err = form(x.writer.buf[:0], k); err != nil {
			return nil, err
		}
		if x.filter.lacks(x.writer.buf) {
			return nil, nil
		}
		if v, err = value(x.db, x.writer.buf); v == nil || err != nil {
			return nil, err
		}
	}
	if v == nil {
		return nil, nil // the batch takes it away
	}
	s := new(stored)
	if err := s.decode(v); err != nil {
		return nil, err
	}
	return s, nil
}

// alive returns the places whose streams were not forgotten. Beside the place
// of a new record they leave out that very place: the newer counts.
func (x *Index) alive(s *stored, beside ...*Record) []storedPlace {
	n := x.names.Load()
	return slices.DeleteFunc(slices.Clone(s.places), func(p storedPlace) bool {
		name, live := n.streams.name(p.stream)
		return !live || slices.ContainsFunc(beside, func(r *Record) bool {
			return name == r.Place.Stream && p.seq == r.Place.Seq && p.index == r.Place.Index
		})
	})
}

// Forget drops a stream's places and position, for a stream that no longer
// exists or was reset. It is one small write, whatever the stream held; what
// is dropped gives its space back when its key is next written.
func (x *Index) Forget(stream string) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.gate.RUnlock()
	// Before the lock: who holds it may be waiting for the disk.
	if x.disk.stalled() {
		return ErrDiskFull
	}
	x.writer.Lock()
	defer x.writer.Unlock()

	n := x.names.Load()
	if _, known := n.streams.numbers[stream]; !known {
		return nil
	}
	err := x.write(func(b *pebble.Batch) error {
		for _, kind := range []byte{kindMessage, kindMark, kindCount, kindMoved} {
			lower := binary.BigEndian.AppendUint32([]byte{kind}, n.streams.numbers[stream])
			if err := b.DeleteRange(lower, after(lower), nil); err != nil {
				return err
			}
		}
		for _, origin := range n.origins {
			lower, err := appendOfKey(nil, origin, n.streams.numbers[stream], 0)
			if err != nil {
				return err
			}
			if err := b.DeleteRange(lower, after(lower[:len(lower)-8]), nil); err != nil {
				return err
			}
		}
		for _, kind := range []byte{kindStream, kindPosition} {
			key, err := named(kind, stream)
			if err != nil {
				return err
			}
			if err := b.Delete(key, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return x.fault("forgetting stream "+stream, err)
	}
	x.names.Store(&names{streams: n.streams.without(stream), audiences: n.audiences, origins: n.origins, networks: n.networks, next: n.next})
	x.dropPosition(stream)
	return nil
}

// bytesPerRecord is about what a record takes in a batch, so that it is not moved
// again and again as it grows.
const bytesPerRecord = 512

// write fills a batch and commits it with its number.
func (x *Index) write(fill func(*pebble.Batch) error) error { return x.writeSized(0, fill) }

func (x *Index) writeSized(size int, fill func(*pebble.Batch) error) error {
	return x.writeWith(pebble.NoSync, size, fill)
}

// writeWith tells when the batch is to be on disk. A log is written in order, and
// synced before the next one begins: with a batch all before it are on disk too.
func (x *Index) writeWith(durable *pebble.WriteOptions, size int, fill func(*pebble.Batch) error) error {
	b := x.db.NewBatchWithSize(size)
	err := fill(b)
	if err == nil {
		err = x.commit(b, durable)
	}
	if cerr := b.Close(); err == nil {
		err = cerr
	}
	return err
}

func (x *Index) commit(b *pebble.Batch, durable *pebble.WriteOptions) error {
	no := x.writer.batch + 1
	if err := b.Merge(chainKey, run{no, no}.bytes(), nil); err != nil {
		return err
	}
	if err := b.Commit(durable); err != nil {
		return err
	}
	x.writer.batch = no
	return nil
}
