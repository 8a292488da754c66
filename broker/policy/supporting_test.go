package policy_test

import (
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestSupportingObjectsInheritTheLeastStrictLevel(t *testing.T) {
	marks := func(l stix.Level, refs ...int) policy.Traveller { return policy.Traveller{Level: l, Refs: refs} }
	supports := func(refs ...int) policy.Traveller { return policy.Traveller{Supporting: true, Refs: refs} }
	for _, c := range []struct {
		name    string
		objects []policy.Traveller // the first is asked about
		want    stix.Level
	}{
		{"without a referrer there is nothing to inherit", []policy.Traveller{supports()}, stix.NoLevel},
		{"of one referrer, its level", []policy.Traveller{supports(), marks(stix.Amber, 0)}, stix.Amber},
		{"of several, the least strict", []policy.Traveller{supports(), marks(stix.Red, 0), marks(stix.Green, 0), marks(stix.AmberStrict, 0)}, stix.Green},
		{"a referrer without a level does not count", []policy.Traveller{supports(), marks(stix.NoLevel, 0), marks(stix.Red, 0)}, stix.Red},
		{"through another supporting object", []policy.Traveller{supports(), supports(0), marks(stix.Green, 1), marks(stix.Red, 0)}, stix.Green},
		{"a circle of supporting objects has none", []policy.Traveller{supports(1), supports(0)}, stix.NoLevel},
		{"one that has a level keeps it", []policy.Traveller{{Level: stix.Amber, Supporting: true}, marks(stix.Clear, 0)}, stix.Amber},
		{"one that stands for itself inherits nothing", []policy.Traveller{marks(stix.NoLevel), marks(stix.Clear, 0)}, stix.NoLevel},
	} {
		policy.InheritLevels(c.objects)
		if got := c.objects[0].Level; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSupporting(t *testing.T) {
	r := smallRegion()
	for _, c := range []struct {
		origin, typ, id string
		want            bool
	}{
		{"sg", "marking-definition", "marking-definition--1", true},
		{"sg", "extension-definition", "extension-definition--1", true},
		{"sg", "identity", idSG, true},
		{"sg", "identity", idMY, false},
		{"sg", "identity", idNo, false},
		{"", "identity", idNo, false},
		{"sg", "indicator", "indicator--1", false},
	} {
		if got := r.Supporting(c.origin, c.typ, c.id); got != c.want {
			t.Errorf("%s %s of %q: got %v", c.typ, c.id, c.origin, got)
		}
	}
}

func TestUnmarkedLevel(t *testing.T) {
	r := smallRegion()
	r.Members["my"].Unmarked = stix.Green
	for _, c := range []struct {
		name, origin string
		asked, want  stix.Level
	}{
		{"what the submission asks wins", "my", stix.Red, stix.Red},
		{"the member's default is next", "my", stix.NoLevel, stix.Green},
		{"without either there is none", "sg", stix.NoLevel, stix.NoLevel},
		{"an unknown member has no default", "xx", stix.NoLevel, stix.NoLevel},
	} {
		if got := r.UnmarkedLevel(c.origin, c.asked); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
