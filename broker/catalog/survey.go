package catalog

import (
	"sync"

	"github.com/selat-hub/selat/stix"
)

// surveys remember what surveys of objects with many versions found. Writing the
// object's next version keeps the finding for good; until then looking it up
// would look at all its versions each time, and a look-up must not wait for the
// disk. A survey is good while no other stream is forgotten: a version that is
// added makes the stored lineage good again, and that is then asked first.
type surveys struct {
	mu   sync.Mutex
	from int // versions that an object has at least to be remembered
	of   map[Key]surveyed
}

type surveyed struct {
	forgotten uint32 // streams that were forgotten then
	all       stix.Lineage
}

const (
	// rememberFrom keeps objects of few versions, nearly all, out of memory.
	rememberFrom = 64
	// maxSurveys bounds the memory to some 20 MB. After that many it is begun
	// anew.
	maxSurveys = 1 << 16
)

func (s *surveys) get(k Key, forgotten uint32) (stix.Lineage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.of[Key{Origin: k.Origin, ID: k.ID}]
	return v.all, known && v.forgotten == forgotten
}

// put remembers a survey, unless good says that it is outdated already.
func (s *surveys) put(k Key, forgotten uint32, all stix.Lineage, good func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !good() {
		return
	}
	if s.of == nil || len(s.of) >= maxSurveys {
		s.of = map[Key]surveyed{}
	}
	s.of[Key{Origin: k.Origin, ID: k.ID}] = surveyed{forgotten, all}
}

// drop forgets the survey of an object of which something was erased.
func (s *surveys) drop(f form) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, Key{Origin: f.origin, ID: f.id})
}

// lineage returns the lineage of the object of a key, whose newest version is
// passed.
func (x *Index) lineage(k Key, newest *stored) (stix.Lineage, error) {
	forgotten := x.names.Load().forgotten()
	if newest.forgotten == forgotten {
		return newest.all, nil
	}
	if all, known := x.surveys.get(k, forgotten); known {
		return all, nil
	}
	began := x.erasing.Load()
	all, versions, err := x.survey(k, newest)
	if err == nil && versions >= x.surveys.from {
		x.surveys.put(k, forgotten, all, func() bool { return !x.erasedSince(began) })
	}
	return all, err
}

// survey makes the lineage anew, from the versions that are left, and counts
// those that it looked at. Time is linear in their number.
func (x *Index) survey(k Key, newest *stored) (l stix.Lineage, versions int, err error) {
	versions = 1
	if len(x.alive(newest)) > 0 {
		l = newest.own
	}
	err = scan(x.db, func(_ string, v []byte) error {
		var s stored
		if err := s.decode(v); err != nil {
			return err
		}
		versions++
		if len(x.alive(&s)) > 0 {
			l = l.Join(s.own)
		}
		return nil
	}, kindObject, k.Origin, k.ID)
	return l, versions, err
}
