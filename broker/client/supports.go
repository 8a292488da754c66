package client

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/selat-hub/selat/stix"
)

// maxSupports bounds the bytes of supporting objects held in memory while
// publishing.
const maxSupports = 64 << 20

// supports holds the supporting objects of an input (marking-definitions,
// extension-definitions, identities). The hub resolves references within a
// submission and among what it already holds, so when an input is cut into
// submissions each must carry the supporting objects its members refer to.
type supports struct {
	byID  map[string][]*support
	all   []*support // in the order of the input
	wants map[string]struct{}
	bytes int
}

// support is one form of a supporting object; an input may have several
// versions of one id, and one version at several places.
type support struct {
	id   string
	raw  []byte
	refs []string
	at   []position
	// travels with the objects that refer to it, and is not a member of a
	// submission on its own account.
	travels bool
	carried bool // by some submission
	counted bool // in a receipt without lines
	results outcomes
}

func newSupports() *supports {
	return &supports{byID: map[string][]*support{}, wants: map[string]struct{}{}}
}

// note takes in one object of the first reading.
func (s *supports) note(it *item) error {
	refs := supportingRefs(&it.object)
	if !it.object.Supporting() {
		for _, id := range refs {
			if _, known := s.wants[id]; !known {
				s.wants[id] = struct{}{}
				s.bytes += len(id)
			}
		}
		return s.check()
	}
	if sp := s.find(&it.object, it.raw); sp != nil {
		sp.at = append(sp.at, it.position)
		s.bytes += 64
		return s.check()
	}
	sp := &support{id: it.object.ID, raw: bytes.Clone(it.raw), refs: refs, at: []position{it.position}}
	s.byID[sp.id] = append(s.byID[sp.id], sp)
	s.all = append(s.all, sp)
	s.bytes += len(sp.raw) + 256
	return s.check()
}

func (s *supports) check() error {
	if s.bytes <= maxSupports {
		return nil
	}
	return fmt.Errorf("the input has over %d MiB of marking definitions, extension definitions and identities, more than is held in memory: publish these first, in a file of their own, then the rest", maxSupports>>20)
}

// find returns the supporting object with these very bytes.
func (s *supports) find(o *stix.Object, raw []byte) *support {
	for _, sp := range s.byID[o.ID] {
		if bytes.Equal(sp.raw, raw) {
			return sp
		}
	}
	return nil
}

// settle decides, after the first reading, which supporting objects travel
// with others. One that nothing refers to goes by itself; of a ring that
// refers only to itself, the first does.
func (s *supports) settle() {
	for id := range s.wants {
		s.travel(id, nil)
	}
	referred := map[string]bool{}
	for _, sp := range s.all {
		for _, id := range sp.refs {
			if id != sp.id {
				referred[id] = true
			}
		}
	}
	for _, alone := range []bool{true, false} {
		for _, sp := range s.all {
			if sp.travels || (alone && referred[sp.id]) {
				continue
			}
			for _, id := range sp.refs {
				s.travel(id, sp)
			}
		}
	}
	s.wants = nil
}

// travel marks all forms of an id, and what they refer to, as travelling; all
// but root, which goes by itself.
func (s *supports) travel(id string, root *support) {
	for _, sp := range s.byID[id] {
		if sp == root || sp.travels {
			continue
		}
		sp.travels = true
		for _, r := range sp.refs {
			s.travel(r, root)
		}
	}
}

// closure adds to got the travelling supporting objects that refs lead to and
// that are not in have or got yet.
func (s *supports) closure(refs []string, have map[*support]bool, got []*support) []*support {
	for _, id := range refs {
		for _, sp := range s.byID[id] {
			if !sp.travels || have[sp] || slices.Contains(got, sp) {
				continue
			}
			got = s.closure(sp.refs, have, append(got, sp))
		}
	}
	return got
}

// supportingRefs are the references of an object that may lead to supporting
// objects.
func supportingRefs(o *stix.Object) []string {
	var out []string
	for _, id := range o.Refs {
		if supporting(id) {
			out = append(out, id)
		}
	}
	return out
}

func supporting(id string) bool {
	for _, prefix := range []string{"marking-definition--", "extension-definition--", "identity--"} {
		if len(id) > len(prefix) && id[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}
