package catalog

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/selat-hub/selat/stix/values"
)

// Of the places that name a value those are read that are told. Within a stream
// date_added rises with the sequence, so the newest of all is the newest of one
// of the streams, and what is older need not be looked at.

// newestFirst is the places of one stream that are not told yet, the newest last.
type newestFirst struct {
	stream uint32
	left   []mentioned
	// next is what stands at the last of them.
	next Item
}

// newest reads what stands at the places gathered, from the newest on.
func (m *mentions) newest(limit int) (found []Mention, more bool, err error) {
	var streams []*newestFirst
	for no, places := range m.places {
		slices.SortFunc(places, func(a, b mentioned) int {
			return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.index, b.index), compareKeys(&b.key, &a.key))
		})
		streams = append(streams, &newestFirst{stream: no, left: places})
	}
	for _, s := range streams {
		if err := m.step(s); err != nil {
			return nil, false, err
		}
	}
	for {
		streams = slices.DeleteFunc(streams, func(s *newestFirst) bool { return len(s.left) == 0 })
		if len(streams) == 0 || m.left <= 0 {
			return found, m.cut || len(streams) > 0, nil
		}
		if err := m.ctx.Err(); err != nil {
			return nil, false, err
		}
		s := slices.MaxFunc(streams, func(a, b *newestFirst) int { return cmp.Compare(a.next.Place.Added, b.next.Place.Added) })
		mention, shown, err := m.mention(s)
		if err != nil {
			return nil, false, err
		}
		if shown && len(found) == limit {
			return found, true, nil
		}
		if shown {
			found = append(found, mention)
		}
		s.left = s.left[:len(s.left)-1]
		if err := m.step(s); err != nil {
			return nil, false, err
		}
	}
}

func compareKeys(a, b *values.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), bytes.Compare(a.Bytes, b.Bytes))
}

// step reads what stands at the place that is next.
func (m *mentions) step(s *newestFirst) error {
	for len(s.left) > 0 {
		p := &s.left[len(s.left)-1]
		if it := &s.next.Place; it.Seq == p.seq && it.Index == p.index {
			return nil // another value of the same object
		}
		var err error
		m.left -= workPerReading
		if s.next, err = m.item(storedPlace{stream: s.stream, seq: p.seq, index: p.index}); err != errErased {
			return err
		}
		s.left = s.left[:len(s.left)-1]
	}
	return nil
}

// mention is what is told of the next place of a stream. shown is false of what
// is not wanted, and of a version that stands elsewhere first.
func (m *mentions) mention(s *newestFirst) (told Mention, shown bool, err error) {
	it, p := s.next, &s.left[len(s.left)-1]
	if m.v.Origin != "" && m.v.Origin != it.Origin || !m.wants(it.Type) {
		return told, false, nil
	}
	f := form{it.Origin, it.ID}
	place := storedPlace{stream: s.stream, seq: p.seq, index: p.index}
	v, here, err := m.here(m.ctx, f, &it, place)
	m.charge()
	if err != nil || !here {
		return told, false, err
	}
	st, err := m.standing(m.ctx, f)
	m.charge()
	if err != nil {
		return told, false, err
	}
	told = Mention{Item: it, Key: p.key, ValidFrom: p.from, ValidUntil: p.until, Latest: true, Revoked: p.revoked}
	for _, e := range st.ends {
		told.Latest = told.Latest && e.last.compare(&v) <= 0
	}
	told.Revoked = told.Revoked || st.revoked != nil && st.revoked.compare(&v) >= 0
	return told, true, nil
}

// charge takes what the versions of objects cost off the work that is left.
func (m *mentions) charge() {
	m.left -= workPerReading * m.work
	m.work = 0
}
