package broker

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/stix"
)

// The ledger decides what is new. For each (origin, id, version) there is one
// hash, everywhere, and one level; a place it already has is a duplicate. And
// for each (origin, id) the versions keep the rules of a stix.Lineage.
//
// One object of a kind is decided at a time: the first to arrive holds its
// version from here until it is on disk (or has failed), and others with the
// same one wait for it and are then decided anew. So does one that contradicts
// other versions of its object that are on their way: it waits until they are
// through. So an answer never rests on something that is not yet durable, and
// of two that contradict each other the second to arrive is refused. Versions
// that agree, nearly all, do not wait for each other.
type ledger struct {
	mu   sync.Mutex
	held map[name]flight
	// barriers hold back what comes for an object that is being recalled.
	barriers map[name]*barrier
	// doubts are the levels of objects whose write to a stream was given up: until
	// it is known what became of it, none of another level is decided beside it.
	doubts map[name]map[string]stix.Level
}

// barrier stands before one object. It is clear once nothing of the object is on
// its way.
type barrier struct {
	clear   chan struct{}
	gone    chan struct{}
	waiting []*entry
}

// name is an object, as one origin publishes it.
type name struct{ origin, id string }

func (e *entry) name() name { return name{e.key.Origin, e.key.ID} }

// flight is the versions of one object that are on their way: one entry alone,
// or a crowd. It is zero when there is none.
type flight struct {
	alone *entry
	crowd *crowd
}

// crowd is several entries on their way at once.
type crowd struct {
	byVersion map[string]*entry
	// lineage is of all that joined the crowd, also those that have landed; all
	// have one level, so that none is decided beside a less strict one.
	lineage stix.Lineage
	level   stix.Level
	// waiting contradict the crowd and are decided when it is gone.
	waiting []*entry
}

// entry is one object of a submission on its way to the disk.
type entry struct {
	receipt *receipt
	object  *object
	key     catalog.Key
	first   int // its first line in the receipt
	left    int // placements not yet stored; guarded by ledger.mu
	waiting []*entry
}

func newLedger() *ledger {
	return &ledger{held: map[name]flight{}, barriers: map[name]*barrier{}, doubts: map[name]map[string]stix.Level{}}
}

func (l *ledger) doubt(n name, stream string, level stix.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doubts[n] == nil {
		l.doubts[n] = map[string]stix.Level{}
	}
	l.doubts[n][stream] = level
}

// undoubt ends the doubts about one stream.
func (l *ledger) undoubt(stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, of := range l.doubts {
		if delete(of, stream); len(of) == 0 {
			delete(l.doubts, n)
		}
	}
}

// doubtful tells whether an object of another level may be stored and nobody knows.
func (l *ledger) doubtful(e *entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, level := range l.doubts[e.name()] {
		if level != e.object.level {
			return true
		}
	}
	return false
}

// hold has what comes for an object wait. It returns what is closed once nothing of
// it is on its way any more, or, if another holds it, what is closed when that one
// lets it go.
func (l *ledger) hold(n name) (clear, other <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.barriers[n]; b != nil {
		return nil, b.gone
	}
	b := &barrier{clear: make(chan struct{}), gone: make(chan struct{})}
	l.barriers[n] = b
	if l.held[n] == (flight{}) {
		close(b.clear)
	}
	return b.clear, nil
}

// letGo undoes hold, and returns what came meanwhile.
func (l *ledger) letGo(n name) []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.barriers[n]
	delete(l.barriers, n)
	close(b.gone)
	return b.waiting
}

// holdName holds an object until release is called, and returns once nothing of it
// is on its way to a disk.
func (h *Hub) holdName(ctx context.Context, n name) (release func(), err error) {
	l := h.writers.ledger
	for {
		clear, other := l.hold(n)
		wait := clear
		if other != nil {
			wait = other
		}
		release = func() {
			for _, e := range l.letGo(n) {
				h.admit(e)
			}
		}
		select {
		case <-wait:
			if other == nil {
				return release, nil
			}
		case <-ctx.Done():
			if other == nil {
				release()
			}
			return nil, ctx.Err()
		}
	}
}

// board lets an entry onto its way, or has it wait for one that is. The caller
// holds the lock.
func (l *ledger) board(e *entry) bool {
	if b := l.barriers[e.name()]; b != nil {
		b.waiting = append(b.waiting, e)
		return false
	}
	f := l.held[e.name()]
	if f == (flight{}) {
		l.held[e.name()] = flight{alone: e}
		return true
	}
	if a := f.alone; a != nil {
		if a.key.Version == e.key.Version {
			a.waiting = append(a.waiting, e)
			return false
		}
		f = flight{crowd: &crowd{byVersion: map[string]*entry{a.key.Version: a}, lineage: a.object.Lineage(), level: a.object.level}}
		l.held[e.name()] = f
	}
	c := f.crowd
	if holder := c.byVersion[e.key.Version]; holder != nil {
		holder.waiting = append(holder.waiting, e)
		return false
	}
	if c.level != e.object.level || c.lineage.Admit(&e.object.Object) != nil {
		c.waiting = append(c.waiting, e)
		return false
	}
	c.byVersion[e.key.Version] = e
	c.lineage = c.lineage.Join(e.object.Lineage())
	return true
}

// land ends an entry's way, and returns those that waited for it. The caller
// holds the lock.
func (l *ledger) land(e *entry) []*entry {
	waiting := e.waiting
	e.waiting = nil
	c := l.held[e.name()].crowd
	if c != nil {
		delete(c.byVersion, e.key.Version)
	}
	if c == nil || len(c.byVersion) == 0 {
		delete(l.held, e.name())
		if b := l.barriers[e.name()]; b != nil {
			close(b.clear)
		}
		if c != nil {
			waiting = append(waiting, c.waiting...)
		}
	}
	return waiting
}

// admit decides one object, or leaves it to wait for those on their way.
func (h *Hub) admit(e *entry) {
	l := h.writers.ledger
	l.mu.Lock()
	if !l.board(e) {
		l.mu.Unlock()
		return
	}
	e.left = len(e.object.streams) + 1 // one more, for this function itself
	l.mu.Unlock()
	h.decide(e)
	h.placed(e)
}

// placed counts one placement of an entry as settled; after the last it has
// landed, and those that waited for it are decided.
func (h *Hub) placed(e *entry) {
	l := h.writers.ledger
	l.mu.Lock()
	e.left--
	if e.left > 0 {
		l.mu.Unlock()
		return
	}
	waiting := l.land(e)
	l.mu.Unlock()
	for _, w := range waiting {
		h.admit(w)
	}
}

// decide holds an object against what is stored and hands what is new to the
// writers.
func (h *Hub) decide(e *entry) {
	if no := h.recalledAll(e); no != nil {
		e.refuseLines(h, *no)
		return
	}
	if h.writers.ledger.doubtful(e) {
		e.refuseAll(h, "unavailable", "the hub does not know yet what became of an earlier submission of this object; send the same bytes again")
		return
	}
	stored, lineage, no, err := h.compare(e)
	var before *order
	if err == nil && no == nil && len(stored.Places) == 0 {
		before, no, err = h.narrowing(e, lineage)
		if before == nil && h.recalls.narrows(e.name(), e.object.level) {
			before = &order{Origin: e.key.Origin, ID: e.key.ID, By: byNobody}
		}
	}
	if err != nil {
		h.log.Error("reading the index", "id", e.key.ID, "error", err)
		e.refuseAll(h, "unavailable", "the hub could not look up what it already has; send the same bytes again")
		return
	}
	if no != nil {
		e.refuseLines(h, *no)
		return
	}
	if before == nil {
		h.place(e, stored)
		return
	}
	// What is decided here may be decided by a writer, which the recall needs.
	h.go_(func() {
		if _, err := h.recalls.order(h.recalls.ctx, "", before); err != nil {
			e.refuseAll(h, "unavailable", "the hub cannot do now what must be done before this object is stored; send the same bytes again")
			return
		}
		h.place(e, stored)
	})
}

// place hands an entry to the writers of the streams where it is not stored yet.
func (h *Hub) place(e *entry, stored catalog.Entry) {
	for i, s := range e.object.streams {
		line := e.first + i
		if p, there := placedIn(stored, s.Audience, e.object.level); there {
			e.receipt.settle(line, api.Duplicate, p, e.object.marking.Level == stix.NoLevel)
			h.placed(e)
			continue
		}
		if no := h.recalledFrom(e, s.Audience); no != nil {
			e.receipt.refuseLine(line, *no)
			h.placed(e)
			continue
		}
		h.writers.of(e.receipt.sub.region.Name(s)).add(&item{entry: e, line: line, stream: s})
	}
}

func placedIn(stored catalog.Entry, audience string, level stix.Level) (catalog.Place, bool) {
	for _, p := range stored.Places {
		if p.Audience == audience && p.Level == level {
			return p, true
		}
	}
	return catalog.Place{}, false
}

func (e *entry) refuseAll(h *Hub, code, message string) { e.refuseLines(h, e.refusal(code, message)) }

// refusal is a finding on the object as a whole.
func (e *entry) refusal(code, message string) stix.Finding {
	return stix.Finding{Code: code, Path: e.object.Pointer, Message: message}
}

func (e *entry) refuseLines(h *Hub, f stix.Finding) {
	for i := range e.object.streams {
		e.receipt.refuseLine(e.first+i, f)
		h.placed(e)
	}
}

// stored tells what is known of one version, in whatever spelling it is asked for,
// and names it in that.
func (h *Hub) stored(origin, id, version string) (api.StoredObject, bool, error) {
	e, ok, err := h.index.Get(catalog.Key{Origin: origin, ID: id, Version: stix.Instant(version)})
	if err != nil || !ok {
		return api.StoredObject{}, false, err
	}
	o := api.StoredObject{ID: id, Version: version, SHA256: hex.EncodeToString(e.Hash[:])}
	for _, p := range e.Places {
		o.Places = append(o.Places, api.StoredPlace{Audience: p.Audience, Level: p.Level, Stream: p.Stream, Sequence: p.Seq, Index: p.Index, Added: formatAdded(p.Added)})
	}
	return o, true, nil
}

func formatAdded(micros int64) string {
	return time.UnixMicro(micros).UTC().Format(addedLayout)
}

// addedLayout is RFC 3339 in UTC with exactly microseconds (TAXII 2.1 §3.2).
const addedLayout = "2006-01-02T15:04:05.000000Z"
