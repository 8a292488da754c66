package policy_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestAnOrderReachesTheLevelsThatASeatHoldsOrHeld(t *testing.T) {
	all := stix.Levels[:]
	for name, c := range map[string]struct {
		seat policy.Seat
		want []stix.Level
	}{
		"what the ceiling allows":                 {policy.Seat{Ceiling: stix.Green}, all[:2]},
		"what it allowed before it was lowered":   {policy.Seat{Ceiling: stix.Clear, Held: stix.Amber}, all[:3]},
		"all of an organization's seat for RED":   {policy.Seat{Ceiling: stix.Red}, all},
		"a client's never above AMBER":            {policy.Seat{Ceiling: stix.Amber, Held: stix.Red, Standing: policy.Client}, all[:3]},
		"nothing of a seat that only publishes":   {policy.Seat{Ceiling: stix.Red, Kind: policy.Publisher}, nil},
		"nothing of a revoked seat":               {policy.Seat{Ceiling: stix.Red, Revoked: true}, nil},
		"nothing of a seat of no member any more": {policy.Seat{Ceiling: stix.Red, Member: "xx"}, nil},
	} {
		s := c.seat
		s.Kind, s.Standing, s.Member = orElse(s.Kind, policy.Both), orElse(s.Standing, policy.Organization), orElse(s.Member, "my")
		r := policy.NewRegion(map[string]*policy.Member{"my": {Name: "my", ControlStart: 7}}, nil, nil)
		got, from := r.MayFollow(&s)
		if !slices.Equal(got, c.want) || len(got) > 0 && from != 7 {
			t.Errorf("%s: %v from %d, not %v", name, got, from, c.want)
		}
	}
}

func orElse[T comparable](v, other T) T {
	var none T
	if v == none {
		return other
	}
	return v
}

// Whoever may read something now, or could before it left, holds it, and nobody
// else.
func TestTheHoldersOfAnObjectAreThoseWhoCouldEverReadIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom(stix.Levels[:4]).Draw(t, "level")
		seq := rapid.Uint64Range(1, 20).Draw(t, "sequence")
		stay := func(name string) policy.FormerPlace {
			from := rapid.Uint64Range(1, 20).Draw(t, name+" from")
			until := rapid.Uint64Range(from-1, 21).Draw(t, name+" until")
			return policy.FormerPlace{Place: policy.Place{Start: map[stix.Level]uint64{stix.Amber: from, stix.AmberStrict: from}},
				Until: map[stix.Level]uint64{stix.Clear: until, stix.Green: until, stix.Amber: until, stix.AmberStrict: until}}
		}
		could := func(p policy.FormerPlace, ended bool) bool {
			return (level < stix.Amber || seq >= p.Start[level]) && (!ended || seq <= p.Until[level])
		}
		members := map[string]*policy.Member{"sg": {Name: "sg"}, "my": {Name: "my"}, "th": {Name: "th"}}
		c := &policy.Community{Name: "asean", Token: "asean", Places: map[string]policy.Place{}, Former: map[string][]policy.FormerPlace{}}
		var want []string
		for name := range members {
			holds := false
			for range rapid.IntRange(0, 3).Draw(t, name+" left") {
				p := stay(name)
				c.Former[name] = append(c.Former[name], p)
				holds = holds || could(p, true)
			}
			if rapid.Bool().Draw(t, name+" is there") {
				p := stay(name)
				c.Places[name] = p.Place
				holds = holds || could(p, false)
			}
			if holds {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		r := policy.NewRegion(members, nil, map[string]*policy.Community{"asean": c})
		if got := r.Holders(policy.Stream{Audience: "asean", Level: level}, seq); !slices.Equal(got, want) {
			t.Fatalf("%v hold it, not %v", got, want)
		}
	})
}

func TestAnInboxIsHeldByItsMemberFromItsEnrolment(t *testing.T) {
	r := policy.NewRegion(map[string]*policy.Member{"sg": {Name: "sg", RedStart: 5}, "my": {Name: "my"}}, nil, nil)
	for seq, want := range map[uint64]int{4: 0, 5: 1} {
		if got := r.Holders(policy.Stream{Audience: "sg", Level: stix.Red}, seq); len(got) != want {
			t.Errorf("at %d: %v", seq, got)
		}
	}
}
