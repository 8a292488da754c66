package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix"
)

// To erase an object is to take away, in one batch, all that its place left: in
// the list of its message, under its name, its version and its values, in the
// counts, as a definition. What the remaining versions have in common is made
// anew, and the newest of them becomes the newest. From then on the object is as
// if it had never come; its bytes are gone from the index's files after Scrub.

// Erasure is what is erased of one message, and what is left of it.
type Erasure struct {
	Stream string
	// Seq is the sequence that the message had originally.
	Seq uint64
	// Physical is the sequence of the message that holds what is left, the newest
	// of its stream; 0 if nothing is left.
	Physical uint64
	// Left are the objects that are left, in order: under their original places,
	// with the offsets and lengths that they have in the message Physical.
	Left []Record
	// Erased are the others. What the index lists of the message and is in
	// neither is erased as well, but finding its values takes a look at all.
	Erased []Record
}

// Erase forgets objects of one message; doing it again changes nothing. It is on
// disk, with all that was applied before, when Erase returns: the message that
// held them may then be deleted. The position of the stream goes on to Physical.
// On a full disk it says ErrDiskFull, as Apply does.
func (x *Index) Erase(e Erasure) error { return x.erasure(e, pebble.Sync) }

func (x *Index) erasure(e Erasure, durable *pebble.WriteOptions) error {
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
	if err := x.erase(&e, durable); err != nil {
		return x.fault(fmt.Sprintf("erasing objects of message %d of stream %s", e.Seq, e.Stream), err)
	}
	return nil
}

// erasedSince is true if something was erased, or is being erased, since
// x.erasing was read.
func (x *Index) erasedSince(began uint64) bool { return began%2 == 1 || x.erasing.Load() != began }

func (e *Erasure) check() error {
	if (e.Physical == 0) != (len(e.Left) == 0) || e.Physical != 0 && e.Physical <= e.Seq {
		return fmt.Errorf("%d objects are left in message %d", len(e.Left), e.Physical)
	}
	for i := range e.Left {
		if i > 0 && e.Left[i].Place.Index <= e.Left[i-1].Place.Index {
			return fmt.Errorf("object %d is left after object %d", e.Left[i].Place.Index, e.Left[i-1].Place.Index)
		}
	}
	for _, records := range [][]Record{e.Left, e.Erased} {
		for i := range records {
			if records[i].Place.Seq != e.Seq {
				return fmt.Errorf("object %d is of message %d", records[i].Place.Index, records[i].Place.Seq)
			}
			if err := check(&records[i], e.Stream, e.Seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// erasing is one erasure in the making.
type erasing struct {
	*Erasure
	x        *Index
	b        *pebble.Batch
	streamNo uint32
	// before is what the index lists of the message, left what it will list; of
	// those, added are the ones it did not know.
	before listed
	left   listing
	added  []Record
	// erased are the places to be taken away, by object.
	erased map[form]map[int]bool
	next   position
	// stale are the keys that have, or had, something of what is erased.
	stale [][]byte
}

func (x *Index) erase(e *Erasure, durable *pebble.WriteOptions) error {
	if err := e.check(); err != nil {
		return err
	}
	streamNo, err := x.streamNo(e.Stream)
	if err != nil {
		return err
	}
	w := &erasing{Erasure: e, x: x, streamNo: streamNo, next: x.position(e.Stream), erased: map[form]map[int]bool{}}
	if w.before, err = x.listedAt(streamNo, e.Seq); err != nil {
		return err
	}
	if e.Physical > 0 && e.Physical < w.before.physical {
		return nil // it has moved on since
	}
	w.sort()
	x.writer.begin()
	if err := x.originsOf(w.added); err != nil {
		return err
	}
	if err := x.networksOf(w.added); err != nil {
		return err
	}
	x.erasing.Add(1)
	defer x.erasing.Add(1)
	err = x.writeWith(durable, 0, func(b *pebble.Batch) error {
		w.b = b
		return w.fill()
	})
	if err != nil {
		return err
	}
	w.next.erasures++
	x.setPosition(e.Stream, w.next)
	x.setMove(e.Stream, e.Seq, w.physical())
	for f := range w.erased {
		x.surveys.drop(f)
	}
	x.scrub.remember(w.stale)
	return nil
}

// sort tells what is left from what is erased.
func (w *erasing) sort() {
	known := map[int]bool{}
	for i := range w.before.listing {
		known[w.before.listing[i].index] = true
	}
	newer := w.Physical > w.next.seq
	stays := map[int]bool{}
	for i := range w.Left {
		r := &w.Left[i]
		switch {
		case known[r.Place.Index]:
		case newer:
			w.added = append(w.added, *r)
		default:
			continue // it was erased since
		}
		stays[r.Place.Index] = true
		w.left = append(w.left, r.described())
	}
	for i := range w.before.listing {
		if d := &w.before.listing[i]; !stays[d.index] {
			w.erases(form{d.origin, d.id}, d.index)
		}
	}
	for i := range w.Erased {
		if r := &w.Erased[i]; !stays[r.Place.Index] {
			w.erases(form{r.Key.Origin, r.Key.ID}, r.Place.Index)
		}
	}
	if newer {
		w.next.seq = w.Physical
	}
}

func (w *erasing) erases(f form, index int) {
	if w.erased[f] == nil {
		w.erased[f] = map[int]bool{}
	}
	w.erased[f][index] = true
}

// physical is where the objects are that the index lists from now on, 0 if there
// are none.
func (w *erasing) physical() uint64 {
	if len(w.left) == 0 {
		return 0
	}
	return w.Physical
}

func (w *erasing) fill() error {
	for f := range w.erased {
		if err := w.object(f); err != nil {
			return err
		}
	}
	for _, step := range []func() error{w.values, w.message, w.origins, w.count, w.record} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := w.x.writeMove(w.b, w.streamNo, w.Seq, w.physical()); err != nil {
		return err
	}
	if len(w.stale) > 0 {
		if err := w.x.scrub.mark(w.b); err != nil {
			return err
		}
	}
	key, err := named(kindPosition, w.Stream)
	if err != nil {
		return err
	}
	return w.b.Set(key, w.next.append(nil), nil)
}

// remove takes a key away that names what is erased.
func (w *erasing) remove(key []byte) error {
	w.stale = append(w.stale, slices.Clone(key))
	return w.b.Delete(key, nil)
}

// values takes away what the erased objects say.
func (w *erasing) values() error {
	told := map[int]bool{}
	for i := range w.Erased {
		r := &w.Erased[i]
		f := form{r.Key.Origin, r.Key.ID}
		if !w.erased[f][r.Place.Index] {
			continue
		}
		told[r.Place.Index] = true
		place := storedPlace{stream: w.streamNo, seq: w.Seq, index: r.Place.Index}
		for j := range r.Values.Keys {
			k := &r.Values.Keys[j]
			if err := w.remove(appendPlaceKey(appendValue(nil, k.Kind, k.Bytes), &place)); err != nil {
				return err
			}
		}
	}
	var untold []int
	for _, indexes := range w.erased {
		for index := range indexes {
			if !told[index] {
				untold = append(untold, index)
			}
		}
	}
	if len(untold) == 0 {
		return nil
	}
	keys, err := w.x.valuesAt(w.streamNo, w.Seq, untold)
	for _, key := range keys {
		if err == nil {
			err = w.remove(key)
		}
	}
	return err
}

// message lists what is left.
func (w *erasing) message() error {
	for _, indexes := range w.erased {
		for index := range indexes {
			if err := w.b.Delete(appendMarkKey(nil, &storedPlace{stream: w.streamNo, seq: w.Seq, index: index}), nil); err != nil {
				return err
			}
		}
	}
	key := appendMessageKey(nil, kindMessage, w.streamNo, w.Seq)
	if len(w.erased) > 0 {
		w.stale = append(w.stale, key)
	}
	if len(w.left) == 0 {
		return w.b.Delete(key, nil)
	}
	return w.b.Set(key, listed{w.Physical, w.left}.append(nil), nil)
}

// origins files the message under those of whom something is left.
func (w *erasing) origins() error {
	for _, origin := range w.before.origins() {
		if slices.Contains(w.left.origins(), origin) {
			continue
		}
		key, err := appendOfKey(nil, origin, w.streamNo, w.Seq)
		if err != nil {
			return err
		}
		if err := w.b.Delete(key, nil); err != nil {
			return err
		}
	}
	return w.x.writeOrigins(w.b, w.streamNo, w.Seq, w.left)
}

// count takes what is erased off the numbers, and adds what is new.
func (w *erasing) count() error {
	var fewer, more listing
	for _, d := range w.before.listing {
		if w.erased[form{d.origin, d.id}][d.index] {
			fewer = append(fewer, d)
		}
	}
	for i := range w.added {
		more = append(more, w.added[i].described())
	}
	if err := w.x.countMessage(w.streamNo, fewer, -1); err != nil {
		return err
	}
	if err := w.x.countMessage(w.streamNo, more, 1); err != nil {
		return err
	}
	return w.x.writeCounts(w.b)
}

// record adds the objects that the index did not know.
func (w *erasing) record() error {
	for i := range w.added {
		r := &w.added[i]
		created, err := w.x.record(w.b, r, w.streamNo)
		if err != nil {
			return err
		}
		if created {
			w.next.entries++
		}
		w.next.lastAdded = max(w.next.lastAdded, r.Place.Added)
	}
	return nil
}

// version is one version of an object, less what is erased of it.
type version struct {
	key string
	stored
	touched bool
}

// object takes the erased places of one object away.
func (w *erasing) object(f form) error {
	var of objectErasure
	err := w.x.eachStored(f, func(key string, s *stored) error {
		v := version{key: key, stored: *s}
		was := len(w.x.alive(s))
		v.places = slices.DeleteFunc(slices.Clone(s.places), func(p storedPlace) bool {
			gone := p.stream == w.streamNo && p.seq == w.Seq && w.erased[f][p.index]
			if gone {
				of.levels = append(of.levels, p.level)
				v.touched = true
			}
			return gone
		})
		if v.touched {
			v.places = w.x.alive(&v.stored)
		}
		if was > 0 && len(v.places) == 0 {
			w.next.entries -= min(1, w.next.entries)
		}
		of.add(w.x, v, w.streamNo)
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.definitions(f, &of); err != nil {
		return err
	}
	return w.rewrite(f, &of)
}

// objectErasure is what is left of one object.
type objectErasure struct {
	// touched are the versions that lose a place, newest the one that is kept as
	// such, best the one that will be.
	touched      []version
	newest, best *version
	all          stix.Lineage
	// levels are those of the places erased, held those left in the same stream.
	levels, held []stix.Level
}

func (of *objectErasure) add(x *Index, v version, streamNo uint32) {
	if v.newest {
		of.newest = &v
	}
	if v.touched {
		of.touched = append(of.touched, v)
	}
	if len(x.alive(&v.stored)) == 0 {
		return
	}
	for _, p := range v.places {
		if p.stream == streamNo {
			of.held = append(of.held, p.level)
		}
	}
	if v.own == (stix.Lineage{}) {
		return
	}
	if of.all = of.all.Join(v.own); of.all.Latest == v.own.Latest {
		of.best = &v
	}
}

// definitions takes away that the object is known as a definition where no place
// of it is left.
func (w *erasing) definitions(f form, of *objectErasure) error {
	if !strings.HasPrefix(f.id, "marking-definition--") {
		return nil
	}
	for _, level := range of.levels {
		if slices.Contains(of.held, level) {
			continue
		}
		key, err := definition{f.id, f.origin, level, w.streamNo}.appendKey(nil)
		if err != nil {
			return err
		}
		if err := w.remove(key); err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes the versions that lost a place, and the newest there is now.
func (w *erasing) rewrite(f form, of *objectErasure) error {
	if len(of.touched) == 0 {
		return nil
	}
	for i := range of.touched {
		v := &of.touched[i]
		k := Key{f.origin, f.id, v.key}
		if v.newest || of.best != nil && v.key == of.best.key {
			continue // under the key of the object, below
		}
		if len(v.places) == 0 {
			if err := w.dropVersion(k); err != nil {
				return err
			}
		} else if err := w.x.put(w.b, k, &v.stored, false); err != nil {
			return err
		}
	}
	if of.newest == nil {
		return nil // it has no versions
	}
	newestKey, err := appendNewestKey(nil, Key{Origin: f.origin, ID: f.id})
	if err != nil {
		return err
	}
	w.stale = append(w.stale, newestKey)
	if of.best == nil {
		w.x.writer.values[Key{f.origin, f.id, newestVersion}] = nil
		return w.b.Delete(newestKey, nil)
	}
	k := Key{f.origin, f.id, of.best.key}
	if !of.best.newest {
		if err := w.dropVersion(k); err != nil {
			return err
		}
	}
	s := of.best.stored
	s.newest, s.all, s.forgotten, s.places = true, of.all, w.x.names.Load().forgotten(), w.x.alive(&s)
	return w.x.put(w.b, k, &s, false)
}

// dropVersion takes the key of a version away.
func (w *erasing) dropVersion(k Key) error {
	key, err := appendObjectKey(nil, k)
	if err != nil {
		return err
	}
	w.x.writer.values[k] = nil
	return w.remove(key)
}
