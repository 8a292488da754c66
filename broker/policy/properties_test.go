package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

var (
	memberPool    = []string{"my", "sg", "th", "us", "partner"}
	communityPool = []string{"region", "asean", "trust", "drill"}
)

func someOf(t *rapid.T, label string, pool []string) []string {
	return slices.DeleteFunc(slices.Clone(pool), func(s string) bool { return !rapid.Bool().Draw(t, label+" "+s) })
}

// drawRegion draws any region the checks of this package accept.
func drawRegion(t *rapid.T) *policy.Region {
	members, seats, communities := map[string]*policy.Member{}, map[string]*policy.Seat{}, map[string]*policy.Community{}
	names := append(someOf(t, "member", memberPool[:4]), memberPool[4])
	for i, n := range names {
		m := &policy.Member{
			Name: n, Suspended: rapid.IntRange(0, 4).Draw(t, "suspended") == 0,
			Identities: []string{strings.Replace(idNo, "3333", strings.Repeat(string(rune('4'+i)), 4), 1)},
			AmberTo:    rapid.SampledFrom(append([]string{""}, communityPool...)).Draw(t, "amber to"),
			RedStart:   rapid.Uint64Range(0, 9).Draw(t, "red start"),
		}
		members[n] = m
		for _, part := range []string{"desk", "feed"} {
			s := &policy.Seat{
				Name: n + "/" + part, Member: n, Account: "A" + n + part,
				Kind:     rapid.SampledFrom([]policy.Kind{policy.Publisher, policy.Subscriber, policy.Both}).Draw(t, "kind"),
				Standing: policy.Organization,
				Ceiling:  rapid.SampledFrom(stix.Levels[:]).Draw(t, "ceiling"),
				Revoked:  rapid.IntRange(0, 4).Draw(t, "revoked") == 0,
			}
			if s.Ceiling <= stix.Amber && rapid.Bool().Draw(t, "client") {
				s.Standing = policy.Client
			}
			seats[s.Name] = s
		}
	}
	for _, n := range someOf(t, "community", communityPool) {
		c := &policy.Community{Name: n, Token: n, Places: map[string]policy.Place{}}
		if rapid.Bool().Draw(t, "private") {
			c.Private, c.Token = true, rapid.StringMatching(`z[0-9]{8}`).Filter(func(s string) bool {
				return !slices.ContainsFunc(communityPool, func(o string) bool { return communities[o] != nil && communities[o].Token == s })
			}).Draw(t, "token")
		}
		for _, m := range someOf(t, "place", names) {
			c.Places[m] = drawPlace(t)
		}
		communities[n] = c
	}
	return policy.NewRegion(members, seats, communities)
}

func drawPlace(t *rapid.T) policy.Place {
	last := map[stix.Level]uint64{}
	for _, l := range stix.Levels[:4] {
		last[l] = rapid.Uint64Range(0, 50).Draw(t, "last")
	}
	return policy.NewPlace(time.Time{}, last, rapid.Bool().Draw(t, "history"))
}

// clone copies a region by way of the form the directory keeps it in.
func clone(t *rapid.T, r *policy.Region) *policy.Region {
	var out policy.Region
	b, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return policy.NewRegion(out.Members, out.Seats, out.Communities)
}

func drawKey[V any](t *rapid.T, label string, m map[string]V) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return rapid.SampledFrom(keys).Draw(t, label)
}

// narrow takes something away from someone.
func narrow(t *rapid.T, r *policy.Region) string {
	s := r.Seats[drawKey(t, "seat", r.Seats)]
	m := r.Members[s.Member]
	what := rapid.SampledFrom([]string{"lower ceiling", "client standing", "leave", "suspend", "revoke", "publish only", "remove member", "later start"}).Draw(t, "narrowing")
	switch what {
	case "lower ceiling":
		s.Ceiling = stix.Level(rapid.IntRange(0, int(s.Ceiling)).Draw(t, "new ceiling"))
	case "client standing":
		s.Standing = policy.Client
	case "suspend":
		m.Suspended = true
	case "revoke":
		s.Revoked = true
	case "publish only":
		s.Kind = policy.Publisher
	case "remove member":
		delete(r.Members, m.Name)
	case "leave", "later start":
		if len(r.Communities) == 0 {
			return "nothing"
		}
		c := r.Communities[drawKey(t, "community", r.Communities)]
		if p, on := c.Places[m.Name]; on && what == "later start" {
			p.Start[stix.Amber]++
			p.Start[stix.AmberStrict]++
		} else {
			delete(c.Places, m.Name)
		}
	}
	return what
}

func TestNarrowingNeverOpensAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawRegion(t)
		after := clone(t, before)
		what := narrow(t, after)
		for name, seat := range after.Seats {
			for _, s := range before.Streams() {
				was, is := before.MayRead(before.Seats[name], s), after.MayRead(seat, s)
				if is.Allowed && (!was.Allowed || is.From < was.From) {
					t.Fatalf("after %s, %s reads %v from %d; before: %+v", what, name, s, is.From, was)
				}
			}
			for _, s := range after.Readable(seat) {
				if !slices.Contains(before.Readable(before.Seats[name]), s) {
					t.Fatalf("after %s, %s may read %v", what, name, s)
				}
			}
		}
	})
}

func TestOnlyAPlaceOrBeingNamedOpensAStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRegion(t)
		for _, seat := range r.Seats {
			for _, s := range r.Readable(seat) {
				if s.Level == stix.Red {
					if s.Audience != seat.Member || seat.Ceiling != stix.Red || seat.Standing != policy.Organization {
						t.Fatalf("%+v reads %v", seat, s)
					}
					continue
				}
				if _, on := r.Communities[s.Audience].Places[seat.Member]; !on {
					t.Fatalf("%s reads %v without a place", seat.Name, s)
				}
			}
		}
	})
}

func TestJoiningOpensAmberAndAboveOnlyFromThereOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := map[stix.Level]uint64{}
		for _, l := range stix.Levels[:4] {
			last[l] = rapid.Uint64Range(0, 1<<40).Draw(t, "last of "+l.String())
		}
		history := rapid.Bool().Draw(t, "history")
		r := smallRegion()
		r.Communities["asean"].Places["us"] = policy.NewPlace(time.Time{}, last, history)
		seat := &policy.Seat{Name: "us/desk", Member: "us", Kind: policy.Both, Standing: policy.Organization, Ceiling: stix.Red}
		for _, l := range stix.Levels[:4] {
			want := uint64(1)
			if !history && l >= stix.Amber {
				want = last[l] + 1
			}
			if a := r.MayRead(seat, policy.Stream{Audience: "asean", Level: l}); a.From != want {
				t.Fatalf("%s: from %d, want %d", l, a.From, want)
			}
		}
	})
}

func TestRouteStaysWithinWhatTheOriginMayPublishTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRegion(t)
		words := append(append([]string{"nowhere", "*", ""}, memberPool...), communityPool...)
		origin := rapid.SampledFrom(words).Draw(t, "origin")
		level := stix.Level(rapid.IntRange(0, 6).Draw(t, "level"))
		to := rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "to")
		createdBy := rapid.SampledFrom([]string{"", idNo, strings.Replace(idNo, "3333", "4444", 1)}).Draw(t, "created by")
		streams, no := publish(r, origin, level, to, createdBy)
		if (no == nil) == (len(streams) == 0) {
			t.Fatalf("streams %v and refusal %v", streams, no)
		}
		if who := r.Speaker(createdBy); len(streams) > 0 && who != "" && who != origin {
			t.Fatalf("%s published what %s created", origin, who)
		}
		all := r.Streams()
		for i, s := range streams {
			if s.Level != level || !slices.Contains(all, s) || slices.Contains(streams[:i], s) {
				t.Fatalf("%v of %v at %s", s, streams, level)
			}
			if level == stix.Red {
				if !slices.Contains(to, s.Audience) {
					t.Fatalf("%v was not named in %v", s, to)
				}
				continue
			}
			if _, on := r.Communities[s.Audience].Places[origin]; !on || len(streams) != 1 {
				t.Fatalf("%s published to %v", origin, streams)
			}
		}
	})
}

func TestStreamsNeverShareANameNorTellAPrivateOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRegion(t)
		names, subjects := map[string]policy.Stream{}, map[string]policy.Stream{}
		for _, s := range r.Streams() {
			name, subject := r.Name(s), r.Subject(s, "*", "*")
			if other, taken := names[name]; taken {
				t.Fatalf("%v and %v are both %s", s, other, name)
			}
			if other, taken := subjects[subject]; taken {
				t.Fatalf("%v and %v are both %s", s, other, subject)
			}
			names[name], subjects[subject] = s, s
			if strings.Count(subject, ".") != 4 || strings.ContainsAny(name, ".*> ") {
				t.Fatalf("%s %s cannot be a stream", name, subject)
			}
			if c := r.Communities[s.Audience]; c != nil && c.Private && strings.Contains(strings.ToLower(name+subject), c.Name) {
				t.Fatalf("%s %s tell of %s", name, subject, c.Name)
			}
		}
	})
}

func TestAPrivateCommunityWithoutATokenDoesNotShowItsName(t *testing.T) {
	r := smallRegion()
	r.Communities["trust"].Token = ""
	s := policy.Stream{Audience: "trust", Level: stix.Amber}
	if got := r.Name(s) + r.Subject(s, "us", "indicator"); strings.Contains(strings.ToLower(got), "trust") {
		t.Error(got)
	}
}

func TestIndexedLookupsAnswerAsPlainOnesDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRegion(t)
		plain := &policy.Region{Members: r.Members, Seats: r.Seats, Communities: r.Communities}
		for _, m := range r.Members {
			for _, id := range append([]string{"", idSG}, m.Identities...) {
				if a, b := r.Speaker(id), plain.Speaker(id); a != b || (id == m.Identities[0] && a != m.Name) {
					t.Fatalf("%s: %q and %q", id, a, b)
				}
			}
		}
		for _, account := range []string{"", "ANOBODY"} {
			if r.SeatByAccount(account) != nil || plain.SeatByAccount(account) != nil {
				t.Fatalf("%q has a seat", account)
			}
		}
		for _, s := range r.Seats {
			if r.SeatByAccount(s.Account) != s || plain.SeatByAccount(s.Account) != s {
				t.Fatalf("%s is not found", s.Name)
			}
		}
	})
}

func TestExplainAgreesWithMayRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRegion(t)
		origin := drawKey(t, "origin", r.Members)
		level := rapid.SampledFrom(stix.Levels[:]).Draw(t, "level")
		to := rapid.SliceOfN(rapid.SampledFrom(append(communityPool, memberPool...)), 0, 3).Draw(t, "to")
		streams, _ := r.Route(origin, level, to)
		full := r.Explain(streams, true, "")
		if len(full) != len(r.Members)+len(r.Seats) {
			t.Fatalf("%d decisions", len(full))
		}
		for _, d := range full {
			if d.Seat == "" {
				continue
			}
			may := slices.ContainsFunc(streams, func(s policy.Stream) bool { return r.MayRead(r.Seats[d.Seat], s).Allowed })
			if may != d.Receives {
				t.Fatalf("%+v, but MayRead says %v", d, may)
			}
			if i := slices.IndexFunc(full, func(m policy.Decision) bool { return m.Member == d.Member && m.Seat == "" }); d.Receives && !full[i].Receives {
				t.Fatalf("%s receives, its member does not", d.Seat)
			}
		}
		for _, d := range r.Explain(streams, true, origin) {
			if d.Seat != "" || !slices.Contains(full, d) {
				t.Fatalf("%s is told %+v", origin, d)
			}
		}
		if diff := cmp.Diff(full, r.Explain(streams, true, "")); diff != "" {
			t.Fatal(diff)
		}
	})
}
