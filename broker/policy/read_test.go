package policy_test

import (
	"fmt"
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// sharingTable is the table of the design in its own words: for each level,
// the ceilings and standings that hold a durable, and whether the audience is
// a roster or a list of recipients.
var sharingTable = map[stix.Level]struct {
	ceilings  []string
	standings []string
	audience  string
	fromStart bool // open from the beginning, whenever the member joined
}{
	stix.Clear:       {[]string{"clear", "green", "amber", "amber-strict", "red"}, []string{"organization", "client"}, "roster", true},
	stix.Green:       {[]string{"green", "amber", "amber-strict", "red"}, []string{"organization", "client"}, "roster", true},
	stix.Amber:       {[]string{"amber", "amber-strict", "red"}, []string{"organization", "client"}, "roster", false},
	stix.AmberStrict: {[]string{"amber-strict", "red"}, []string{"organization"}, "roster", false},
	stix.Red:         {[]string{"red"}, []string{"organization"}, "recipients", false},
}

func among(s string, list []string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// readingCase is one point of the product.
type readingCase struct {
	level              stix.Level
	audience           string // of the stream: asean, nowhere, my, sg
	enrolled           bool   // my is a member
	place              string // of my in asean: none, early, late
	ceiling            string
	standing, kind     string
	suspended, revoked bool
}

func (c readingCase) region() (*policy.Region, *policy.Seat) {
	members := map[string]*policy.Member{"sg": {Name: "sg"}}
	if c.enrolled {
		members["my"] = &policy.Member{Name: "my", Suspended: c.suspended, RedStart: 7}
	}
	asean := &policy.Community{Name: "asean", Token: "asean", Places: map[string]policy.Place{"sg": {}}}
	switch c.place {
	case "early":
		asean.Places["my"] = policy.Place{}
	case "late":
		asean.Places["my"] = policy.Place{Start: map[stix.Level]uint64{
			stix.Clear: 90, stix.Green: 90, stix.Amber: 30, stix.AmberStrict: 40,
		}}
	}
	seat := &policy.Seat{
		Name: "my/desk", Member: "my", Account: "A", Kind: policy.Kind(c.kind),
		Standing: policy.Standing(c.standing), Revoked: c.revoked,
	}
	if c.ceiling != "none" {
		seat.Ceiling, _ = stix.ParseLevel(c.ceiling)
	}
	return policy.NewRegion(members, map[string]*policy.Seat{seat.Name: seat}, map[string]*policy.Community{"asean": asean}), seat
}

// expected reads the answer off the table: the first open sequence, or 0.
func (c readingCase) expected() uint64 {
	row := sharingTable[c.level]
	meant := map[string]bool{
		"roster":     c.audience == "asean" && c.place != "none",
		"recipients": c.audience == "my",
	}[row.audience]
	gone := !c.enrolled || c.suspended || c.revoked
	receives := among(c.kind, []string{"subscriber", "both"})
	if gone || !receives || !meant || !among(c.ceiling, row.ceilings) || !among(c.standing, row.standings) {
		return 0
	}
	late := map[stix.Level]uint64{stix.Amber: 30, stix.AmberStrict: 40}
	switch {
	case row.audience == "recipients":
		return 7
	case row.fromStart || c.place == "early":
		return 1
	}
	return late[c.level]
}

func TestMayReadFollowsTheSharingTableInEveryCase(t *testing.T) {
	cases, allowed := 0, 0
	for c := range everyReadingCase() {
		cases++
		r, seat := c.region()
		got := r.MayRead(seat, policy.Stream{Audience: c.audience, Level: c.level})
		want := c.expected()
		if got.Allowed != (want > 0) || got.From != want {
			t.Errorf("%+v: got %+v, want from %d", c, got, want)
		}
		if got.Code == "" || got.Reason == "" {
			t.Errorf("%+v: no reason given", c)
		}
		if got.Allowed {
			allowed++
		}
	}
	t.Logf("%d cases, %d of them allowed", cases, allowed)
	if allowed == 0 {
		t.Error("no case is allowed")
	}
}

func everyReadingCase() func(yield func(readingCase) bool) {
	both := []bool{true, false}
	var all []readingCase
	for _, level := range stix.Levels {
		for _, audience := range []string{"asean", "nowhere", "my", "sg"} {
			for _, place := range []string{"none", "early", "late"} {
				for _, ceiling := range []string{"none", "clear", "green", "amber", "amber-strict", "red"} {
					for _, standing := range []string{"organization", "client"} {
						for _, kind := range []string{"publisher", "subscriber", "both", "observer"} {
							all = append(all, readingCase{level: level, audience: audience, place: place, ceiling: ceiling, standing: standing, kind: kind})
						}
					}
				}
			}
		}
	}
	return func(yield func(readingCase) bool) {
		for _, c := range all {
			for _, c.enrolled = range both {
				for _, c.suspended = range both {
					for _, c.revoked = range both {
						if !yield(c) {
							return
						}
					}
				}
			}
		}
	}
}

func TestMayReadRefusesLevelsThatAreNone(t *testing.T) {
	c := readingCase{enrolled: true, place: "early", ceiling: "red", standing: "organization", kind: "both"}
	r, seat := c.region()
	for _, level := range []stix.Level{stix.NoLevel, stix.Red + 1, 255} {
		for _, audience := range []string{"asean", "my"} {
			if a := r.MayRead(seat, policy.Stream{Audience: audience, Level: level}); a.Allowed {
				t.Errorf("level %d of %s is readable", level, audience)
			}
		}
	}
	seat.Ceiling = 200
	for _, s := range r.Streams() {
		if r.MayRead(seat, s).Allowed {
			t.Errorf("a seat with a ceiling that is no level reads %v", s)
		}
	}
}

func ExampleRegion_MayRead() {
	r := policy.NewRegion(
		map[string]*policy.Member{"my": {Name: "my"}, "sg": {Name: "sg"}},
		nil,
		map[string]*policy.Community{"asean": {
			Name: "asean", Token: "asean",
			Places: map[string]policy.Place{"my": {Start: map[stix.Level]uint64{stix.Amber: 4711}}},
		}},
	)
	firewall := &policy.Seat{
		Name: "my/firewall", Member: "my", Kind: policy.Subscriber,
		Standing: policy.Organization, Ceiling: stix.Amber,
	}
	for _, s := range []policy.Stream{
		{Audience: "asean", Level: stix.Green},
		{Audience: "asean", Level: stix.Amber},
		{Audience: "asean", Level: stix.AmberStrict},
	} {
		a := r.MayRead(firewall, s)
		fmt.Println(r.Name(s), a.Allowed, a.From, a.Code)
	}
	// Output:
	// CTI_ASEAN_GREEN true 1 roster
	// CTI_ASEAN_AMBER true 4711 roster
	// CTI_ASEAN_AMBER-STRICT false 0 ceiling
}
