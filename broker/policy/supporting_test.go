package policy_test

import (
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestSupportingObjectsInheritTheLeastStrictLevel(t *testing.T) {
	for _, c := range []struct {
		name   string
		levels []stix.Level
		want   stix.Level
	}{
		{"without a referrer there is nothing to inherit", nil, stix.NoLevel},
		{"of one referrer, its level", []stix.Level{stix.Amber}, stix.Amber},
		{"of several, the least strict", []stix.Level{stix.Red, stix.Green, stix.AmberStrict}, stix.Green},
		{"a referrer without a level does not count", []stix.Level{stix.NoLevel, stix.Red}, stix.Red},
		{"a level that is none does not count", []stix.Level{stix.Red + 1}, stix.NoLevel},
	} {
		got, ok := policy.Inherit(c.levels...)
		if got != c.want || ok != (c.want != stix.NoLevel) {
			t.Errorf("%s: got %s %v, want %s", c.name, got, ok, c.want)
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
