package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/selat-hub/selat/stix"
)

// Which of an object's versions a view tells, and at which place. An object may
// have any number of them, and anybody may publish one that has: they are gone
// through once for a page, in no more memory than a few take.

// shownVersion is a version of an object that a view shows.
type shownVersion struct {
	key string
	// first is where it stands first, again where it is told once more to a view
	// that has grown, zero if nowhere.
	first, again storedPlace
	revoked, old bool // old is true of a specification before 2.1
}

// unversioned is true of a form of an object without versions: its key is a hash.
func (v *shownVersion) unversioned() bool { return !strings.HasSuffix(v.key, "Z") }

// compare orders versions: by their instants, and forms of what has no versions
// by when they came.
func (v *shownVersion) compare(w *shownVersion) int {
	if !v.unversioned() && !w.unversioned() {
		// Of two instants that agree as far as the shorter goes, that is the earlier.
		if c := strings.Compare(strings.TrimSuffix(v.key, "Z"), strings.TrimSuffix(w.key, "Z")); c != 0 {
			return c
		}
	}
	return cmp.Compare(v.first.added, w.first.added)
}

// versionsPerWork is how many versions are gone through in the time that one
// object of a page takes.
const versionsPerWork = 4

// eachVersion visits the versions of an object that the view shows, in no order.
func (s *selection) eachVersion(ctx context.Context, f form, visit func(*shownVersion) error) error {
	n := 0
	look := func(key string, st *stored) error {
		if n++; n%versionsPerWork == 0 {
			s.work++
		}
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if v, shown := s.shown(key, st); shown {
			return visit(&v)
		}
		return nil
	}
	newest, err := s.x.newest(Key{Origin: f.origin, ID: f.id})
	if err != nil {
		return err
	}
	if s.x.holdsVersions(f) {
		return s.x.eachStored(f, look)
	}
	if newest == nil {
		return nil
	}
	return look(newest.own.Latest, newest)
}

// shown is a version as the view shows it, false if it does not.
func (s *selection) shown(key string, st *stored) (v shownVersion, shown bool) {
	v = shownVersion{key: key, revoked: st.own.Revoked != "", old: st.old}
	for _, p := range st.places {
		if from, open := s.from[p.stream]; !open || p.seq < from || !s.visible(p.added) {
			continue
		}
		if !shown || p.added < v.first.added {
			v.first = p
		}
		if s.q.Repeat && p.added > s.q.After && (v.again == storedPlace{} || p.added < v.again.added) {
			v.again = p
		}
		shown = true
	}
	if v.first.added > s.q.After {
		v.again = storedPlace{}
	}
	return v, shown
}

// visible tells whether something that was added at a time is in the view at all.
func (s *selection) visible(added int64) bool {
	return added > s.v.Since && (s.q.Until == 0 || added <= s.q.Until)
}

// versionOf returns one version, false if the view does not show it.
func (s *selection) versionOf(f form, key string) (v shownVersion, shown bool, err error) {
	_, st, err := s.x.version(Key{Origin: f.origin, ID: f.id, Version: key})
	if err != nil || st == nil {
		return v, false, err
	}
	v, shown = s.shown(key, st)
	return v, shown, nil
}

// standing is what is known of an object's versions as a whole.
type standing struct {
	// ends are the first and last version written in each specification.
	ends map[string]*ends
	// revoked is the last that is revoked, nil if none is.
	revoked *shownVersion
	// forms are the places where forms of an object without versions stand first,
	// as far as they are kept; some tells that there are others.
	forms map[placeID]string
	some  bool
}

type ends struct{ first, last shownVersion }

type placeID struct {
	stream uint32
	seq    uint64
	index  int
}

func idOf(p *storedPlace) placeID { return placeID{p.stream, p.seq, p.index} }

// formsKept bounds how many forms of one object are remembered.
const formsKept = 4096

// standing goes through the versions of an object, once for each question.
func (s *selection) standing(ctx context.Context, f form) (*standing, error) {
	if st := s.standings[f]; st != nil {
		return st, nil
	}
	st := &standing{ends: map[string]*ends{}, forms: map[placeID]string{}}
	err := s.eachVersion(ctx, f, func(v *shownVersion) error {
		spec, err := s.specOf(v)
		if err == errErased {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := st.ends[spec]; {
		case e == nil:
			st.ends[spec] = &ends{*v, *v}
		case v.compare(&e.first) < 0:
			e.first = *v
		case v.compare(&e.last) > 0:
			e.last = *v
		}
		if v.revoked && (st.revoked == nil || v.compare(st.revoked) > 0) {
			revoked := *v
			st.revoked = &revoked
		}
		if v.unversioned() {
			if len(st.forms) < formsKept {
				st.forms[idOf(&v.first)] = v.key
				if v.again != (storedPlace{}) {
					st.forms[idOf(&v.again)] = v.key
				}
			} else {
				st.some = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.standings[f] = st
	return st, nil
}

func (s *selection) specOf(v *shownVersion) (string, error) {
	if !v.old {
		return latestSpec, nil
	}
	it, err := s.item(v.first)
	return it.SpecVersion, err
}

// specs are those that count: what is asked for, else the latest of the object.
func (s *selection) specs(st *standing) []string {
	if len(s.q.SpecVersions) > 0 {
		return s.q.SpecVersions
	}
	latest := ""
	for spec := range st.ends {
		latest = max(latest, spec)
	}
	return []string{latest}
}

// bounds are the first and the last version that count.
func (s *selection) bounds(st *standing) (b ends, some bool) {
	for spec, e := range st.ends {
		if !slices.Contains(s.specs(st), spec) {
			continue
		}
		if !some || e.first.compare(&b.first) < 0 {
			b.first = e.first
		}
		if !some || e.last.compare(&b.last) > 0 {
			b.last = e.last
		}
		some = true
	}
	return b, some
}

// wantsShown tells whether a version that the view shows is asked for.
func (s *selection) wantsShown(ctx context.Context, f form, v *shownVersion, text string) (bool, error) {
	spec, err := s.specOf(v)
	if err == errErased {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	asked := s.all || len(s.instants) > 0 && slices.Contains(s.instants, stix.Instant(text))
	if asked && (spec == latestSpec && len(s.q.SpecVersions) == 0 || slices.Contains(s.q.SpecVersions, spec)) {
		return true, nil
	}
	if !asked && !s.first && !s.last {
		return false, nil
	}
	st, err := s.standing(ctx, f)
	if err != nil || !slices.Contains(s.specs(st), spec) {
		return false, err
	}
	b, some := s.bounds(st)
	return asked || some && (s.first && v.key == b.first.key || s.last && v.key == b.last.key), nil
}

// here returns the version whose object stands at a place, false if it is told
// elsewhere, or not at all.
func (s *selection) here(ctx context.Context, f form, it *Item, p storedPlace) (v shownVersion, here bool, err error) {
	key := stix.Instant(it.Version)
	if it.Unversioned {
		st, err := s.standing(ctx, f)
		if err != nil {
			return v, false, err
		}
		known := false
		if key, known = st.forms[idOf(&p)]; !known {
			// Of more forms than are remembered one is told rather twice than never.
			return shownVersion{key: "?", first: p}, st.some, nil
		}
	}
	v, shown, err := s.versionOf(f, key)
	if err != nil || !shown {
		return v, false, err
	}
	return v, idOf(&v.first) == idOf(&p) || v.again != (storedPlace{}) && idOf(&v.again) == idOf(&p), nil
}
