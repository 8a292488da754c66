package policy_test

import (
	"fmt"
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// TLP 2.0 as a table, with no rule in it: for each level the exposures that a sink
// may have, a small letter where it must be asked to take RED.
//
//	o organization   c clients   g community   p public
var mayBeSeenBy = map[stix.Level]string{
	stix.NoLevel:     "",
	stix.Clear:       "OCGP",
	stix.Green:       "OCG",
	stix.Amber:       "OC",
	stix.AmberStrict: "O",
	stix.Red:         "o",
	stix.Red + 1:     "",
}

var exposureLetters = map[policy.Exposure][2]byte{
	policy.ExposeOrganization: {'O', 'o'},
	policy.ExposeClients:      {'C', 'c'},
	policy.ExposeCommunity:    {'G', 'g'},
	policy.ExposePublic:       {'P', 'p'},
	"":                        {'-', '-'},
	"Public":                  {'-', '-'}, // spelt as none is
	"everyone":                {'-', '-'},
}

func listed(level stix.Level, e policy.Exposure, personal bool) bool {
	for _, c := range []byte(mayBeSeenBy[level]) {
		if c == exposureLetters[e][0] || c == exposureLetters[e][1] && personal {
			return true
		}
	}
	return false
}

// The full product of what sinks are and what objects are.
func TestASinkWritesWhatTLPLetsItsReadersSeeAndNothingElse(t *testing.T) {
	cases, allowed := 0, 0
	for level := range mayBeSeenBy {
		for e := range exposureLetters {
			for _, audience := range []string{"region", "asean", "my", policy.Drill} {
				for flags := range 4 {
					o := policy.Outlet{Exposure: e, Drill: flags&1 != 0, Personal: flags&2 != 0}
					got := policy.MayWriteOut(policy.Stream{Audience: audience, Level: level}, o)
					want := listed(level, e, o.Personal) && o.Drill == (audience == policy.Drill)
					name := fmt.Sprintf("%s of %s to %+v", level, audience, o)
					if got.Allowed != want {
						t.Errorf("%s: allowed is %t, not %t (%s)", name, got.Allowed, want, got.Reason)
					}
					if got.Code == "" || got.Reason == "" {
						t.Errorf("%s: %+v does not say why", name, got)
					}
					cases++
					if got.Allowed {
						allowed++
					}
				}
			}
		}
	}
	t.Logf("%d cases, %d of them allowed", cases, allowed)
}
