package policy

import (
	"fmt"

	"github.com/selat-hub/selat/stix"
)

// Exposure says who sees what a subscriber's sink writes.
type Exposure string

const (
	// ExposeOrganization is seen by the member's own organization only.
	ExposeOrganization Exposure = "organization"
	// ExposeClients is seen by its clients and constituents too.
	ExposeClients Exposure = "clients"
	// ExposeCommunity is seen by the peers of its community too.
	ExposeCommunity Exposure = "community"
	// ExposePublic is seen by anyone.
	ExposePublic Exposure = "public"
)

// Exposures lists them, the narrowest first.
var Exposures = []Exposure{ExposeOrganization, ExposeClients, ExposeCommunity, ExposePublic}

// Outlet is where a subscriber's daemon would write an object.
type Outlet struct {
	Exposure Exposure
	// Drill is true of an outlet for exercises, which takes nothing else.
	Drill bool
	// Personal is true of a file or screen of the seat itself that was asked to
	// take RED. It is no bulk export: nothing else loads it.
	Personal bool
}

// MayWriteOut is the rule of sinks: whether an object of this audience and level
// may be written to an outlet, as TLP 2.0 says who may see it.
func MayWriteOut(s Stream, o Outlet) Access {
	switch {
	case s.Level < stix.Clear || s.Level > stix.Red:
		return denied("level", "no such TLP level")
	case o.Drill && s.Audience != Drill:
		return denied("drill", "the sink is for exercises, and this is none")
	case !o.Drill && s.Audience == Drill:
		return denied("drill", "exercises reach no sink but one that says drill: true")
	}
	var widest Exposure
	switch s.Level {
	case stix.Clear:
		widest = ExposePublic
	case stix.Green:
		widest = ExposeCommunity
	case stix.Amber:
		widest = ExposeClients
	case stix.AmberStrict:
		widest = ExposeOrganization
	case stix.Red:
		if !o.Personal {
			return denied("red", "TLP:RED goes to no sink but a file of the seat itself that was asked to take it")
		}
		widest = ExposeOrganization
	}
	if reach(o.Exposure) > reach(widest) {
		return denied("exposure", "TLP:%s may be seen by %s at the most, and the sink by %s", show(s.Level), widest, o.Exposure)
	}
	return Access{Allowed: true, From: 1, Code: "exposure", Reason: fmt.Sprintf("TLP:%s may be seen by %s", show(s.Level), widest)}
}

// reach is larger the more people see it, the largest for what is no exposure.
func reach(e Exposure) int {
	for i, known := range Exposures {
		if e == known {
			return i
		}
	}
	return len(Exposures)
}
