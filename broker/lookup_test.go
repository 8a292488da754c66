package broker_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// naming is an indicator that asks for one value, such as ipv4-addr 192.0.2.1.
func naming(n int, level stix.Level, typ, value string, members ...string) string {
	o := indicator(n, level)
	o = strings.Replace(o, fmt.Sprintf("ipv4-addr:value = '192.0.2.%d'", n%250), typ+":value = '"+value+"'", 1)
	return o[:len(o)-1] + strings.Join(append([]string{""}, members...), ",") + "}"
}

// newer is a later version of an object.
func newer(o string) string {
	return strings.Replace(o, `"modified":"2026-01-01T00:00:00.000Z"`, `"modified":"2026-01-02T00:00:00.000Z"`, 1)
}

// lookup asks for values and returns what is told of all of them.
func (h *testHub) lookup(account string, q api.LookupRequest) []api.LookedUp {
	h.t.Helper()
	got, err := h.Lookup(h.t.Context(), account, q)
	must(h.t, err)
	if len(got.Values) != len(q.Values) {
		h.t.Fatalf("%d answers to %d values", len(got.Values), len(q.Values))
	}
	return got.Values
}

// toldOf lists the numbers of the objects that are told, with place and state.
func toldOf(of []api.LookedUp) (all []string) {
	for _, v := range of {
		for _, m := range v.Mentions {
			all = append(all, fmt.Sprintf("%s %s %s %s %s", strings.TrimLeft(m.ID[len(m.ID)-12:], "0"), m.Audience, m.Level, m.Origin, m.State))
		}
	}
	slices.Sort(all)
	return all
}

func TestALookupTellsOnlyWhatTheSeatMayRead(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	my := h.seat("my/desk", policy.Both, stix.Amber)
	red := h.seat("my/analyst", policy.Subscriber, stix.Red)
	isp := h.seat("my/isp", policy.Subscriber, stix.AmberStrict-1, func(s *policy.Seat) { s.Standing, s.FilterOrigin = policy.Client, "th" })
	notes := h.seat("my/notes", policy.Subscriber, stix.Amber, func(s *policy.Seat) { s.FilterType = "note" })
	us := h.seat("us/desk", policy.Subscriber, stix.Amber)
	pub := h.seat("th/pub", policy.Publisher, stix.Green)

	of := func(n int, level stix.Level) string { return naming(n, level, "ipv4-addr", "192.0.2.1") }
	expect(t, "clear", sg.submit(bundle(of(1, stix.Clear)), "region"), "accepted clear region")
	expect(t, "green, amber, strict", sg.submit(bundle(of(2, stix.Green), of(3, stix.Amber), of(4, stix.AmberStrict)), "asean"), "accepted green asean", "accepted amber asean", "accepted amber-strict asean")
	expect(t, "red", sg.submit(bundle(of(5, stix.Red)), "my,th"), "accepted red my", "accepted red th")
	expect(t, "drill", sg.submit(bundle(of(6, stix.Clear)), "drill"), "accepted clear drill")
	expect(t, "relayed", pub.submit(bundle(of(7, stix.Green)), "asean"), "accepted green asean")

	clear, green, amber, strict := "1 region clear sg valid", "2 asean green sg valid", "3 asean amber sg valid", "4 asean amber-strict sg valid"
	relayed, drill := "7 asean green th valid", "6 drill clear sg valid"
	for _, c := range []struct {
		name, account string
		drill         bool
		want          []string
	}{
		{"sg/feed", sg.account, false, []string{clear, green, amber, strict, relayed}},
		{"sg/feed, drill", sg.account, true, []string{drill}},
		{"my/desk", my.account, false, []string{clear, green, amber, relayed}},
		{"my/analyst", red.account, false, []string{clear, green, amber, strict, "5 my red sg valid", relayed}},
		{"only of th", isp.account, false, []string{relayed}},
		{"only of th, drill", isp.account, true, nil},
		{"only notes", notes.account, false, nil},
		{"us/desk is not in asean", us.account, false, []string{clear}},
		{"a seat that only publishes", pub.account, false, nil},
		{"nobody's account", "AXYZ", false, nil},
		{"anonymous", "", false, []string{clear}},
		{"anonymous, drill", "", true, nil},
	} {
		for _, value := range []string{"192.0.2.1", "192[.]0[.]2[.]0/24"} {
			got := h.lookup(c.account, api.LookupRequest{Values: []string{value}, Drill: c.drill})
			if diff := cmp.Diff(c.want, toldOf(got)); diff != "" {
				t.Errorf("%s of %s: %s", c.name, value, diff)
			}
			if got[0].Value != value || got[0].Error != nil || got[0].More || !slices.Equal(got[0].Kinds, []string{"address"}) {
				t.Errorf("%s of %s: %+v", c.name, value, got[0])
			}
		}
	}

	// A change takes its effect on the next question.
	q := api.LookupRequest{Values: []string{"192.0.2.1"}}
	must(t, h.SetCeiling(t.Context(), "sg/feed", stix.Green))
	if diff := cmp.Diff([]string{clear, green, relayed}, toldOf(h.lookup(sg.account, q))); diff != "" {
		t.Error("after lowering the ceiling: ", diff)
	}
	must(t, h.Leave(t.Context(), "asean", "my"))
	must(t, h.Join(t.Context(), "asean", "my", false))
	must(t, h.SetCeiling(t.Context(), "sg/feed", stix.Red))
	expect(t, "later", sg.submit(bundle(of(8, stix.Amber)), "asean"), "accepted amber asean")
	if diff := cmp.Diff([]string{clear, green, relayed, "8 asean amber sg valid"}, toldOf(h.lookup(my.account, q))); diff != "" {
		t.Error("of AMBER a newcomer is told what came since: ", diff)
	}
	must(t, h.SuspendMember(t.Context(), "my"))
	if got := toldOf(h.lookup(my.account, q)); got != nil {
		t.Errorf("a suspended member is told %q", got)
	}
}

func TestAVersionThatASeatMayNotReadChangesNothingForIt(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	green := h.seat("us/feed", policy.Subscriber, stix.Green)
	amber := h.seat("my/desk", policy.Subscriber, stix.Amber)
	first := naming(1, stix.Green, "domain-name", "example.com")
	expect(t, "first", sg.submit(bundle(first), "region"), "accepted green region")
	q := api.LookupRequest{Values: []string{"www.example.com", "example.com"}}
	before, err := json.Marshal(h.lookup(green.account, q))
	must(t, err)

	second := newer(naming(1, stix.Green, "domain-name", "example.com", `"revoked":true`))
	expect(t, "second", sg.submit(bundle(second), "asean"), "accepted green asean")
	after, err := json.Marshal(h.lookup(green.account, q))
	must(t, err)
	if string(before) != string(after) || !strings.Contains(string(after), `"state":"valid"`) {
		t.Errorf("a revocation for others changed\n%s\nto\n%s", before, after)
	}
	if diff := cmp.Diff([]string{"1 asean green sg revoked", "1 region green sg revoked"}, toldOf(h.lookup(amber.account, q))); diff != "" {
		t.Error(diff)
	}
	// A version that is RED, to another member, takes the earlier one away.
	third := naming(2, stix.Green, "domain-name", "example.net")
	expect(t, "third", sg.submit(bundle(third), "asean"), "accepted green asean")
	expect(t, "fourth", sg.submit(bundle(newer(naming(2, stix.Red, "domain-name", "example.net"))), "th"), "accepted red th")
	if diff := cmp.Diff([]string(nil), toldOf(h.lookup(amber.account, api.LookupRequest{Values: []string{"example.net"}}))); diff != "" {
		t.Error(diff)
	}
}

func TestALookupTellsWhetherWhatIsSaidHolds(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	member := func(name, value string) string { return fmt.Sprintf("%q:%q", name, value) }
	superseded := naming(5, stix.Green, "domain-name", "example.com")
	soon := strings.Replace(naming(2, stix.Green, "domain-name", "example.com"), `"valid_from":"2026-01-01T00:00:00Z"`, `"valid_from":"2126-01-01T00:00:00Z"`, 1)
	domain := `{"type":"domain-name","spec_version":"2.1","id":"domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7","value":"example.com","object_marking_refs":["` + markGreen + `"]}`
	r := sg.submit(bundle(
		naming(1, stix.Green, "domain-name", "example.com", member("valid_until", "2126-01-01T00:00:00Z")),
		soon,
		naming(3, stix.Green, "domain-name", "example.com", member("valid_until", "2026-01-02T00:00:00Z")),
		naming(4, stix.Green, "domain-name", "example.com", `"revoked":true`),
		superseded, newer(superseded), domain,
	), "asean")
	if r.Accepted != 7 {
		t.Fatalf("%+v", r)
	}
	got := h.lookup(sg.account, api.LookupRequest{Values: []string{"EXAMPLE.com."}})
	want := []string{
		"1 asean green sg valid", "2 asean green sg not-yet", "3 asean green sg expired", "4 asean green sg revoked",
		"5 asean green sg superseded", "5 asean green sg valid", "8f6b4cc18ec7 asean green sg observed",
	}
	if diff := cmp.Diff(want, toldOf(got)); diff != "" {
		t.Error(diff)
	}
	for _, m := range got[0].Mentions {
		if m.Value != "example.com" || m.Match != api.MatchExact {
			t.Errorf("%+v", m)
		}
		if added, err := time.Parse(time.RFC3339, m.Added); err != nil || time.Since(added) > time.Hour {
			t.Errorf("added %s: %v", m.Added, err)
		}
		if m.State == api.StateExpired && (m.ValidFrom != "2026-01-01T00:00:00Z" || m.ValidUntil != "2026-01-02T00:00:00Z" || m.Role != "decisive" || m.Version != "2026-01-01T00:00:00.000Z") {
			t.Errorf("%+v", m)
		}
		if m.State == api.StateObserved && (m.Type != "domain-name" || m.Role != "observed" || m.ValidFrom != "" || m.Version != m.Added) {
			t.Errorf("%+v", m)
		}
	}
}

func TestALookupFindsWhatIsAroundInsideAndBelow(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	r := sg.submit(bundle(
		strings.Replace(naming(1, stix.Green, "ipv4-addr", "192.0.2.0/24"), "value = '", "value ISSUBSET '", 1),
		naming(2, stix.Green, "ipv4-addr", "192.0.2.1"), naming(3, stix.Green, "ipv6-addr", "2001:db8::1"),
		naming(4, stix.Green, "domain-name", "example.com"), naming(5, stix.Green, "domain-name", "www.example.com"),
		naming(6, stix.Green, "url", "http://example.com"), naming(7, stix.Green, "url", "http://example.com/"),
	), "asean")
	if r.Accepted != 7 {
		t.Fatalf("%+v", r)
	}
	for _, c := range []struct {
		value string
		below bool
		want  []string
	}{
		{"192.0.2.1", false, []string{"1 192.0.2.0/24 network decisive", "2 192.0.2.1 exact decisive"}},
		{"192.0.2.7", false, []string{"1 192.0.2.0/24 network decisive"}},
		{"192.0.0.0/16", false, []string{"1 192.0.2.0/24 inside decisive", "2 192.0.2.1 inside decisive"}},
		{"2001:db8::/32", false, []string{"3 2001:db8::1 inside decisive"}},
		{"example.com", false, []string{"4 example.com exact decisive"}},
		{"example.com", true, []string{"4 example.com exact decisive", "5 www.example.com subdomain decisive"}},
		{"hxxp://EXAMPLE.com", false, []string{"6 http://example.com exact decisive", "7 http://example.com/ exact decisive"}},
	} {
		var got []string
		for _, m := range h.lookup(sg.account, api.LookupRequest{Values: []string{c.value}, Subdomains: c.below})[0].Mentions {
			got = append(got, fmt.Sprintf("%s %s %s %s", m.ID[len(m.ID)-1:], m.Value, m.Match, m.Role))
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s, below %v: %s", c.value, c.below, diff)
		}
	}
	one := h.lookup(sg.account, api.LookupRequest{Values: []string{"http://example.com"}, Limit: 1})[0]
	if len(one.Mentions) != 1 || !one.More || one.Mentions[0].Value != "http://example.com/" {
		t.Errorf("of two spellings the newer one alone: %+v", one)
	}
}

func TestAValueThatIsNoneIsToldAndItsNeighboursAreAnswered(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	expect(t, "one", sg.submit(bundle(indicator(1, stix.Green)), "asean"), "accepted green asean")
	got := ask[api.Lookup](sg, api.SubjectLookup, api.LookupRequest{Values: []string{"nonsense", "192.0.2.1", "", strings.Repeat("a", api.LookupValueBytes) + ".example", "203.0.113.9"}}).Values
	for i, want := range []string{"lookup-invalid", "1", "lookup-invalid", "lookup-invalid", "0"} {
		is := fmt.Sprint(len(got[i].Mentions))
		if got[i].Error != nil {
			is = got[i].Error.Code
		}
		if is != want || got[i].Mentions == nil {
			t.Errorf("value %d: %+v", i, got[i])
		}
	}
	for body, want := range map[string]string{
		`{"values":[]}`: "one value or more", `{`: "not JSON", `{"values":["a.b"],"limit":1001}`: "can be 1 to 1000", `{"values":["a.b"],"limit":-1}`: "can be 1 to 1000",
		`{"values":["` + strings.Repeat(`a.b","`, 1000) + `"]}`: "at most 1000 values at a time, not 1001",
	} {
		m, err := sg.nc.Request(api.SubjectLookup, []byte(body), patience)
		must(t, err)
		if text := string(m.Data); !strings.HasPrefix(text, `{"error":{"code":"invalid"`) || !strings.Contains(text, want) {
			t.Errorf("%.40s: %s", body, text)
		}
	}
}

// An answer fits into a message, whatever is stored: what did not get its turn is
// said to be unfinished, and never to be unknown.
func TestWhatIsTooMuchForOneAnswerIsLeftForTheNext(t *testing.T) {
	h := newTestHub(t, func(c *broker.Config) {
		c.Limits.PayloadBytes, c.Limits.ObjectBytes = 24<<10, 8<<10
	})
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	values := make([]string, 20)
	for i := range values {
		values[i] = fmt.Sprintf("http://example.com/%d/%s", i, strings.Repeat("&", 300))
		if r := sg.submit(bundle(naming(i, stix.Green, "url", values[i])), "asean"); r.Accepted != 1 {
			t.Fatalf("%+v", r)
		}
	}
	rounds := 0
	for left := values; len(left) > 0; rounds++ {
		got := ask[api.Lookup](sg, api.SubjectLookup, api.LookupRequest{Values: left}).Values
		left = nil
		for i, v := range got {
			switch {
			case v.Error != nil && v.Error.Code == api.CodeLookupUnfinished && i > 0:
				left = append(left, v.Value)
			case v.Error != nil || len(v.Mentions) != 1 || v.Mentions[0].Value != v.Value:
				t.Fatalf("value %d: %+v", i, v)
			}
		}
	}
	if rounds < 2 {
		t.Error("it all fitted into one answer, and nothing was tested")
	}
}
