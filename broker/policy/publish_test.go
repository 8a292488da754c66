package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

const (
	idSG = "identity--11111111-1111-4111-8111-111111111111"
	idMY = "identity--22222222-2222-4222-8222-222222222222"
	idNo = "identity--33333333-3333-4333-8333-333333333333"
)

// smallRegion has region (my sg th), asean (my sg), and a private community
// trust of th and us; us is in no other, th is suspended.
func smallRegion() *policy.Region {
	places := func(names ...string) map[string]policy.Place {
		out := map[string]policy.Place{}
		for _, n := range names {
			out[n] = policy.Place{}
		}
		return out
	}
	return policy.NewRegion(
		map[string]*policy.Member{
			"my": {Name: "my", Identities: []string{idMY}, AmberTo: "asean"},
			"sg": {Name: "sg", Identities: []string{idSG}},
			"th": {Name: "th", Suspended: true},
			"us": {Name: "us", ReceiveOnly: true},
		},
		map[string]*policy.Seat{
			"my/desk":     {Name: "my/desk", Member: "my", Account: "AMYDESK", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Red},
			"my/firewall": {Name: "my/firewall", Member: "my", Account: "AMYFIRE", Kind: policy.Subscriber, Standing: policy.Client, Ceiling: stix.Green},
			"sg/feed":     {Name: "sg/feed", Member: "sg", Account: "ASGFEED", Kind: policy.Publisher, Standing: policy.Organization, Ceiling: stix.Clear},
			"th/desk":     {Name: "th/desk", Member: "th", Account: "ATHDESK", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Red},
		},
		map[string]*policy.Community{
			"region": {Name: "region", Token: "region", Places: places("my", "sg", "th")},
			"asean":  {Name: "asean", Token: "asean", Places: places("my", "sg")},
			"trust":  {Name: "trust", Token: "q7k2x9", Private: true, Places: places("th", "us")},
		},
	)
}

// publish asks both rules of publishing, as the hub does.
func publish(r *policy.Region, origin string, level stix.Level, to []string, createdBy string) ([]policy.Stream, *policy.Refusal) {
	if no := r.MaySpeak(origin, "indicator", "", createdBy); no != nil {
		return nil, no
	}
	return r.Route(origin, level, to)
}

func TestAnIdentityIsPublishedByWhoSpeaksForIt(t *testing.T) {
	r := smallRegion()
	for id, want := range map[string]bool{idSG: true, idMY: false, idNo: true} {
		if no := r.MaySpeak("sg", "identity", id, ""); (no == nil) != want {
			t.Errorf("sg publishing %s: %v", id, no)
		}
	}
}

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		name      string
		origin    string
		level     stix.Level
		to        string
		createdBy string
		want      string // streams, or the code of the refusal
	}{
		{"clear without an audience goes to the region", "sg", stix.Clear, "", "", "CTI_REGION_CLEAR"},
		{"green without an audience goes to the region", "sg", stix.Green, "", "", "CTI_REGION_GREEN"},
		{"green goes to the community it names", "sg", stix.Green, "asean", "", "CTI_ASEAN_GREEN"},
		{"amber goes to the community it names", "sg", stix.Amber, "region", "", "CTI_REGION_AMBER"},
		{"amber without an audience is refused", "sg", stix.Amber, "", "", "audience-missing"},
		{"amber without an audience goes to the member's default", "my", stix.AmberStrict, "", "", "CTI_ASEAN_AMBER-STRICT"},
		{"red goes to each member it names, once", "sg", stix.Red, "th,my,th", "", "CTI_MY_RED CTI_TH_RED"},
		{"red may name a member that shares no community", "sg", stix.Red, "us", "", "CTI_US_RED"},
		{"red without recipients is refused even with an amber default", "my", stix.Red, "", "", "audience-missing"},
		{"red to a community is refused", "sg", stix.Red, "my,asean", "", "audience-red-community"},
		{"red to a community the origin is not in is unknown", "sg", stix.Red, "trust", "", "audience-unknown"},
		{"red to a community only its own members learn of", "us", stix.Red, "trust", "", "audience-red-community"},
		{"red with one unknown recipient is refused whole", "sg", stix.Red, "my,xx", "", "audience-unknown"},
		{"red to an empty name is refused", "sg", stix.Red, "my,", "", "audience-unknown"},
		{"two communities are refused", "sg", stix.Green, "asean,region", "", "audience-many"},
		{"a member as audience below red is refused", "sg", stix.Amber, "my", "", "audience-member"},
		{"an unknown audience is refused", "sg", stix.Green, "nowhere", "", "audience-unknown"},
		{"a community the origin has no place in is unknown", "sg", stix.Green, "trust", "", "audience-unknown"},
		{"a private community's stream bears its token", "us", stix.Amber, "trust", "", "CTI_Q7K2X9_AMBER"},
		{"the default audience needs a place too", "us", stix.Clear, "", "", "audience-unknown"},
		{"no level is refused", "sg", stix.NoLevel, "asean", "", "tlp-missing"},
		{"a level that does not exist is refused", "sg", stix.Red + 1, "my", "", "tlp-missing"},
		{"an unknown origin is refused", "xx", stix.Clear, "", "", "no-member"},
		{"its own identity may have created it", "sg", stix.Clear, "", idSG, "CTI_REGION_CLEAR"},
		{"a third party's identity may have created it", "sg", stix.Clear, "", idNo, "CTI_REGION_CLEAR"},
		{"another member's identity may not have created it", "sg", stix.Clear, "", idMY, "foreign-identity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := smallRegion()
			var to []string
			if c.to != "" {
				to = strings.Split(c.to, ",")
			}
			streams, no := publish(r, c.origin, c.level, to, c.createdBy)
			var got []string
			for _, s := range streams {
				got = append(got, r.Name(s))
			}
			if no != nil {
				got = append(got, no.Code)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRouteTellsAStrangerNothingOfACommunity(t *testing.T) {
	r := smallRegion()
	for _, level := range stix.Levels {
		_, known := r.Route("sg", level, []string{"trust"})
		_, unknown := r.Route("sg", level, []string{"crust"})
		if known == nil || unknown == nil {
			t.Fatalf("%s: not refused", level)
		}
		if known.Code != unknown.Code || strings.ReplaceAll(known.Message, "trust", "crust") != unknown.Message {
			t.Errorf("%s: %v differs from %v", level, known, unknown)
		}
	}
}

func TestMaySubmit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*policy.Region, *policy.Seat)
		want   string
	}{
		{"a publisher may submit", func(*policy.Region, *policy.Seat) {}, ""},
		{"a seat of both kinds may submit", func(_ *policy.Region, s *policy.Seat) { s.Kind = policy.Both }, ""},
		{"a subscriber may not", func(_ *policy.Region, s *policy.Seat) { s.Kind = policy.Subscriber }, "seat-kind"},
		{"a revoked seat may not", func(_ *policy.Region, s *policy.Seat) { s.Revoked = true }, "revoked"},
		{"a suspended member may not", func(r *policy.Region, _ *policy.Seat) { r.Members["sg"].Suspended = true }, "suspended"},
		{"a receive-only member may not", func(r *policy.Region, _ *policy.Seat) { r.Members["sg"].ReceiveOnly = true }, "receive-only"},
		{"a removed member may not", func(r *policy.Region, _ *policy.Seat) { delete(r.Members, "sg") }, "no-member"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := smallRegion()
			s := r.Seats["sg/feed"]
			c.change(r, s)
			got := ""
			if no := r.MaySubmit(s); no != nil {
				got = no.Code
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func ExampleRegion_Route() {
	r := policy.NewRegion(
		map[string]*policy.Member{"my": {Name: "my"}, "sg": {Name: "sg"}, "th": {Name: "th"}},
		nil,
		map[string]*policy.Community{"asean": {
			Name: "asean", Token: "asean",
			Places: map[string]policy.Place{"my": {}, "sg": {}},
		}},
	)
	show := func(level stix.Level, to ...string) {
		streams, no := r.Route("sg", level, to)
		if no != nil {
			fmt.Println(no.Code)
		}
		for _, s := range streams {
			fmt.Println(r.Subject(s, "sg", "indicator"))
		}
	}
	show(stix.Amber, "asean")
	show(stix.Red, "th", "my")
	show(stix.Amber)
	// Output:
	// cti.asean.amber.sg.indicator
	// cti.my.red.sg.indicator
	// cti.th.red.sg.indicator
	// audience-missing
}
