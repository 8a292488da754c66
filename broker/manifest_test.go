package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// manifest asks for all pages of a stream, as a seat does.
func (s *seat) manifest(audience string, level stix.Level, limit int) []api.ManifestObject {
	s.t.Helper()
	var out []api.ManifestObject
	for q := (api.ManifestRequest{Audience: audience, Level: level, Limit: limit}); ; {
		got := ask[api.Manifest](s, api.SubjectManifest, q)
		if limit > 0 && len(got.Objects) > limit {
			s.t.Fatalf("a page of at most %d has %d objects", limit, len(got.Objects))
		}
		out = append(out, got.Objects...)
		if !got.More {
			return out
		}
		q.After = got.Next
	}
}

func TestAManifestListsEveryVersionWhereItsReceiptSaysItIs(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	const address = `{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--00000000-0000-4000-8000-000000000001","value":"192.0.2.1","x_n":%d}`
	var want []api.ManifestObject
	publish := func(objects ...string) {
		r := sg.submit(bundle(objects...), "asean", api.HeaderUnmarked, "green")
		if r.Accepted != len(objects) {
			t.Fatalf("%+v", r)
		}
		for _, o := range r.Objects {
			want = append(want, api.ManifestObject{Origin: "sg", ID: o.ID, Version: o.Version, Sequence: o.Sequence, Index: o.Index, Added: o.Added})
		}
	}
	publish(indicator(1, stix.Green), indicator(2, stix.Green), indicator(3, stix.Green))
	publish(version(indicator(1, stix.Green), "2026-02-02T00:00:00.000Z"), fmt.Sprintf(address, 1))
	publish(fmt.Sprintf(address, 2))
	check := func() {
		t.Helper()
		slices.SortFunc(want, func(a, b api.ManifestObject) int { return strings.Compare(a.Added, b.Added) })
		for _, limit := range []int{0, 1, 4} {
			if diff := cmp.Diff(want, sg.manifest("asean", stix.Green, limit)); diff != "" {
				t.Errorf("pages of %d: %s", limit, diff)
			}
		}
	}
	check()
	ask[api.Recalled](sg, api.SubjectRecall, api.RecallRequest{ID: idOf(t, indicator(2, stix.Green)), Reason: "wrong"})
	neighbours := map[uint64]int{} // by message: the hub may have stored the first in one of its own
	for _, o := range want {
		neighbours[o.Sequence]++
	}
	recalled := slices.IndexFunc(want, func(o api.ManifestObject) bool { return o.ID == idOf(t, indicator(2, stix.Green)) })
	beside := neighbours[want[recalled].Sequence] - 1
	want = slices.Delete(want, recalled, recalled+1)
	moved := 0
	for _, o := range sg.manifest("asean", stix.Green, 0) {
		if o.Message != 0 {
			moved++
		}
		for i := range want {
			if want[i].Added == o.Added {
				want[i].Message = o.Message
			}
		}
	}
	if moved != beside {
		t.Errorf("%d neighbours of what was recalled have moved, not %d", moved, beside)
	}
	check()
}

func TestAManifestToldToASeatIsOfWhatItMayReadAndNothingElseExists(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Red)
	my := h.seat("my/desk", policy.Subscriber, stix.Amber)
	isp := h.seat("my/isp", policy.Subscriber, stix.Green, func(s *policy.Seat) { s.Standing, s.FilterOrigin = policy.Client, "th" })
	pub := h.seat("th/pub", policy.Publisher, stix.Green)
	expect(t, "green", sg.submit(bundle(indicator(1, stix.Green)), "asean"), "accepted green asean")
	expect(t, "strict", sg.submit(bundle(indicator(2, stix.AmberStrict)), "asean"), "accepted amber-strict asean")
	expect(t, "red", sg.submit(bundle(indicator(3, stix.Red)), "my"), "accepted red my")
	expect(t, "relayed", pub.submit(bundle(indicator(4, stix.Green)), "asean"), "accepted green asean")
	for _, c := range []struct {
		name     string
		who      *seat
		audience string
		level    stix.Level
		want     int // objects; -1 is not-found
	}{
		{"what it may read", my, "asean", stix.Green, 2},
		{"a stream without objects", my, "region", stix.Clear, 0},
		{"of one origin, as the seat was made", isp, "asean", stix.Green, 1},
		{"above its ceiling", my, "asean", stix.AmberStrict, -1},
		{"its member's RED above its ceiling", my, "my", stix.Red, -1},
		{"RED of another", sg, "my", stix.Red, -1},
		{"an audience that is none", sg, "nowhere", stix.Clear, -1},
		{"no level", sg, "asean", stix.NoLevel, -1},
		{"one it only publishes to", pub, "asean", stix.Green, -1},
	} {
		got, err := h.Manifest(t.Context(), c.who.account, api.ManifestRequest{Audience: c.audience, Level: c.level})
		var refused *api.Error
		switch {
		case c.want < 0:
			if !errors.As(err, &refused) || *refused != (api.Error{Code: "not-found", Message: "there is no such collection for this seat"}) || len(got.Objects) > 0 {
				t.Errorf("%s: %v, %+v", c.name, err, got)
			}
		case err != nil || len(got.Objects) != c.want:
			t.Errorf("%s: %d objects, not %d (%v)", c.name, len(got.Objects), c.want, err)
		}
	}
	for name, q := range map[string]api.ManifestRequest{
		"too many at once":      {Audience: "asean", Level: stix.Green, Limit: api.ManifestLimit + 1},
		"fewer than none":       {Audience: "asean", Level: stix.Green, Limit: -1},
		"after what is no time": {Audience: "asean", Level: stix.Green, After: "7"},
	} {
		if _, err := h.Manifest(t.Context(), my.account, q); err == nil || !strings.Contains(err.Error(), "invalid") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A start position and a change of rights hold here as for all reading.
	must(t, h.Leave(t.Context(), "asean", "my"))
	must(t, h.Join(t.Context(), "asean", "my", false))
	expect(t, "before", sg.submit(bundle(indicator(5, stix.Amber)), "asean"), "accepted amber asean")
	if got := my.manifest("asean", stix.Amber, 0); len(got) != 1 {
		t.Errorf("of AMBER a newcomer is told %d objects, not what came since", len(got))
	}
	must(t, h.SetCeiling(t.Context(), "my/desk", stix.Green))
	if _, err := h.Manifest(t.Context(), my.account, api.ManifestRequest{Audience: "asean", Level: stix.Amber}); err == nil {
		t.Error("a lowered ceiling changes nothing")
	}
}
