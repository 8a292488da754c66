package broker

import (
	"fmt"
	"slices"
	"sync"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// compare looks up what is stored under an object's key and tells why the object
// cannot stand beside that, nil if it can: a version has one hash and one level,
// and a new one keeps the rules of its lineage.
//
// A seat hears of what it may know only. What contradicts a version that its
// member published above it is refused in the same words whatever the reason is,
// and no refusal quotes another version.
func (h *Hub) compare(e *entry) (stored catalog.Entry, lineage stix.Lineage, no *stix.Finding, err error) {
	stored, lineage, known, err := h.index.Lookup(e.key)
	if err != nil {
		return stored, lineage, nil, err
	}
	if !known {
		if lineage.Admit(&e.object.Object) != nil {
			no, err = h.disagreement(e, lineage)
		}
		return stored, lineage, no, err
	}
	if stored.Hash != e.object.Hash() {
		if !slices.ContainsFunc(stored.Places, e.mayKnow) {
			return stored, lineage, e.hidden(), nil
		}
		f := e.refusal("conflict", fmt.Sprintf("you published version %s of this object before, with other bytes: give the change a later modified time", e.object.Version()))
		return stored, lineage, &f, nil
	}
	for _, p := range stored.Places {
		if e.object.supporting || p.Supporting || p.Level == e.object.level {
			continue
		}
		if !e.mayKnow(p) {
			return stored, lineage, e.hidden(), nil
		}
		f := e.refusal("level-conflict", fmt.Sprintf("you published this version before under TLP:%s; one version has one level: publish a new version, or this one under that level", p.Level))
		return stored, lineage, &f, nil
	}
	return stored, lineage, nil, nil
}

// mayKnow tells whether the seat that submitted the object may be told of a
// place.
func (e *entry) mayKnow(p catalog.Place) bool {
	s := e.receipt.sub
	return s.region.MayKnowPlace(s.seat, policy.Stream{Audience: p.Audience, Level: p.Level})
}

// hidden refuses what contradicts something that the seat may not know of.
func (e *entry) hidden() *stix.Finding {
	f := e.refusal("conflict", "this object cannot be taken under its identifier: publish it under a new id")
	return &f
}

// disagreement tells why an object is not admitted to a lineage, as far as the
// versions show it that the seat may know of.
func (h *Hub) disagreement(e *entry, all stix.Lineage) (*stix.Finding, error) {
	known, err := e.receipt.sights.of(e.key.ID, all, func() (stix.Lineage, error) {
		return h.index.LineageOf(e.key.Origin, e.key.ID, e.mayKnow)
	})
	if err != nil {
		return nil, err
	}
	if f := known.Admit(&e.object.Object); f != nil {
		return f, nil
	}
	return e.hidden(), nil
}

// sights remember for one submission what its seat may know of lineages: to
// find that out every version is looked at, and a submission may bring
// thousands of objects that contradict the same thousands of versions.
type sights struct {
	mu   sync.Mutex
	byID map[string]sight
}

// sight is the part of a lineage that a seat may know.
type sight struct{ all, known stix.Lineage }

func (s *sights) of(id string, all stix.Lineage, look func() (stix.Lineage, error)) (stix.Lineage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, seen := s.byID[id]; seen && v.all == all {
		return v.known, nil
	}
	known, err := look()
	if err != nil {
		return stix.Lineage{}, err
	}
	if s.byID == nil {
		s.byID = map[string]sight{}
	}
	s.byID[id] = sight{all, known}
	return known, nil
}
