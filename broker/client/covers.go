package client

import (
	"strings"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Covers reports whether an order is about an object as it was delivered: by its
// origin, id, version (of what has none its SHA256), audience and level. It is the
// one rule of what a receiver forgets.
//
// Orders come for each level at which the member may hold the object, and each is
// about that level alone: a seat that recalls what is below RED leaves RED where
// it is. A narrowing covers the versions before Before, whose seats ask Keeps
// first; under whichever level it was told, it is about all below Unless, as it is
// for the hub.
func Covers(o *api.RecallOrder, d *Delivery) bool {
	if o.Origin != d.Origin || o.ID != d.ID {
		return false
	}
	if o.Audience != "" && o.Audience != d.Audience {
		return false
	}
	switch {
	case narrows(o):
		if d.Level >= o.Unless {
			return false
		}
	case o.Level != stix.NoLevel && o.Level != d.Level:
		return false
	}
	switch {
	case o.Version != "" && d.Version == "":
		return o.Version == d.Hash()
	case o.Version != "":
		return stix.Instant(o.Version) == stix.Instant(d.Version)
	case o.Before != "":
		return d.Version != "" && instant(d.Version) < instant(o.Before)
	}
	return true
}

// instant spells a version so that spellings are in the order of time.
func instant(version string) string { return strings.TrimSuffix(stix.Instant(version), "Z") }

// narrows reports whether an order is a narrowing.
func narrows(o *api.RecallOrder) bool { return o.Before != "" && o.Unless != stix.NoLevel }

// Keeps reports whether an order leaves this seat what it has: it is a narrowing,
// and the seat may hold the stricter level. What became RED is kept by no seat
// that is told, since those whom it names are not.
func Keeps(o *api.RecallOrder, me *api.Whoami) bool {
	switch {
	case o.Before == "", o.Unless == stix.NoLevel, o.Unless >= stix.Red, o.Unless > me.Ceiling:
		return false
	}
	return o.Unless < stix.AmberStrict || me.Standing == string(policy.Organization)
}
