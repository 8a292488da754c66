package outbox

import "encoding/binary"

// revision is the source's revision of all rows whose keys begin with one key, the
// reading that read them last, and what their objects were made with.
type revision struct {
	number  int64
	reading uint64
	made    string
}

func (v revision) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(v.number))
	return append(binary.BigEndian.AppendUint64(b, v.reading), v.made...)
}

func parseRevision(b []byte) (v revision, ok bool) {
	if len(b) < 16 {
		return v, false
	}
	return revision{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:]), string(b[16:])}, true
}

// Known returns the revision that a key was read in last, with objects made as they
// are now.
func (s *Store) Known(feed, k, made string) (number int64, ok bool) {
	b, err := get(s.db, key(kindRevision, feed, k))
	if err != nil {
		return 0, false
	}
	v, ok := parseRevision(b)
	return v.number, ok && v.made == made
}

// unchanged sees the rows whose keys begin with k, as far as they were there when
// those were read last: what was not has left, and stays so.
func (r *Reading) unchanged(k string) error {
	if !r.rules.Whole {
		return nil
	}
	if err := r.Flush(); err != nil {
		return err
	}
	b, err := get(r.s.db, key(kindRevision, r.feed, k))
	if err != nil {
		return err
	}
	last, _ := parseRevision(b)
	prefix := key(kindSeen, r.feed, k)
	return scan(r.s.db, prefix, after(prefix), func(at, v []byte) error {
		s, err := parseSeen(v)
		if err != nil || s.reading < last.reading {
			return err
		}
		r.Unchanged++
		return r.b.Set(at, seen{reading: r.n}.bytes(), nil)
	})
}
