package broker

import (
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// mark finds each object's effective TLP and what unmarked ones travel under.
// It fails closed: no marking, a marking that resolves nowhere, or one that
// only looks like TLP, refuses the object.
func (h *Hub) mark(s *submission) *stix.Finding {
	definitions := s.definitions()
	var failed error
	resolve := func(id string) (*stix.Definition, bool) {
		if o, here := definitions[id]; here {
			// Several under one id, not the same: nobody can say which is meant.
			if o == nil {
				return nil, false
			}
			return o.Definition, o.ok() || o.Definition.LooksTLP
		}
		if _, tlp := stix.KnownTLP(id); tlp {
			return nil, true
		}
		known, err := h.index.HasDefinition(s.seat.Member, id)
		if err != nil {
			failed = err
		}
		return nil, known
	}
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() {
			continue
		}
		var findings []stix.Finding
		o.marking, findings = o.Mark(resolve)
		for _, f := range findings {
			if f.Severity == stix.Error {
				o.refuse(f)
			} else {
				o.warnings = append(o.warnings, f)
			}
		}
		o.level = o.marking.Level
	}
	if failed != nil {
		h.log.Error("looking up a marking definition", "error", failed)
		return &stix.Finding{Code: "unavailable", Message: "the hub could not look up the markings; send the same bytes again"}
	}
	s.levelUnmarked()
	return nil
}

// definitions are the marking-definitions that came with the submission, by
// id; nil for an id under which several came that are not the same.
func (s *submission) definitions() map[string]*object {
	var m map[string]*object
	for i := range s.objects {
		o := &s.objects[i]
		if o.Definition == nil {
			continue
		}
		if m == nil {
			m = map[string]*object{}
		}
		if other, twice := m[o.ID]; twice && (other == nil || other.Hash() != o.Hash()) {
			m[o.ID] = nil
			continue
		}
		m[o.ID] = o
	}
	return m
}

// levelUnmarked gives unmarked objects the level the submission or the member
// names for them. Those that carry no intelligence of their own wait for the
// objects that refer to them (levelSupporting).
func (s *submission) levelUnmarked() {
	named := s.region.UnmarkedLevel(s.seat.Member, s.asked)
	for i := range s.objects {
		o := &s.objects[i]
		switch {
		case !o.ok() || o.level != stix.NoLevel:
		case s.region.Supporting(s.seat.Member, o.Type, o.ID):
			o.supporting = true
		case named != stix.NoLevel:
			o.level = named
		default:
			o.refuse(unmarkedFinding(o))
		}
	}
}

// levelSupporting gives supporting objects the level of the objects that refer
// to them and are going to be stored; without one, the rule for any unmarked
// object holds.
func (s *submission) levelSupporting() {
	travel := make([]policy.Traveller, len(s.objects))
	at := map[string]int{} // where the first of each id stands; copies share its level
	for i := range s.objects {
		if o := &s.objects[i]; o.ok() && o.supporting {
			if _, copied := at[o.ID]; !copied {
				at[o.ID] = i
			}
		}
	}
	if len(at) == 0 {
		return
	}
	for i := range s.objects {
		o := &s.objects[i]
		if !o.ok() {
			continue
		}
		travel[i] = policy.Traveller{Level: o.level, Supporting: o.supporting}
		for _, ref := range o.Refs {
			if to, here := at[ref]; here && to != i {
				travel[i].Refs = append(travel[i].Refs, to)
			}
		}
	}
	policy.InheritLevels(travel)
	named := s.region.UnmarkedLevel(s.seat.Member, s.asked)
	for i := range s.objects {
		o := &s.objects[i]
		switch {
		case !o.ok() || !o.supporting:
		case travel[at[o.ID]].Level != stix.NoLevel:
			o.level = travel[at[o.ID]].Level
		case named != stix.NoLevel:
			o.level, o.supporting = named, false
		default:
			o.refuse(unmarkedFinding(o))
		}
	}
}

func unmarkedFinding(o *object) stix.Finding {
	return o.finding("tlp-missing", "", "the object has no TLP marking: add one to object_marking_refs, or say which level unmarked objects travel under (--unmarked clear)")
}
