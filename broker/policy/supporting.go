package policy

import "github.com/selat-hub/selat/stix"

// Supporting reports whether an unmarked object carries no intelligence of its
// own and so travels with what refers to it: a marking-definition, an
// extension-definition, or an identity that the origin itself speaks for.
func (r *Region) Supporting(origin, typ, id string) bool {
	switch typ {
	case "marking-definition", "extension-definition":
		return true
	case "identity":
		return origin != "" && r.Speaker(id) == origin
	}
	return false
}

// Traveller is one object of a submission, for InheritLevels.
type Traveller struct {
	Level stix.Level
	// Supporting objects without a level inherit one.
	Supporting bool
	// Refs are the positions of the objects this one refers to.
	Refs []int
}

// InheritLevels gives each supporting object that has no level the one it
// travels under: the least strict among the objects that refer to it, since
// whoever may read such an object needs the supporting one to understand it.
// One supporting object may refer to another, so levels spread from the least
// strict on, and what is reached first stays. What nobody refers to keeps
// none, and then the rule for any unmarked object holds (UnmarkedLevel).
func InheritLevels(objects []Traveller) {
	for _, level := range stix.Levels {
		var spread []int
		for i := range objects {
			if objects[i].Level == level {
				spread = append(spread, i)
			}
		}
		for len(spread) > 0 {
			from := spread[len(spread)-1]
			spread = spread[:len(spread)-1]
			for _, to := range objects[from].Refs {
				if o := &objects[to]; o.Supporting && o.Level == stix.NoLevel {
					o.Level = level
					spread = append(spread, to)
				}
			}
		}
	}
}

// UnmarkedLevel returns the level an unmarked object of this origin travels
// under: what the submission asked for, else the member's default, else
// NoLevel, which Route refuses.
func (r *Region) UnmarkedLevel(origin string, asked stix.Level) stix.Level {
	if asked != stix.NoLevel {
		return asked
	}
	if m := r.Members[origin]; m != nil {
		return m.Unmarked
	}
	return stix.NoLevel
}
