package broker

import (
	"slices"
	"strings"

	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A new version under a stricter TLP takes the earlier ones away from those who may
// not hold it (a different audience alone takes nothing away): the earlier ones are
// recalled before the new one is stored, so that no crash leaves both. And a version
// that comes late, earlier than one that is stricter, is not taken.

// narrowing looks at the newest version of an object of which another is to be
// stored: it tells why that is refused, or which order must be carried out before.
// The caller has let the entry onto its way; no version under another level is on
// its own (ledger.board).
func (h *Hub) narrowing(e *entry, known stix.Lineage) (*order, *stix.Finding, error) {
	if e.object.supporting || e.object.Lineage().Latest == "" {
		return nil, nil, nil // of what has no versions each form stands by itself
	}
	if known.Latest == "" && !h.recalls.any(e.name()) {
		return nil, nil, nil
	}
	if known.Latest != "" {
		newest, there, err := h.index.Get(catalog.Key{Origin: e.key.Origin, ID: e.key.ID, Version: known.Latest})
		if err != nil || !there {
			return nil, nil, err
		}
		level := strictest(newest.Places)
		if level != stix.NoLevel && earlier(e.key.Version, known.Latest) {
			return nil, e.late(newest.Places, level), nil
		}
		if level >= e.object.level {
			return nil, nil, nil // and so are the earlier ones, or they were taken away
		}
	}
	found, most, err := h.lessStrict(e)
	if err != nil {
		return nil, nil, err
	}
	if most > policy.RecallsUpTo(e.receipt.sub.seat) {
		return nil, e.hidden(), nil // the seat may not take away what it may not know
	}
	o := &order{Origin: e.key.Origin, ID: e.key.ID, Before: e.key.Version, Unless: e.object.level, UpTo: stix.Red, By: byNarrowing,
		Through: known.Latest, Taken: h.recalls.took(e.name(), e.key.Version), Reason: "a later version stands under a stricter TLP"}
	if len(found) == 0 && len(h.recalls.keepers(o)) == 0 {
		return nil, nil, nil
	}
	for _, v := range found {
		o.Taken = together(o.Taken, v)
	}
	slices.SortFunc(o.Taken, func(a, b taken) int {
		return strings.Compare(strings.TrimSuffix(a.Version, "Z"), strings.TrimSuffix(b.Version, "Z"))
	})
	if o.Through == "" { // nothing is stored, and somebody keeps an earlier one
		o.Through = o.Taken[len(o.Taken)-1].Version
	}
	if o.Unless == stix.Red {
		o.Reason = "withdrawn by its origin"
	}
	return o, nil, nil
}

// late refuses a version that comes after a later one that is stricter.
func (e *entry) late(newest []catalog.Place, level stix.Level) *stix.Finding {
	if e.object.level >= level {
		return nil
	}
	if !slices.ContainsFunc(newest, e.mayKnow) {
		return e.hidden()
	}
	f := e.refusal("recalled", "a later version of this object stands under a stricter TLP; the earlier ones are recalled from those who may not hold it")
	return &f
}

// lessStrict lists the earlier versions that stand under a less strict level, and
// the strictest of their levels.
func (h *Hub) lessStrict(e *entry) (found []taken, most stix.Level, err error) {
	err = h.index.EachForm(h.run, e.key.Origin, e.key.ID, func(k catalog.Key, stored catalog.Entry, _ stix.Lineage) error {
		level := strictest(stored.Places)
		if level == stix.NoLevel || level >= e.object.level || !earlier(k.Version, e.key.Version) {
			return nil
		}
		v := taken{Version: k.Version}
		for _, p := range stored.Places {
			v.Places = append(v.Places, place{p.Audience, p.Level, p.Seq})
		}
		found, most = append(found, v), max(most, level)
		return nil
	})
	return found, most, err
}

// recalledFrom tells why an object is not taken again for an audience: it was
// recalled from there. A seat that may not know of what was recalled is refused in
// the words of any other contradiction.
func (h *Hub) recalledFrom(e *entry, audience string) *stix.Finding {
	r := h.recalls.covering(e.name(), e.key.Version, audience, e.object.level)
	if r == nil {
		return nil
	}
	upTo := policy.RecallsUpTo(e.receipt.sub.seat)
	if !r.knownTo(upTo) {
		return e.hidden()
	}
	f := e.refusal("recalled", "this was recalled by its origin and is not taken again: publish a new object")
	return &f
}

// knownTo tells whether who may know of objects up to a level may know of a recall.
func (r *recall) knownTo(upTo stix.Level) bool {
	if r.order.By == byNarrowing && r.order.Unless > upTo {
		return false
	}
	if len(r.tell) == 0 {
		return r.order.UpTo <= upTo
	}
	return slices.ContainsFunc(r.tell, func(t told) bool { return t.Level <= upTo })
}

// recalledAll tells it of an object that was recalled from all that it is for.
func (h *Hub) recalledAll(e *entry) (no *stix.Finding) {
	for _, s := range e.object.streams {
		if no = h.recalledFrom(e, s.Audience); no == nil {
			return nil
		}
	}
	return no
}

// strictest is the level of a version, which has one, supporting places aside.
func strictest(places []catalog.Place) (level stix.Level) {
	for _, p := range places {
		if !p.Supporting {
			level = max(level, p.Level)
		}
	}
	return level
}
