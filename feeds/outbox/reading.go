package outbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/feeds/build"
	"github.com/selat-hub/selat/feeds/source"
)

// batchRows is how many rows one synced write takes.
const batchRows = 500

// Rules say what follows from a row's being gone.
type Rules struct {
	// Whole tells that a complete reading is all of the list.
	Whole bool
	// Grace is how long a row may be gone before it is revoked.
	Grace time.Duration
	// ShrinkPercent of the rows, if they are at least ShrinkRows, may leave at
	// once; of more, none is revoked until AcceptShrink. 0 is 50 and 100.
	ShrinkPercent, ShrinkRows int
	AcceptShrink              bool
	// Made names what the feed's objects are made with. What was read under another
	// name is not known to be unchanged.
	Made string
}

// Count is what a reading came to.
type Count struct {
	Rows      int            `json:"rows"`
	Unchanged int            `json:"unchanged"` // rows
	New       int            `json:"new"`       // objects
	Changed   int            `json:"changed"`
	Revoked   int            `json:"revoked"`
	Refused   map[string]int `json:"refused,omitempty"` // rows, by code
	Skipped   map[string]int `json:"skipped,omitempty"`
	Gone      int            `json:"gone,omitempty"` // rows that wait for their grace
	Shrunk    *Shrunk        `json:"shrunk,omitempty"`
	// Samples are the first refusals, for people.
	Samples []string `json:"samples,omitempty"`
	// Built is the time that building took.
	Built time.Duration `json:"-"`
}

// Add adds the counts of another reading.
func (c *Count) Add(o *Count) {
	c.Rows, c.Unchanged, c.New, c.Changed = c.Rows+o.Rows, c.Unchanged+o.Unchanged, c.New+o.New, c.Changed+o.Changed
	c.Revoked, c.Gone, c.Built = c.Revoked+o.Revoked, o.Gone, c.Built+o.Built
	for _, p := range []struct {
		to   *map[string]int
		from map[string]int
	}{{&c.Refused, o.Refused}, {&c.Skipped, o.Skipped}} {
		for code, n := range p.from {
			if *p.to == nil {
				*p.to = map[string]int{}
			}
			(*p.to)[code] += n
		}
	}
	if o.Shrunk != nil {
		c.Shrunk = o.Shrunk
	}
	c.Samples = append(c.Samples, o.Samples[:min(len(o.Samples), max(0, 20-len(c.Samples)))]...)
}

// Reading takes in the rows of one reading of a feed.
type Reading struct {
	s     *Store
	feed  string
	n     uint64
	rules Rules
	b     *pebble.Batch
	held  int
	// given are rows that something was made of, or that stand; unread those that
	// could not be read.
	given, unread int
	Count
}

// Begin begins a reading.
func (s *Store) Begin(feed string, rules Rules) (*Reading, error) {
	f, err := s.Feed(feed)
	if err != nil {
		return nil, fmt.Errorf("beginning to read %s: %w", feed, err)
	}
	if rules.ShrinkPercent == 0 {
		rules.ShrinkPercent = 50
	}
	if rules.ShrinkRows == 0 {
		rules.ShrinkRows = 100
	}
	r := &Reading{s: s, feed: feed, n: f.Reading + 1, rules: rules, b: s.db.NewIndexedBatch(),
		Count: Count{Refused: map[string]int{}, Skipped: map[string]int{}}}
	// The number is on disk before any row that bears it. From now on what was read
	// to its end last is not all that was read.
	return r, s.Update(feed, func(f *Feed) { f.Reading, f.ETag, f.Modified = r.n, "", "" })
}

// Row takes in a row. What it becomes is on disk at the latest after Flush.
func (r *Reading) Row(in source.Row) error {
	r.Rows++
	err := r.take(in)
	if err == nil && in.Revision != 0 && !in.Unchanged {
		err = r.b.Set(key(kindRevision, r.feed, in.Key), revision{in.Revision, r.n, r.rules.Made}.bytes(), nil)
	}
	if err != nil {
		return fmt.Errorf("keeping row %s of %s: %w", in.Position, r.feed, err)
	}
	if r.held++; r.held >= batchRows || r.b.Len() > 4<<20 {
		return r.Flush()
	}
	return nil
}

func (r *Reading) take(in source.Row) error {
	k := key(kindRow, r.feed, in.Key)
	b, err := get(r.b, k)
	if err != nil {
		return err
	}
	old := row{}
	if b != nil {
		if old, err = parseRow(b); err != nil {
			return err
		}
	}
	if again, err := r.again(in, &old); again || err != nil {
		return err
	}
	if in.Refused != nil {
		r.refuse(in.Position, in.Refused)
	}
	if in.Skipped != "" {
		r.Skipped[in.Skipped]++
	}
	switch {
	case in.Unchanged:
		r.given++
		return r.unchanged(in.Key)
	case in.Withdrawn, in.Refused != nil && in.Refused.TakesBack(), in.Skipped != "" && len(in.Objects) == 0:
		return r.takeBack(in.Key, old, b != nil)
	case in.Refused != nil:
		// It is still in the list: what is wrong with it now takes nothing back.
		if in.Refused.Unreadable() {
			r.unread++
		}
		if b != nil && !old.revoked {
			return r.see(in.Key)
		}
		return nil
	}
	return r.publish(in, old, b == nil)
}

// again refuses a row of a list whose key an earlier row of this reading had. Of
// events each counts.
func (r *Reading) again(in source.Row, old *row) (bool, error) {
	if !r.rules.Whole || in.Unchanged {
		return false, nil
	}
	again := old.reading == r.n
	if !again {
		b, err := get(r.b, key(kindSeen, r.feed, in.Key))
		if b == nil || err != nil {
			return false, err
		}
		s, err := parseSeen(b)
		if err != nil {
			return false, err
		}
		again = s.reading == r.n
	}
	if again {
		r.refuse(in.Position, &build.Refusal{Code: build.Duplicate, Message: "an earlier row has the same key"})
	}
	return again, nil
}

// takeBack revokes what was published of a row. Of a list the row is noted even if
// nothing was, so that another of its key does not count.
func (r *Reading) takeBack(k string, old row, known bool) error {
	old.reading = r.n
	switch {
	case known && !old.revoked:
		return r.revokeRow(k, old)
	case !r.rules.Whole:
		return nil
	}
	old.revoked = true
	return r.b.Set(key(kindRow, r.feed, k), old.append(nil), nil)
}

func (r *Reading) refuse(position string, why *build.Refusal) {
	r.Refused[why.Code]++
	if len(r.Samples) < 20 {
		r.Samples = append(r.Samples, position+": "+why.Message+" ("+why.Code+")")
	}
}

// publish compares what a row gives with what it gave.
func (r *Reading) publish(in source.Row, next row, isNew bool) error {
	if next.revoked && !r.rules.Whole {
		if again, err := toldBefore(in.Objects, &next); again || err != nil {
			r.Unchanged++
			return err
		}
	}
	changed := isNew || next.revoked
	next.revoked = false
	rename := renaming(in.Objects, &next, 1)
	given, readable := map[string]bool{}, true
	began := time.Now()
	for i := range in.Objects {
		d := &in.Objects[i]
		given[d.ID] = true
		was := next.find(d.ID)
		if d.Shared {
			s, err := r.shared(d.ID)
			if err != nil {
				return err
			}
			if s != nil && s.reading == r.n {
				continue
			}
			if was = nil; s != nil {
				was = &s.objects[0]
			}
		}
		now, kind, err := r.version(d, was, rename)
		var refusal *build.Refusal
		if errors.As(err, &refusal) {
			// What follows may refer to it, and would dangle.
			r.refuse(in.Position, refusal)
			r.unread, readable = r.unread+1, false
			for _, rest := range in.Objects[i:] {
				given[rest.ID] = true
			}
			break
		}
		switch {
		case err != nil:
		case d.Shared && kind == newer:
			err = r.propose(d, was, now)
		default:
			err = r.store(d, &next, now, kind)
		}
		if err != nil {
			return err
		}
		changed = changed || kind != same && !d.Shared
	}
	if r.Built += time.Since(began); readable {
		r.given++
	}
	for i := range next.objects {
		if o := &next.objects[i]; !given[o.id] && !o.revoked && !o.versionless {
			if err := r.revokeObject(o); err != nil {
				return err
			}
			changed = true
		}
	}
	if !changed {
		r.Unchanged++
		return r.see(in.Key)
	}
	if err := r.b.Set(key(kindRow, r.feed, in.Key), next.append(nil), nil); err != nil {
		return err
	}
	return r.see(in.Key)
}

// store puts what is new or changed into the outbox and the ledger.
func (r *Reading) store(d *source.Draft, next *row, now object, kind change) error {
	if kind != same {
		version := ""
		if !now.versionless {
			version = time.UnixMilli(now.modified).UTC().Format(stampFormat)
		}
		if err := r.s.put(r.b, r.feed, generationID(d.ID, now.generation), version, now.raw); err != nil {
			return err
		}
		if kind == fresh {
			r.New++
		} else {
			r.Changed++
		}
	}
	if d.Shared {
		return r.b.Set(key(kindShared, r.feed, d.ID), (&row{reading: r.n, objects: []object{now}}).append(nil), nil)
	}
	if was := next.find(d.ID); was != nil {
		*was = now
	} else {
		next.objects = append(next.objects, now)
	}
	return nil
}

type change int

const (
	same change = iota
	fresh
	newer
)

// version builds a draft: with its last version, to see whether it is the same,
// and with a later one if it is not.
func (r *Reading) version(d *source.Draft, was *object, rename func([]byte) []byte) (object, change, error) {
	build := func(created, modified int64) ([]byte, error) {
		raw, err := d.Build(source.Version{Created: time.UnixMilli(created).UTC(), Modified: time.UnixMilli(modified).UTC()})
		if err == nil && !d.Versionless && !d.Shared {
			raw = rename(raw)
		}
		return raw, err
	}
	now, said := r.s.now().UnixMilli(), int64(0)
	if !d.Modified.IsZero() {
		said = d.Modified.UnixMilli()
	}
	o := object{id: d.ID, versionless: d.Versionless, created: now}
	if was != nil && was.revoked {
		o.generation = was.generation + 1
		o.created, o.modified = max(now, was.modified+1), 0
		o.modified = o.created
	} else if was != nil {
		o.generation = was.generation
		raw, err := build(was.created, was.modified)
		if err != nil {
			return o, same, err
		}
		if bytes.Equal(raw, was.raw) {
			return *was, same, nil
		}
		o.created, o.modified = was.created, said
		if o.modified <= was.modified {
			o.modified = max(now, was.modified+1)
		}
	} else {
		if !d.Created.IsZero() {
			o.created = d.Created.UnixMilli()
		}
		o.modified = max(o.created, said)
	}
	raw, err := build(o.created, o.modified)
	o.raw = raw
	if was == nil || was.revoked {
		return o, fresh, err
	}
	return o, newer, err
}

// see notes that a row is in the list. Of events there is no such thing.
func (r *Reading) see(k string) error {
	if !r.rules.Whole {
		return nil
	}
	return r.b.Set(key(kindSeen, r.feed, k), seen{reading: r.n}.bytes(), nil)
}

// revokeRow revokes what was published of a row.
func (r *Reading) revokeRow(k string, old row) error {
	for i := range old.objects {
		if o := &old.objects[i]; !o.versionless && !o.revoked {
			if err := r.revokeObject(o); err != nil {
				return err
			}
		}
	}
	old.revoked = true
	// Under that revision it would be taken for standing.
	return errors.Join(r.b.Set(key(kindRow, r.feed, k), old.append(nil), nil), r.b.Delete(key(kindSeen, r.feed, k), nil),
		r.b.Delete(key(kindRevision, r.feed, k), nil))
}

func (r *Reading) revokeObject(o *object) error {
	o.modified = max(r.s.now().UnixMilli(), o.modified+1)
	at := time.UnixMilli(o.modified).UTC()
	raw, err := revoke(o.raw, at)
	if err != nil {
		return fmt.Errorf("revoking %s: %w", o.id, err)
	}
	sum := sha256.Sum256(raw)
	o.raw, o.revoked = sum[:], true
	r.Revoked++
	return r.s.put(r.b, r.feed, generationID(o.id, o.generation), at.Format(stampFormat), raw)
}

// Flush makes what was taken in durable.
func (r *Reading) Flush() error {
	if r.b.Empty() {
		return nil
	}
	if err := r.s.commit(r.b, r.feed); err != nil {
		return fmt.Errorf("writing the outbox: %w", err)
	}
	err := r.b.Close()
	r.b, r.held = r.s.db.NewIndexedBatch(), 0
	return err
}

// Fail ends a reading that did not come to its end: what was taken in stands,
// and nothing is concluded from what was not.
func (r *Reading) Fail(why error) error {
	if err := r.Flush(); err != nil {
		return err
	}
	return errors.Join(r.b.Close(), r.s.Update(r.feed, func(f *Feed) { f.Failure, f.Reason = r.s.now().UTC(), why.Error() }))
}

// Complete ends a reading that came to its end: rows that left the list are
// revoked once their grace is over. note changes what is known of the feed, in
// the same moment; it may be nil.
func (r *Reading) Complete(note func(*Feed)) error {
	if err := r.Flush(); err != nil {
		return err
	}
	if r.rules.Whole {
		if err := r.leave(); err != nil {
			return err
		}
	}
	if err := r.settleShared(); err != nil {
		return err
	}
	f, err := r.s.Feed(r.feed)
	if err != nil {
		return err
	}
	f.Success, f.Reason, f.Failure, f.Shrunk, f.Waiting, f.Made = r.s.now().UTC(), "", time.Time{}, r.Shrunk, r.Gone > 0, r.rules.Made
	if note != nil {
		note(&f)
	}
	if r.Shrunk != nil {
		// The list must be read in full again when an operator accepts it.
		f.ETag, f.Modified = "", ""
	}
	b, err := json.Marshal(&f)
	if err == nil {
		err = r.b.Set(key(kindFeed, r.feed, ""), b, nil)
	}
	return errors.Join(err, r.Flush(), r.b.Close())
}
