package broker

import (
	"github.com/selat-hub/selat/stix"
)

// mark finds each object's effective TLP and decides what unmarked ones travel
// under. It fails closed: no marking, a marking that resolves nowhere, or one
// that only looks like TLP, refuses the object.
func (h *Hub) mark(s *submission) *stix.Finding {
	definitions := s.definitions()
	resolve := func(id string) (*stix.Definition, bool) {
		if o, here := definitions[id]; here {
			return o.Definition, o.ok() || o.Definition != nil && o.Definition.LooksTLP
		}
		if _, tlp := stix.KnownTLP(id); tlp {
			return nil, true
		}
		known, err := h.index.HasDefinition(s.seat.Member, id)
		if err != nil {
			h.log.Error("looking up a marking definition", "error", err)
			return nil, false
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
	h.levelUnmarked(s)
	return nil
}

// definitions are the marking-definitions that came with the submission, by id.
func (s *submission) definitions() map[string]*object {
	var m map[string]*object
	for i := range s.objects {
		if o := &s.objects[i]; o.Definition != nil {
			if m == nil {
				m = map[string]*object{}
			}
			m[o.ID] = o
		}
	}
	return m
}

// levelUnmarked gives unmarked objects the level they travel under: that of
// the objects that refer to them if they carry no intelligence of their own,
// else the one the submission or the member names, else none: refused.
func (h *Hub) levelUnmarked(s *submission) {
	named := s.region.UnmarkedLevel(s.seat.Member, s.asked)
	var supporting []*object
	for i := range s.objects {
		o := &s.objects[i]
		switch {
		case !o.ok() || o.level != stix.NoLevel:
		case s.region.Supporting(s.seat.Member, o.Type, o.ID):
			supporting = append(supporting, o)
		case named != stix.NoLevel:
			o.level = named
		default:
			o.refuse(unmarkedFinding(o))
		}
	}
	if len(supporting) == 0 {
		return
	}
	s.inheritLevels(supporting)
	for _, o := range supporting {
		switch {
		case o.level != stix.NoLevel:
			o.supporting = true
		case named != stix.NoLevel:
			o.level = named
		default:
			o.refuse(unmarkedFinding(o))
		}
	}
}

// inheritLevels gives each supporting object the least strict level among its
// referrers (policy.Inherit). One may refer to another, so levels spread from
// the least strict on: whatever is reached first stays.
func (s *submission) inheritLevels(supporting []*object) {
	byID := make(map[string][]*object, len(supporting))
	for _, o := range supporting {
		byID[o.ID] = append(byID[o.ID], o)
	}
	for _, level := range stix.Levels {
		var spread []*object
		for i := range s.objects {
			if o := &s.objects[i]; o.ok() && o.level == level {
				spread = append(spread, o)
			}
		}
		for len(spread) > 0 {
			from := spread[len(spread)-1]
			spread = spread[:len(spread)-1]
			for _, ref := range from.Refs {
				for _, o := range byID[ref] {
					if o.level == stix.NoLevel {
						o.level = level
						spread = append(spread, o)
					}
				}
			}
		}
	}
}

func unmarkedFinding(o *object) stix.Finding {
	return o.finding("tlp-missing", "", "the object has no TLP marking: add one to object_marking_refs, or say which level unmarked objects travel under (--unmarked clear)")
}
