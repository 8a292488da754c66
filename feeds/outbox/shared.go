package outbox

import (
	"bytes"
	"errors"
	"time"

	"github.com/selat-hub/selat/feeds/source"
)

func (r *Reading) shared(id string) (*row, error) {
	b, err := get(r.b, key(kindShared, r.feed, id))
	if b == nil || err != nil {
		return nil, err
	}
	rec, err := parseRow(b)
	if err != nil || len(rec.objects) != 1 {
		return nil, errors.Join(err, errRecord)
	}
	return &rec, nil
}

// propose keeps what a shared object would become. Rows may disagree on it, in any
// order, so what it is stands as long as one row of a reading says so; and of the
// others, one is chosen by what it says and not by where it stands. What a reading
// proposed that did not come to its end is kept, since rows that are known to stand are
// not told again; but whatever a later one proposes takes its place.
func (r *Reading) propose(d *source.Draft, was *object, now object) error {
	said := int64(0)
	if !d.Modified.IsZero() {
		said = d.Modified.UnixMilli()
	}
	if !now.versionless {
		at, err := restamp(now.raw, time.UnixMilli(was.modified), false)
		if err != nil {
			return err
		}
		now.raw = at
	}
	now.modified = said
	k := key(kindProposed, r.feed, d.ID)
	b, err := get(r.b, k)
	if err != nil {
		return err
	}
	if b != nil {
		old, err := parseRow(b)
		if err != nil || len(old.objects) != 1 {
			return errors.Join(err, errRecord)
		}
		if old.reading == r.n && bytes.Compare(old.objects[0].raw, now.raw) <= 0 {
			return nil
		}
	}
	return r.b.Set(k, (&row{reading: r.n, objects: []object{now}}).append(nil), nil)
}

// settleShared publishes what was proposed of objects of which no row of this
// reading says any longer what they are.
func (r *Reading) settleShared() error {
	prefix := key(kindProposed, r.feed, "")
	return scan(r.s.db, prefix, after(prefix), func(k, v []byte) error {
		p, err := parseRow(v)
		if err != nil || len(p.objects) != 1 {
			return errors.Join(err, errRecord)
		}
		if err := r.b.Delete(k, nil); err != nil {
			return err
		}
		now := p.objects[0]
		s, err := r.shared(now.id)
		if s == nil || err != nil || s.reading == r.n {
			return err
		}
		was, version := s.objects[0], ""
		now.created = was.created
		if now.modified <= was.modified {
			now.modified = max(r.s.now().UnixMilli(), was.modified+1)
		}
		if !now.versionless {
			at := time.UnixMilli(now.modified).UTC()
			version = at.Format(stampFormat)
			if now.raw, err = restamp(now.raw, at, false); err != nil {
				return err
			}
		}
		if err := r.s.put(r.b, r.feed, now.id, version, now.raw); err != nil {
			return err
		}
		r.Changed++
		return r.b.Set(key(kindShared, r.feed, now.id), (&row{reading: r.n, objects: []object{now}}).append(nil), nil)
	})
}
