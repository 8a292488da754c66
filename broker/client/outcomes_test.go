package client

import (
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

func receipt(o api.Outcome, audience string, level stix.Level) api.ObjectReceipt {
	return api.ObjectReceipt{Outcome: o, Audience: audience, Level: level}
}

func TestAnObjectThatTravelsInSeveralSubmissionsIsToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		in   []api.ObjectReceipt
		want []api.Outcome
	}{
		"accepted, then duplicate":           {[]api.ObjectReceipt{receipt(api.Accepted, "asean", stix.Green), receipt(api.Duplicate, "asean", stix.Green)}, []api.Outcome{api.Accepted}},
		"refused, then accepted":             {[]api.ObjectReceipt{receipt(api.Refused, "", stix.NoLevel), receipt(api.Accepted, "asean", stix.Green)}, []api.Outcome{api.Accepted}},
		"duplicate, then refused":            {[]api.ObjectReceipt{receipt(api.Duplicate, "asean", stix.Green), receipt(api.Refused, "", stix.NoLevel)}, []api.Outcome{api.Duplicate}},
		"refused everywhere":                 {[]api.ObjectReceipt{receipt(api.Refused, "", stix.NoLevel), receipt(api.Refused, "", stix.NoLevel)}, []api.Outcome{api.Refused}},
		"RED, accepted by one, then another": {[]api.ObjectReceipt{receipt(api.Accepted, "my", stix.Red), receipt(api.Refused, "th", stix.Red), receipt(api.Duplicate, "th", stix.Red)}, []api.Outcome{api.Accepted, api.Duplicate}},
	} {
		var o outcomes
		for _, r := range c.in {
			o.add(r)
		}
		var got []api.Outcome
		for _, l := range o.lines {
			got = append(got, l.Outcome)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

func TestAFindingIsToldWhereTheInputHasIt(t *testing.T) {
	l := position{number: 2017, file: "b.json", index: 17}.line(api.ObjectReceipt{Object: 1, Findings: []stix.Finding{
		{Path: "/objects/1"}, {Path: "/objects/1/created"}, {Path: "/objects/10/created"}, {Path: ""}}})
	if l.Object != 2017 || l.File != "b.json" {
		t.Errorf("%+v", l)
	}
	for i, want := range []string{"/objects/17", "/objects/17/created", "/objects/10/created", ""} {
		if got := l.Findings[i].Path; got != want {
			t.Errorf("the path is %q, want %q", got, want)
		}
	}
}
