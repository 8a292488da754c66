package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
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
	standings        map[form]*standing
	// work is what was looked at, in objects.
	work int
	read itemRead
	// began is x.erasing as it was then; outdated tells that something was erased
	// before it was read.
	began    uint64
	outdated bool
}

type stretch struct {
	Part
	no uint32
}

func newSelection(x *Index, v View, q Query) *selection {
	s := &selection{x: x, v: v, q: q, names: x.names.Load(), from: map[uint32]uint64{}, standings: map[form]*standing{}, began: x.erasing.Load()}
	for _, p := range v.Parts {
		if v.Origin != "" && !slices.Contains(s.names.origins, v.Origin) {
			break // it has published nothing
		}
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

func (s *selection) wants(typ string) bool {
	return (len(s.q.Types) == 0 || slices.Contains(s.q.Types, typ)) && (s.v.Type == "" || s.v.Type == typ)
}

func (s *selection) wantsSpec(spec string) bool {
	return len(s.q.SpecVersions) == 0 || slices.Contains(s.q.SpecVersions, spec)
}

func (s *selection) wantsVersion(it Item, first, last bool) bool {
	return s.all || s.first && first || s.last && last || slices.Contains(s.instants, stix.Instant(it.Version))
}

// holdsVersions is false if there is certainly no key of a version of an object,
// as of all that have one version under the key of the object: the filter has
// what such keys begin with.
func (x *Index) holdsVersions(f form) bool {
	key, err := appendObjectKey(nil, Key{Origin: f.origin, ID: f.id})
	return err != nil || !x.filter.lacks(key)
}

// errErased tells that something was erased since it was found.
var errErased = errors.New("the object was erased meanwhile")

// absent is what to make of something that should be there.
func (s *selection) absent(format string, args ...any) error {
	if s.x.erasedSince(s.began) {
		s.outdated = true
		return errErased
	}
	return fmt.Errorf("%w: "+format, append([]any{errFormat}, args...)...)
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
		return Item{}, s.absent("message %d of %s is missing", p.seq, stream)
	}
	if err != nil {
		return Item{}, err
	}
	d, physical, found, err := describedAt(v, p.index)
	if err = errors.Join(err, closer.Close()); err != nil {
		return Item{}, err
	}
	if !found {
		return Item{}, s.absent("object %d of message %d of %s is missing", p.index, p.seq, stream)
	}
	s.read = itemRead{p.stream, p.seq, p.index, itemOf(stream, p.seq, physical, &d)}
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
	part   stretch
	origin string // whose messages it goes through, "" for all
	x      *Index
	it     *pebble.Iterator
	seq    uint64
	listed
	at    int
	began uint64 // x.erasing as it was when the run began
	// marks goes along with it; nil until the first is asked for.
	marks *pebble.Iterator
}

// openRun returns a run that stands at the first object added after a time, nil
// if there is none.
func (x *Index) openRun(p stretch, origin string, after int64) (*streamRun, error) {
	at := x.position(p.Stream)
	if at.lastAdded <= after {
		return nil, nil
	}
	r := &streamRun{part: p, origin: origin, x: x, began: x.erasing.Load()}
	var err error
	if r.it, err = x.db.NewIter(&pebble.IterOptions{LowerBound: r.key(p.From), UpperBound: r.key(at.seq + 1)}); err != nil {
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

// key is where a message stands: among all of its stream, or of its origin's.
func (r *streamRun) key(seq uint64) []byte {
	if r.origin == "" {
		return appendMessageKey(nil, kindMessage, r.part.no, seq)
	}
	key, err := appendOfKey(nil, r.origin, r.part.no, seq)
	if err != nil {
		return nil // no origin is named so, and newSelection has looked
	}
	return key
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
	if r.origin == "" {
		return firstAdded(v)
	}
	read := varints{b: v}
	added := read.varint()
	if read.bad || len(read.b) != 0 {
		return 0, fmt.Errorf("%w: a message of an origin", errFormat)
	}
	return added, nil
}

// load reads the message that the iterator stands at, or the next that was not
// erased meanwhile.
func (r *streamRun) load() error {
	for ok := true; ok; ok = r.it.Next() {
		r.seq, r.at = seqOf(r.it.Key()), 0
		v, err := r.it.ValueAndErr()
		if err == nil && r.origin != "" {
			v, err = value(r.x.db, appendMessageKey(nil, kindMessage, r.part.no, r.seq))
		}
		if err != nil {
			return err
		}
		if v == nil && r.x.erasedSince(r.began) {
			continue
		}
		if r.listed, err = decodeListing(v); err == nil && len(r.listing) == 0 {
			err = fmt.Errorf("%w: message %d without objects", errFormat, r.seq)
		}
		return err
	}
	return r.it.Error()
}

// next goes to the next object; listing is nil after the last.
func (r *streamRun) next() error {
	if r.at++; r.at < len(r.listing) {
		return nil
	}
	r.listed, r.at = listed{}, 0
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
		if r.marks, err = r.x.db.NewIter(&pebble.IterOptions{LowerBound: key, UpperBound: upper}); err != nil {
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
