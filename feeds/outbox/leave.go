package outbox

import (
	"errors"
	"time"
)

// leave looks for rows that were not in this reading. It concludes nothing where so
// many are not there that it may be an accident, nor from an input that gave no row
// or could mostly not be read: what came in the place of the list, such as an error
// page or nothing at all, says nothing of what was in it.
func (r *Reading) leave() error {
	live, left, waiting := 0, 0, 0
	prefix := key(kindSeen, r.feed, "")
	each := func(fn func(k string, s seen) error) error {
		return scan(r.s.db, prefix, after(prefix), func(k, v []byte) error {
			s, err := parseSeen(v)
			if err != nil {
				return err
			}
			return fn(string(k[len(prefix):]), s)
		})
	}
	if err := each(func(_ string, s seen) error {
		switch {
		case !s.left.IsZero():
			waiting++
		case s.reading != r.n:
			live, left = live+1, left+1
		default:
			live++
		}
		return nil
	}); err != nil {
		return err
	}
	shrank := live >= r.rules.ShrinkRows && left*100 > live*r.rules.ShrinkPercent
	doubtful := live > 0 && left+waiting > 0 && (r.given == 0 || 2*r.unread > r.Rows)
	if !r.rules.AcceptShrink && (shrank || doubtful) {
		r.Shrunk = &Shrunk{Left: left, Of: live, Read: r.Rows, Unread: r.unread}
		return nil
	}
	now := r.s.now().UTC()
	return each(func(k string, s seen) error {
		if s.reading == r.n {
			return nil
		}
		return r.gone(k, s, now)
	})
}

// gone begins the grace of a row, or ends it.
func (r *Reading) gone(k string, s seen, now time.Time) error {
	if s.left.IsZero() {
		s.left = now
	}
	if now.Sub(s.left) < r.rules.Grace {
		r.Gone++
		return r.b.Set(key(kindSeen, r.feed, k), s.bytes(), nil)
	}
	b, err := get(r.b, key(kindRow, r.feed, k))
	if err != nil || b == nil {
		return errors.Join(err, r.b.Delete(key(kindSeen, r.feed, k), nil))
	}
	old, err := parseRow(b)
	if err != nil {
		return err
	}
	if err := r.revokeRow(k, old); err != nil {
		return err
	}
	if r.b.Len() > 4<<20 {
		return r.Flush()
	}
	return nil
}
