package policy_test

import (
	"strings"
	"testing"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func code(no *policy.Refusal) string {
	if no == nil {
		return ""
	}
	return no.Code
}

func TestNames(t *testing.T) {
	long, longer := strings.Repeat("a", 32), strings.Repeat("a", 33)
	for _, c := range []struct{ name, member, community string }{
		{"sg", "", "name-invalid"},
		{"us", "", "name-invalid"},
		{"asean", "", ""},
		{"first-org", "", ""},
		{"cert2", "", ""},
		{long, "", ""},
		{longer, "name-invalid", "name-invalid"},
		{"", "name-invalid", "name-invalid"},
		{"s", "name-invalid", "name-invalid"},
		{"s1", "name-invalid", "name-invalid"},
		{"SG", "name-invalid", "name-invalid"},
		{"Asean", "name-invalid", "name-invalid"},
		{"1st", "name-invalid", "name-invalid"},
		{"-ab", "name-invalid", "name-invalid"},
		{"a.b", "name-invalid", "name-invalid"},
		{"a*c", "name-invalid", "name-invalid"},
		{"a>c", "name-invalid", "name-invalid"},
		{"a c", "name-invalid", "name-invalid"},
		{"a_c", "name-invalid", "name-invalid"},
		{"a/c", "name-invalid", "name-invalid"},
		{"a,c", "name-invalid", "name-invalid"},
		{"sg\n", "name-invalid", "name-invalid"},
		{"asean\n", "name-invalid", "name-invalid"},
		{"a\x00c", "name-invalid", "name-invalid"},
		{"аseаn", "name-invalid", "name-invalid"}, // Cyrillic а
		{"region", "name-reserved", ""},
		{"hub", "name-reserved", "name-reserved"},
		{"amber-strict", "name-reserved", "name-reserved"},
		{"red", "name-reserved", "name-reserved"},
		{"public", "name-reserved", "name-reserved"},
	} {
		if got := code(policy.CheckMemberName(c.name)); got != c.member {
			t.Errorf("member %q: got %q, want %q", c.name, got, c.member)
		}
		if got := code(policy.CheckCommunityName(c.name)); got != c.community {
			t.Errorf("community %q: got %q, want %q", c.name, got, c.community)
		}
	}
}

func TestSplitSeat(t *testing.T) {
	for _, c := range []struct{ name, member, seat, code string }{
		{"my/firewall", "my", "firewall", ""},
		{"my/1", "my", "1", ""},
		{"first/" + strings.Repeat("x", 32), "first", strings.Repeat("x", 32), ""},
		{"my/" + strings.Repeat("x", 33), "", "", "name-invalid"},
		{"my", "", "", "name-invalid"},
		{"my/", "", "", "name-invalid"},
		{"/desk", "", "", "name-invalid"},
		{"my/a/b", "", "", "name-invalid"},
		{"my/-a", "", "", "name-invalid"},
		{"my/a.b", "", "", "name-invalid"},
		{"my/*", "", "", "name-invalid"},
		{"my/>", "", "", "name-invalid"},
		{"my/Desk", "", "", "name-invalid"},
		{"*/desk", "", "", "name-invalid"},
		{"hub/desk", "", "", "name-reserved"},
	} {
		m, s, no := policy.SplitSeat(c.name)
		if m != c.member || s != c.seat || code(no) != c.code {
			t.Errorf("%q: got %q %q %q", c.name, m, s, code(no))
		}
	}
}

func TestMembersAndCommunitiesShareOneNamespace(t *testing.T) {
	r := smallRegion()
	r.Communities["asean"].Known = []string{"first"}
	for _, c := range []struct {
		name string
		got  *policy.Refusal
		want string
	}{
		{"a free member name passes", r.CheckNewMember(&policy.Member{Name: "ph"}), ""},
		{"a member's name is taken", r.CheckNewMember(&policy.Member{Name: "sg"}), "name-taken"},
		{"a community's name is taken", r.CheckNewMember(&policy.Member{Name: "asean"}), "name-taken"},
		{"a private community's token is taken", r.CheckNewMember(&policy.Member{Name: "q7k2x9"}), "name-taken"},
		{"a known participant may become a member", r.CheckNewMember(&policy.Member{Name: "first"}), ""},
		{"a known participant's name is taken for communities", r.CheckNewCommunity(&policy.Community{Name: "first"}), "name-taken"},
		{"another member's identity is taken", r.CheckNewMember(&policy.Member{Name: "ph", Identities: []string{idMY}}), "identity-taken"},
		{"its own identity may stay", r.CheckIdentities("my", []string{idMY, idNo}), ""},
		{"an identity twice is refused", r.CheckIdentities("ph", []string{idNo, idNo}), "identity-taken"},
		{"an identity in upper case is refused", r.CheckIdentities("ph", []string{"identity--AAAAAAAA-1111-4111-8111-111111111111"}), "identity-invalid"},
		{"another type's id is refused", r.CheckIdentities("ph", []string{strings.Replace(idNo, "identity", "campaign", 1)}), "identity-invalid"},
		{"an invalid default level is refused", r.CheckNewMember(&policy.Member{Name: "ph", Unmarked: 9}), "level-invalid"},
	} {
		if code(c.got) != c.want {
			t.Errorf("%s: got %v, want %q", c.name, c.got, c.want)
		}
	}
}

func TestCheckNewCommunity(t *testing.T) {
	for _, c := range []struct {
		name string
		c    policy.Community
		want string
	}{
		{"a roster of members passes", policy.Community{Name: "joint", Token: "joint", Places: map[string]policy.Place{"sg": {}}, Known: []string{"au"}}, ""},
		{"a private one with a random token passes", policy.Community{Name: "joint", Private: true, Token: "t3x8v"}, ""},
		{"a private one without a token is refused", policy.Community{Name: "joint", Private: true}, "token-invalid"},
		{"a private one whose token tells its name is refused", policy.Community{Name: "joint", Private: true, Token: "x-joint-1"}, "token-invalid"},
		{"a token with a star is refused", policy.Community{Name: "joint", Private: true, Token: "abc*"}, "token-invalid"},
		{"a token another bears is refused", policy.Community{Name: "joint", Private: true, Token: "q7k2x9"}, "name-taken"},
		{"a token that names a community is refused", policy.Community{Name: "joint", Private: true, Token: "asean"}, "name-taken"},
		{"an open one under another token is refused", policy.Community{Name: "joint", Token: "other"}, "token-invalid"},
		{"a place of no member is refused", policy.Community{Name: "joint", Places: map[string]policy.Place{"au": {}}}, "no-member"},
		{"a known participant with a place is refused", policy.Community{Name: "joint", Places: map[string]policy.Place{"sg": {}}, Known: []string{"sg"}}, "known-invalid"},
		{"a known participant twice is refused", policy.Community{Name: "joint", Known: []string{"au", "au"}}, "known-invalid"},
		{"a community as known participant is refused", policy.Community{Name: "joint", Known: []string{"asean"}}, "name-taken"},
		{"a known participant that cannot be named is refused", policy.Community{Name: "joint", Known: []string{"*"}}, "name-invalid"},
		{"a taken name is refused", policy.Community{Name: "asean"}, "name-taken"},
	} {
		if got := code(smallRegion().CheckNewCommunity(&c.c)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckSeat(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*policy.Seat, *policy.Member)
		want   string
	}{
		{"a plain seat passes", func(*policy.Seat, *policy.Member) {}, ""},
		{"red may be granted to the organization", func(s *policy.Seat, _ *policy.Member) { s.Ceiling = stix.Red }, ""},
		{"a client holds amber", func(s *policy.Seat, _ *policy.Member) { s.Standing = policy.Client }, ""},
		{"a client never holds amber-strict", func(s *policy.Seat, _ *policy.Member) {
			s.Standing, s.Ceiling = policy.Client, stix.AmberStrict
		}, "ceiling-invalid"},
		{"a client never holds red", func(s *policy.Seat, _ *policy.Member) { s.Standing, s.Ceiling = policy.Client, stix.Red }, "ceiling-invalid"},
		{"a seat without a ceiling is refused", func(s *policy.Seat, _ *policy.Member) { s.Ceiling = stix.NoLevel }, "ceiling-invalid"},
		{"a ceiling above red is refused", func(s *policy.Seat, _ *policy.Member) { s.Ceiling = stix.Red + 1 }, "ceiling-invalid"},
		{"an unknown kind is refused", func(s *policy.Seat, _ *policy.Member) { s.Kind = "observer" }, "kind-invalid"},
		{"an unknown standing is refused", func(s *policy.Seat, _ *policy.Member) { s.Standing = "friend" }, "standing-invalid"},
		{"a publisher of a receive-only member is refused", func(s *policy.Seat, m *policy.Member) { s.Kind, m.ReceiveOnly = policy.Publisher, true }, "receive-only"},
		{"a subscriber of a receive-only member passes", func(_ *policy.Seat, m *policy.Member) { m.ReceiveOnly = true }, ""},
		{"another member's seat is refused", func(_ *policy.Seat, m *policy.Member) { m.Name = "sg" }, "name-invalid"},
		{"a name under another member is refused", func(s *policy.Seat, _ *policy.Member) { s.Name = "sg/desk" }, "name-invalid"},
		{"a name with a dot is refused", func(s *policy.Seat, _ *policy.Member) { s.Name = "my/de.sk" }, "name-invalid"},
		{"filters of one type and one origin pass", func(s *policy.Seat, _ *policy.Member) {
			s.FilterType, s.FilterOrigin = "x-acme-thing", "sg"
		}, ""},
		{"a wildcard as type is refused", func(s *policy.Seat, _ *policy.Member) { s.FilterType = ">" }, "filter-invalid"},
		{"two types are refused", func(s *policy.Seat, _ *policy.Member) { s.FilterType = "indicator.malware" }, "filter-invalid"},
		{"a wildcard as origin is refused", func(s *policy.Seat, _ *policy.Member) { s.FilterOrigin = "*" }, "filter-invalid"},
	} {
		s := &policy.Seat{Name: "my/desk", Member: "my", Kind: policy.Subscriber, Standing: policy.Organization, Ceiling: stix.Amber}
		m := &policy.Member{Name: "my"}
		c.change(s, m)
		if got := code(policy.CheckSeat(s, m)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := code(policy.CheckSeat(&policy.Seat{Name: "my/desk", Member: "my"}, nil)); got != "no-member" {
		t.Errorf("a seat of no member: got %q", got)
	}
}
