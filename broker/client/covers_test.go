package client

import (
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func TestAnOrderCoversWhatItNamesAndNothingElse(t *testing.T) {
	d := Delivery{Origin: "sg", ID: "indicator--1", Version: "2026-01-01T00:00:00.000Z", Audience: "asean", Level: stix.Green}
	bare := Delivery{Origin: "sg", ID: "indicator--1", Audience: "asean", Level: stix.Green}
	order := func(edit func(*api.RecallOrder)) *api.RecallOrder {
		o := &api.RecallOrder{Origin: "sg", ID: "indicator--1", Level: stix.Green}
		edit(o)
		return o
	}
	for _, c := range []struct {
		name  string
		order *api.RecallOrder
		of    *Delivery
		want  bool
	}{
		{"every version", order(func(*api.RecallOrder) {}), &d, true},
		{"another origin's", order(func(o *api.RecallOrder) { o.Origin = "my" }), &d, false},
		{"another object", order(func(o *api.RecallOrder) { o.ID = "indicator--2" }), &d, false},
		{"another level", order(func(o *api.RecallOrder) { o.Level = stix.Amber }), &d, false},
		{"its audience", order(func(o *api.RecallOrder) { o.Audience = "asean" }), &d, true},
		{"another audience", order(func(o *api.RecallOrder) { o.Audience = "drill" }), &d, false},
		{"its version spelled otherwise", order(func(o *api.RecallOrder) { o.Version = "2026-01-01T00:00:00Z" }), &d, true},
		{"another version", order(func(o *api.RecallOrder) { o.Version = "2026-01-01T00:00:00.001Z" }), &d, false},
		{"what is before a later version", order(func(o *api.RecallOrder) { o.Before = "2026-01-01T00:00:00.0001Z" }), &d, true},
		{"what is before itself", order(func(o *api.RecallOrder) { o.Before = d.Version }), &d, false},
		{"its bytes, without a version", order(func(o *api.RecallOrder) { o.Version = bare.Hash() }), &bare, true},
		{"other bytes, without a version", order(func(o *api.RecallOrder) { o.Version = "00" }), &bare, false},
		{"what is narrowed, told under another level", order(func(o *api.RecallOrder) {
			o.Before, o.Level, o.Unless = "2026-01-02T00:00:00.000Z", stix.Clear, stix.Amber
		}), &d, true},
		{"what has the level already", order(func(o *api.RecallOrder) {
			o.Before, o.Level, o.Unless = "2026-01-02T00:00:00.000Z", stix.Clear, stix.Green
		}), &d, false},
		{"earlier versions of what has none", order(func(o *api.RecallOrder) { o.Before = d.Version }), &bare, false},
	} {
		if Covers(c.order, c.of) != c.want {
			t.Errorf("%s: covered is not %v", c.name, c.want)
		}
	}
}

func TestANarrowingLeavesAloneWhoMayHoldTheStricterLevel(t *testing.T) {
	for _, c := range []struct {
		name, standing  string
		ceiling, unless stix.Level
		want            bool
	}{
		{"a seat of AMBER, to AMBER", "organization", stix.Amber, stix.Amber, true},
		{"a seat of GREEN, to AMBER", "organization", stix.Green, stix.Amber, false},
		{"a client, to AMBER+STRICT", "client", stix.Red, stix.AmberStrict, false},
		{"a seat of RED that is told, to RED", "organization", stix.Red, stix.Red, false},
	} {
		o := &api.RecallOrder{Before: "2026-01-01T00:00:00.000Z", Unless: c.unless}
		if Keeps(o, &api.Whoami{Standing: c.standing, Ceiling: c.ceiling}) != c.want {
			t.Errorf("%s: kept is not %v", c.name, c.want)
		}
	}
}
