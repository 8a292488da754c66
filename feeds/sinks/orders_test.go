package sinks_test

import (
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The client hands a narrowing that comes after a recall to Recall, and one that comes
// in time to Narrow.
func TestWhatIsLeftDoesNotHangOnTheSequenceInWhichOrdersCome(t *testing.T) {
	v := func(version int, level stix.Level) thing {
		return thing{id: 1, version: version, audience: "region", level: level}
	}
	green, amber, drill := v(1, stix.Green), v(2, stix.Amber), v(2, stix.Amber)
	drill.audience = policy.Drill
	at := func(hour int, o api.RecallOrder) api.RecallOrder {
		o.ID, o.At = green.stix(), epoch.Add(time.Duration(hour)*time.Hour)
		return o
	}
	toAmber := at(1, api.RecallOrder{Before: amber.modified(), Level: stix.Green, Unless: stix.Amber})
	toStrict := at(2, api.RecallOrder{Before: v(3, stix.AmberStrict).modified(), Level: stix.Amber, Unless: stix.AmberStrict})
	whole, one := at(2, api.RecallOrder{Level: stix.Amber}), at(2, api.RecallOrder{Version: amber.modified(), Level: stix.Amber})
	before := at(0, api.RecallOrder{Version: amber.modified(), Level: stix.Clear})
	kept := []string{"o1v1.example"}
	for name, c := range map[string]struct {
		exposure policy.Exposure
		steps    []step
		want     []string
	}{
		"a recall of all takes what a narrowing left":               {policy.ExposeOrganization, []step{receive(green), narrowed(toAmber), receive(amber), order(whole)}, nil},
		"and a narrowing that comes after it leaves nothing":        {policy.ExposeOrganization, []step{receive(green), receive(amber), order(whole), order(toAmber)}, nil},
		"nor where the stricter version never came":                 {policy.ExposeOrganization, []step{receive(green), order(whole), order(toAmber)}, nil},
		"nor after the recall of one version":                       {policy.ExposeOrganization, []step{receive(green), receive(amber), order(one), order(toAmber)}, nil},
		"a narrowing after a recall leaves what it narrows":         {policy.ExposeClients, []step{receive(green), order(before), narrowed(toAmber)}, kept},
		"also if that recall comes after it":                        {policy.ExposeClients, []step{receive(green), narrowed(toAmber), order(before)}, kept},
		"of two narrowings the stricter holds":                      {policy.ExposeClients, []step{receive(green), narrowed(toAmber), narrowed(toStrict)}, nil},
		"also if it comes first":                                    {policy.ExposeClients, []step{receive(green), narrowed(toStrict), narrowed(toAmber)}, nil},
		"and leaves to its level what they narrow":                  {policy.ExposeOrganization, []step{receive(green), narrowed(toStrict), narrowed(toAmber)}, kept},
		"a recall takes what the first of two narrowed":             {policy.ExposeOrganization, []step{receive(green), narrowed(toStrict), narrowed(toAmber), order(at(1, api.RecallOrder{Version: amber.modified()}))}, nil},
		"a narrowing takes what another narrowed that this may not": {policy.ExposeOrganization, []step{receive(green), narrowed(toAmber), order(toStrict)}, nil},
		"also if it comes first, and the other leaves nothing":      {policy.ExposeOrganization, []step{receive(green), order(toStrict), narrowed(toAmber)}, nil},
		"a stricter version takes the place of what was narrowed":   {policy.ExposeOrganization, []step{receive(green), narrowed(toAmber), receive(drill)}, nil},
		"also if the narrowing comes after that version":            {policy.ExposeOrganization, []step{receive(green), receive(drill), narrowed(toAmber)}, nil},
	} {
		t.Run(name, func(t *testing.T) { listShows(t, c.exposure, c.want, c.steps...) })
	}
}
