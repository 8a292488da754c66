package stix

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
)

const codeUUIDReused = "uuid-reused"

// Together looks at what shows only among the objects of one submission and
// adds what it finds to their Findings. Objects that are refused already are
// passed over: nothing is held against them, nor they against anybody.
//
//   - One UUID under two types (STIX 2.1 §2.9) is a warning to the later one,
//     although the rule is a MUST: the exports of the tool that most teams use
//     give an indicator, its observed-data and its observable one UUID, no
//     reader can go wrong, since every reference names the type too, and whoever
//     relays such data cannot mend it. Observables with a UUIDv5 are left out:
//     theirs follows from their content and repeats by chance of it.
//   - A language-content is held against the object that it translates, if that
//     is here (together_language.go).
//
// The versions of one object are not held against each other here, for which of
// them count depends on what was published before (Lineage). Histories does it
// for objects that stand alone.
//
// Where all identifiers differ the cost is one table of 12 to 24 bytes an
// object for the whole submission.
func Together(objects []*Object) {
	if len(objects) < 2 {
		return
	}
	s := sameUUID{objects: objects}
	s.gather()
	for _, slot := range s.shared {
		s.typesOf(s.group(int(uint32(s.slots[slot])) - 1))
	}
	if len(s.translations) > 0 {
		s.translate()
	}
}

// Histories holds the versions of each object against each other, as far as
// they are among the objects, and adds what contradicts to their Findings. They
// are admitted to a Lineage in the order of their modified, whatever their place;
// one that contradicts those before it is refused, and does not count for those
// after it. Objects that are refused already are passed over. Two objects of one
// id and instant with other bytes are left alone.
//
// It is for files: to a hub, objects count only once they are accepted. Its cost
// is that of Together.
func Histories(objects []*Object) {
	if len(objects) < 2 {
		return
	}
	s := sameUUID{objects: objects}
	s.gather()
	for _, slot := range s.shared {
		s.history(s.group(int(uint32(s.slots[slot])) - 1))
	}
}

// sameUUID finds the objects whose identifiers have one UUID. It is a hash
// table with open addressing: a map of the language would cost more than all
// else that is looked at together.
type sameUUID struct {
	objects []*Object
	seed    maphash.Seed
	// slots hold, for a UUID that is here, 32 bits of its hash and the position
	// of the last object that has it plus one.
	slots []uint64
	// previous is, for each object, the position plus one of the one before it
	// with the same UUID. It is made when the first such is met.
	previous []uint32
	shared   []int // slots of the UUIDs that several objects have

	translations []int // positions of the language-contents
	members      []int // scratch of group
}

func (s *sameUUID) gather() {
	s.seed = maphash.MakeSeed()
	s.slots = make([]uint64, 1<<bits.Len(uint(len(s.objects)+len(s.objects)/2)))
	for i, o := range s.objects {
		if o.refused() || len(o.ID) < uuidLen {
			continue
		}
		if o.Type == "language-content" {
			s.translations = append(s.translations, i)
		}
		slot, tag, last := s.find(o.ID)
		s.slots[slot] = tag | uint64(i+1)
		if last < 0 {
			continue
		}
		if s.previous == nil {
			s.previous = make([]uint32, len(s.objects))
		}
		if s.previous[last] == 0 {
			s.shared = append(s.shared, slot)
		}
		s.previous[i] = uint32(last + 1)
	}
}

// find returns where the UUID of an identifier has its slot, what marks the
// slot as its own, and the position of the last object with the UUID, -1 if
// there is none.
func (s *sameUUID) find(id string) (slot int, tag uint64, last int) {
	uuid := id[len(id)-uuidLen:]
	h := maphash.String(s.seed, uuid)
	tag = h &^ (1<<32 - 1)
	mask := uint64(len(s.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		v := s.slots[at]
		if v == 0 {
			return int(at), tag, -1
		}
		if v&^(1<<32-1) != tag {
			continue
		}
		last := int(uint32(v)) - 1
		if other := s.objects[last].ID; other[len(other)-uuidLen:] == uuid {
			return int(at), tag, last
		}
	}
}

// group returns the positions of the objects that share a UUID, in order, from
// the last of them. It is good until the next call.
func (s *sameUUID) group(last int) []int {
	s.members = s.members[:0]
	for at := last; at >= 0; {
		s.members = append(s.members, at)
		if s.previous == nil {
			break
		}
		at = int(s.previous[at]) - 1
	}
	slices.Reverse(s.members)
	return s.members
}

// history holds the versions among objects that share a UUID against each other.
func (s *sameUUID) history(group []int) {
	versions := slices.DeleteFunc(group, func(i int) bool { return !s.objects[i].hasVersions() })
	slices.SortStableFunc(versions, func(i, j int) int {
		a, b := s.objects[i], s.objects[j]
		if c := cmp.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return compareInstants(a.Modified, b.Modified)
	})
	var l Lineage
	for k, i := range versions {
		o := s.objects[i]
		if k > 0 && s.objects[versions[k-1]].ID != o.ID {
			l = Lineage{}
		}
		if l.Latest != "" && compareInstants(o.Modified, l.Latest) == 0 {
			continue // one version twice, or a conflict
		}
		if f := l.Admit(o); f != nil {
			o.tell(*f)
			continue
		}
		l = l.Join(o.Lineage())
	}
}

// typesOf warns of objects whose UUID is another's under another type.
func (s *sameUUID) typesOf(group []int) {
	var first *Object
	for _, i := range group {
		o := s.objects[i]
		switch {
		case o.Version() == "" && o.ID[len(o.ID)-uuidLen+14] == '5':
			// An observable whose identifier follows from its content.
		case first == nil:
			first = o
		case o.Type != first.Type:
			o.tell(Finding{
				Severity: Warning, Code: codeUUIDReused, Path: o.Pointer + "/id", Section: "STIX 2.1 §2.9",
				Message: fmt.Sprintf("%s has this UUID under another type: give every object a UUID of its own", first.Pointer),
			})
		}
	}
}

// refused tells whether a finding refuses the object; errors come first.
func (o *Object) refused() bool {
	return len(o.Findings) > 0 && o.Findings[0].Severity == Error
}

// tell adds a finding, errors before warnings and no more than maxFindings. An
// error takes the place of the last warning if there is no other.
func (o *Object) tell(f Finding) {
	at := len(o.Findings)
	if f.Severity == Error {
		at = slices.IndexFunc(o.Findings, func(f Finding) bool { return f.Severity != Error })
		if at < 0 {
			at = len(o.Findings)
		}
	}
	if at >= maxFindings {
		return
	}
	o.Findings = slices.Insert(o.Findings, at, f)
	o.Findings = o.Findings[:min(len(o.Findings), maxFindings)]
}
