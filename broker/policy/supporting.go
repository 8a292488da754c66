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

// Inherit returns the level an unmarked supporting object travels under: the
// least strict of the levels of the objects that refer to it, since whoever
// may read that object needs the supporting one to understand it. Levels that
// are none are skipped; false if nothing is left, and then the rule for any
// unmarked object holds (UnmarkedLevel).
func Inherit(levels ...stix.Level) (stix.Level, bool) {
	least := stix.NoLevel
	for _, l := range levels {
		if l == stix.NoLevel || l > stix.Red {
			continue
		}
		if least == stix.NoLevel || l < least {
			least = l
		}
	}
	return least, least != stix.NoLevel
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
