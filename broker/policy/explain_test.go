package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The hub hands decisions on as they are.
var _ = api.Decision(policy.Decision{})

func TestExplain(t *testing.T) {
	asean := func(l stix.Level) []policy.Stream { return []policy.Stream{{Audience: "asean", Level: l}} }
	red := []policy.Stream{{Audience: "my", Level: stix.Red}, {Audience: "th", Level: stix.Red}}
	for _, c := range []struct {
		name    string
		streams []policy.Stream
		perSeat bool
		asker   string
		want    []string
	}{
		{"the hub's team is told of every member", asean(stix.Green), false, "",
			[]string{"my + roster", "sg + roster", "th - roster", "us - roster"}},
		{"the hub's team is told of every seat", asean(stix.Amber), true, "",
			[]string{"my + roster", "my my/desk + roster", "my my/firewall - ceiling", "sg + roster", "sg sg/feed - kind", "th - roster", "th th/desk - roster", "us - roster"}},
		{"a suspended member is told as such", []policy.Stream{{Audience: "region", Level: stix.Clear}}, true, "",
			[]string{"my + roster", "my my/desk + roster", "my my/firewall + roster", "sg + roster", "sg sg/feed - kind", "th - suspended", "th th/desk - suspended", "us - roster"}},
		{"red reaches the members named", red, true, "",
			[]string{"my + recipient", "my my/desk + recipient", "my my/firewall - ceiling", "sg - recipient", "sg sg/feed - recipient", "th - suspended", "th th/desk - suspended", "us - recipient"}},
		{"a member is told of those in the audience only", asean(stix.Green), false, "sg",
			[]string{"my + roster", "sg + roster"}},
		{"a member is never told of seats", asean(stix.Amber), true, "sg",
			[]string{"my + roster", "sg + roster"}},
		{"a member is told of the recipients it named", red, false, "sg",
			[]string{"my + recipient", "th - suspended"}},
		{"a member is told nothing of a community it is not in", []policy.Stream{{Audience: "trust", Level: stix.Amber}}, false, "sg", nil},
		{"nobody receives what is refused", nil, true, "",
			[]string{"my - refused", "my my/desk - refused", "my my/firewall - refused", "sg - refused", "sg sg/feed - refused", "th - refused", "th th/desk - refused", "us - refused"}},
		{"a member is told of nobody when its object is refused", nil, false, "sg", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range smallRegion().Explain(c.streams, c.perSeat, c.asker) {
				line := d.Member
				if d.Seat != "" {
					line += " " + d.Seat
				}
				line += map[bool]string{true: " + ", false: " - "}[d.Receives] + d.Code
				got = append(got, line)
				if d.Reason == "" {
					t.Errorf("%s: no reason", line)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
