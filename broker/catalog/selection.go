package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/stix"
)

// selection is one question in the making: what passes its filters, and of an
// object with several versions or places, which of them count.
type selection struct {
	x     *Index
	v     View
	q     Query
	names *names
	parts []stretch
	// from is the first open sequence of each stream in view.
	from map[uint32]uint64
	// instants are the timestamps among q.Versions.
	first, last, all bool
	instants         []string
	chosen           map[form][]Item
	read             itemRead
}

type stretch struct {
	Part
	no uint32
}

func newSelection(x *Index, v View, q Query) *selection {
	s := &selection{x: x, v: v, q: q, names: x.names.Load(), from: map[uint32]uint64{}, chosen: map[form][]Item{}}
	for _, p := range v.Parts {
		if no, known := s.names.streams.numbers[p.Stream]; known {
			s.parts = append(s.parts, stretch{p, no})
			s.from[no] = p.From
		}
	}
	for _, version := range q.Versions {
		switch version {
		case VersionFirst:
			s.first = true
		case VersionLast:
			s.last = true
		case VersionAll:
			s.all = true
		default:
			s.instants = append(s.instants, stix.Instant(version))
		}
	}
	s.last = s.last || len(q.Versions) == 0
	return s
}

func (s *selection) in(added int64) bool {
	return added > s.q.After && (s.q.Until == 0 || added <= s.q.Until)
}

func (s *selection) wants(typ string) bool {
	return (len(s.q.Types) == 0 || slices.Contains(s.q.Types, typ)) && (s.v.Type == "" || s.v.Type == typ)
}

func (s *selection) wantsSpec(spec string) bool {
	return len(s.q.SpecVersions) == 0 || slices.Contains(s.q.SpecVersions, spec)
}

func (s *selection) wantsVersion(it Item, first, last bool) bool {
	return s.all || s.first && first || s.last && last || slices.Contains(s.instants, stix.Instant(it.Version))
}

// version is one version of an object that the view shows.
type version struct {
	key   string
	shown []storedPlace // by date_added
	Item
	revoked bool // this very version
}

// choose returns the places at which an object is told, at most one for each
// version: which versions count, and where each stands first, in this view.
func (s *selection) choose(f form) ([]Item, error) {
	if items, done := s.chosen[f]; done {
		return items, nil
	}
	versions, err := s.versions(f)
	if err != nil {
		return nil, err
	}
	specs := s.q.SpecVersions
	if len(specs) == 0 {
		latest := ""
		for i := range versions {
			latest = max(latest, versions[i].SpecVersion)
		}
		specs = []string{latest}
	}
	versions = slices.DeleteFunc(versions, func(v version) bool { return !slices.Contains(specs, v.SpecVersion) })
	slices.SortFunc(versions, func(a, b version) int { return compareVersions(&a, &b) })
	var items []Item
	for i := range versions {
		v := &versions[i]
		if !s.wantsVersion(v.Item, i == 0, i == len(versions)-1) {
			continue
		}
		items = append(items, v.Item)
		if again, err := s.again(v); err != nil {
			return nil, err
		} else if again != nil {
			items = append(items, *again)
		}
	}
	s.chosen[f] = items
	return items, nil
}

// again is a further place of a version whose first is behind the cursor.
func (s *selection) again(v *version) (*Item, error) {
	if !s.q.Repeat || v.Place.Added > s.q.After {
		return nil, nil
	}
	for _, p := range v.shown[1:] {
		if p.added > s.q.After {
			it, err := s.item(p)
			return &it, err
		}
	}
	return nil, nil
}

// compareVersions orders the versions of an object: by their instants, and
// forms of what has no versions by when they came.
func compareVersions(a, b *version) int {
	if a.Unversioned || b.Unversioned {
		return cmp.Compare(a.Place.Added, b.Place.Added)
	}
	// Of two instants that agree as far as the shorter goes, that is the earlier.
	return cmp.Or(strings.Compare(strings.TrimSuffix(a.key, "Z"), strings.TrimSuffix(b.key, "Z")),
		cmp.Compare(a.Place.Added, b.Place.Added))
}

// versions returns those versions of an object that the view shows.
func (s *selection) versions(f form) (out []version, err error) {
	add := func(key string, st *stored) error {
		shown := slices.DeleteFunc(slices.Clone(st.places), func(p storedPlace) bool {
			from, open := s.from[p.stream]
			return !open || p.seq < from || s.q.Until > 0 && p.added > s.q.Until
		})
		if len(shown) == 0 {
			return nil
		}
		slices.SortFunc(shown, func(a, b storedPlace) int { return cmp.Compare(a.added, b.added) })
		it, err := s.item(shown[0])
		out = append(out, version{key, shown, it, st.own.Revoked != ""})
		return err
	}
	newest, err := s.x.newest(Key{Origin: f.origin, ID: f.id})
	if err == nil && newest != nil {
		err = add(newest.own.Latest, newest)
	}
	if err != nil || !s.x.holdsVersions(f) {
		return out, err
	}
	err = scan(s.x.db, func(key string, v []byte) error {
		var st stored
		if err := st.decode(v); err != nil {
			return err
		}
		return add(key, &st)
	}, kindObject, f.origin, f.id)
	return out, err
}

// holdsVersions is false if there is certainly no key of a version of an object,
// as of all that have one version under the key of the object: the filter has
// what such keys begin with.
func (x *Index) holdsVersions(f form) bool {
	key, err := appendObjectKey(nil, Key{Origin: f.origin, ID: f.id})
	return err != nil || !x.filter.lacks(key)
}

// item reads what stands at a place.
func (s *selection) item(p storedPlace) (Item, error) {
	if l := &s.read; l.seq == p.seq && l.stream == p.stream && l.index == p.index {
		return l.Item, nil
	}
	stream, known := s.names.streams.name(p.stream)
	if !known {
		return Item{}, fmt.Errorf("%w: stream %d has no name", errFormat, p.stream)
	}
	v, closer, err := s.x.db.Get(appendMessageKey(nil, kindMessage, p.stream, p.seq))
	if errors.Is(err, pebble.ErrNotFound) {
		return Item{}, fmt.Errorf("%w: message %d of %s is missing", errFormat, p.seq, stream)
	}
	if err != nil {
		return Item{}, err
	}
	d, found, err := describedAt(v, p.index)
	if err = errors.Join(err, closer.Close()); err != nil {
		return Item{}, err
	}
	if !found {
		return Item{}, fmt.Errorf("%w: object %d of message %d of %s is missing", errFormat, p.index, p.seq, stream)
	}
	s.read = itemRead{p.stream, p.seq, p.index, itemOf(stream, p.seq, &d)}
	return s.read.Item, nil
}

// itemRead is what was read last, which as a rule is asked for once more.
type itemRead struct {
	stream uint32
	seq    uint64
	index  int
	Item
}

// addedText is a date_added as TAXII writes it (TAXII 2.1 §3.2).
func addedText(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000Z")
}

// streamRun goes through the messages of a stream from a date_added on.
type streamRun struct {
	part    stretch
	db      *pebble.DB
	it      *pebble.Iterator
	seq     uint64
	listing listing
	at      int
	// marks goes along with it; nil until the first is asked for.
	marks *pebble.Iterator
}

// openRun returns a run that stands at the first object added after a time, nil
// if there is none.
func (x *Index) openRun(p stretch, after int64) (*streamRun, error) {
	at := x.position(p.Stream)
	if at.lastAdded <= after {
		return nil, nil
	}
	r := &streamRun{part: p, db: x.db}
	upper := appendMessageKey(nil, kindMessage, p.no, at.seq+1)
	var err error
	if r.it, err = x.db.NewIter(&pebble.IterOptions{LowerBound: r.key(p.From), UpperBound: upper}); err != nil {
		return nil, err
	}
	found, err := r.seek(after, p.From, at.seq)
	if err == nil && found {
		err = r.load()
	}
	for err == nil && r.listing != nil && r.listing[r.at].added <= after {
		err = r.next()
	}
	if err != nil || r.listing == nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *streamRun) key(seq uint64) []byte {
	return appendMessageKey(nil, kindMessage, r.part.no, seq)
}

// seek goes to the last message that begins no later than a time, else to the
// first there is: date_added rises with the sequence.
func (r *streamRun) seek(after int64, low, high uint64) (bool, error) {
	if after <= 0 {
		return r.it.First(), r.it.Error()
	}
	for low <= high {
		mid := low + (high-low)/2
		if !r.it.SeekGE(r.key(mid)) {
			if err := r.it.Error(); err != nil {
				return false, err
			}
			high = mid - 1
			continue
		}
		added, err := r.firstAdded()
		if err != nil {
			return false, err
		}
		if added <= after {
			low = seqOf(r.it.Key()) + 1
		} else {
			high = mid - 1
		}
	}
	return r.it.SeekLT(r.key(low)) || r.it.First(), r.it.Error()
}

func (r *streamRun) firstAdded() (int64, error) {
	v, err := r.it.ValueAndErr()
	if err != nil {
		return 0, err
	}
	return firstAdded(v)
}

// load reads the message that the iterator stands at.
func (r *streamRun) load() error {
	v, err := r.it.ValueAndErr()
	if err != nil {
		return err
	}
	r.seq, r.at = seqOf(r.it.Key()), 0
	if r.listing, err = decodeListing(v); err == nil && len(r.listing) == 0 {
		err = fmt.Errorf("%w: message %d without objects", errFormat, r.seq)
	}
	return err
}

// next goes to the next object; listing is nil after the last.
func (r *streamRun) next() error {
	if r.at++; r.at < len(r.listing) {
		return nil
	}
	r.listing, r.at = nil, 0
	if !r.it.Next() {
		return r.it.Error()
	}
	return r.load()
}

// marked tells whether a mark stands on an object of the message at hand.
func (r *streamRun) marked(d *described) (bool, error) {
	key := appendMarkKey(nil, &storedPlace{stream: r.part.no, seq: r.seq, index: d.index})
	if r.marks == nil {
		var err error
		upper := after(appendMessageKey(nil, kindMark, r.part.no, 1<<64-1))
		if r.marks, err = r.db.NewIter(&pebble.IterOptions{LowerBound: key, UpperBound: upper}); err != nil {
			return false, err
		}
		r.marks.First()
	}
	// Marks are few, and those passed over were of objects not asked for.
	for r.marks.Valid() && bytes.Compare(r.marks.Key(), key) < 0 {
		if !r.marks.SeekGE(key) {
			break
		}
	}
	if err := r.marks.Error(); err != nil {
		return false, err
	}
	return r.marks.Valid() && bytes.Equal(r.marks.Key(), key), nil
}

func (r *streamRun) close() error {
	err := r.it.Close()
	if r.marks != nil {
		err = errors.Join(err, r.marks.Close())
	}
	return err
}

type runs []*streamRun

// first is the run whose next object was added first; nil when all are done.
func (rs runs) first() *streamRun {
	var first *streamRun
	for _, r := range rs {
		if r.listing != nil && (first == nil || r.listing[r.at].added < first.listing[first.at].added) {
			first = r
		}
	}
	return first
}

func (rs runs) close() error {
	var err error
	for _, r := range rs {
		err = errors.Join(err, r.close())
	}
	return err
}
