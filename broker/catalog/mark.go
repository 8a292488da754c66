package catalog

import (
	"github.com/cockroachdb/pebble/v2"
)

// A mark stands on each place of an object that an origin published in several
// versions, or in several places. What has none, nearly everything, is its own
// first and last version and its own only place in any view, and a page need not
// ask. A mark too many costs a question; one too few must not be, and so none is
// taken away.

// mark marks the place of a record beside what else is known of its object.
func (x *Index) mark(b *pebble.Batch, places ...storedPlace) (err error) {
	for i := range places {
		x.writer.buf = appendMarkKey(x.writer.buf[:0], &places[i])
		if err = b.Set(x.writer.buf, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// markBeside marks a new place of a version and the others it has. Those were
// marked when they came, but for the first.
func (x *Index) markBeside(b *pebble.Batch, place storedPlace, others []storedPlace) error {
	if len(others) == 1 {
		if err := x.mark(b, others[0]); err != nil {
			return err
		}
	}
	return x.mark(b, place)
}

// form is an object without versions, of which each form has a key of its own.
type form struct{ origin, id string }

// markForms marks a new form of an object without versions, and its others, if
// it has any.
func (x *Index) markForms(b *pebble.Batch, r *Record, place storedPlace) error {
	f := form{r.Key.Origin, r.Key.ID}
	others := x.writer.forms[f]
	if len(others) < 2 {
		x.writer.forms[f] = append(others, place)
	}
	key, err := appendObjectKey(x.writer.buf[:0], Key{Origin: f.origin, ID: f.id})
	if err != nil {
		return err
	}
	x.writer.buf = key
	ready := x.filter.ready.Load() // before it is asked: it may become so now
	known := x.filter.has(key)
	if !known {
		// Of the name alone there is no key; the filter takes it all the same.
		x.filter.add(key)
	}
	if known || !ready {
		// Of two and more, all were marked when the second came.
		err := scan(x.db, func(version string, v []byte) error {
			var s stored
			if err := s.decode(v); err != nil {
				return err
			}
			if version != r.Key.Version {
				others = append(others, s.places...)
			}
			if len(others) > 1 {
				return errStop
			}
			return nil
		}, kindObject, f.origin, f.id)
		if err != nil {
			return err
		}
	}
	switch len(others) {
	case 0:
		return nil
	case 1:
		return x.mark(b, others[0], place)
	}
	return x.mark(b, place)
}
