package broker_test

import (
	"fmt"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A narrowing leaves the earlier version to who may hold the stricter level, though
// the stricter version goes to others.
func TestWhoKeptANarrowedVersionIsToldOfWhatComesAfter(t *testing.T) {
	first := indicator(1, stix.Green)
	again := func(level stix.Level, at string) string { return version(indicator(1, level), at) }
	for name, c := range map[string]struct {
		then func(t *testing.T, h *testHub, sg *seat) // after the narrowing
		told int
	}{
		"a recall of all": {func(t *testing.T, h *testHub, sg *seat) {
			for range 2 { // the second says what the first said
				_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), Reason: "a mistake"})
				must(t, err)
			}
		}, 1},
		"a recall of that version": {func(t *testing.T, h *testHub, sg *seat) {
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), Version: "2026-01-01T00:00:00.000Z", Reason: "a mistake"})
			must(t, err)
		}, 1},
		"a recall from its audience": {func(t *testing.T, h *testHub, sg *seat) {
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), From: "region", Reason: "a mistake"})
			must(t, err)
		}, 1},
		"nothing of a version that there was not": {func(t *testing.T, h *testHub, sg *seat) {
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), Version: "2025-01-01T00:00:00.000Z", Reason: "a mistake"})
			if codeOf(err) != "not-found" {
				t.Errorf("the answer is %v", err)
			}
		}, 0},
		"nothing of an audience that it is not in": {func(t *testing.T, h *testHub, sg *seat) {
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), From: "asean", Reason: "a mistake"})
			must(t, err)
		}, 0},
		"a narrowing further": {func(t *testing.T, h *testHub, sg *seat) {
			if r := sg.submit(bundle(again(stix.AmberStrict, "2026-03-01T00:00:00.000Z")), "asean"); r.Accepted != 1 {
				t.Errorf("%+v", r)
			}
		}, 1},
		"one to RED, which tells of no other version": {func(t *testing.T, h *testHub, sg *seat) {
			if r := sg.submit(bundle(again(stix.Red, "2026-03-01T00:00:00.000Z")), "my"); r.Accepted != 1 {
				t.Errorf("%+v", r)
			}
		}, 1},
		"one to RED, and nothing of its recall": {func(t *testing.T, h *testHub, sg *seat) {
			if r := sg.submit(bundle(again(stix.Red, "2026-03-01T00:00:00.000Z")), "my"); r.Accepted != 1 {
				t.Errorf("%+v", r)
			}
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, first), Reason: "a mistake"})
			must(t, err)
		}, 1},
		"nothing of a later one that is no stricter": {func(t *testing.T, h *testHub, sg *seat) {
			if r := sg.submit(bundle(again(stix.Amber, "2026-03-01T00:00:00.000Z")), "asean"); r.Accepted != 1 {
				t.Errorf("%+v", r)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t)
			sg := h.seat("sg/red", policy.Both, stix.Red)
			us := h.seat("us/desk", policy.Subscriber, stix.Amber)
			kh := h.seat("kh/desk", policy.Subscriber, stix.Green) // it forgets at once, and is told no more
			sg.submit(bundle(first), "region")
			us.drain()
			sg.submit(bundle(again(stix.Amber, "2026-02-01T00:00:00.000Z")), "asean")
			for _, s := range []*seat{us, kh} {
				if got := s.orders(); len(got) != 1 {
					t.Fatalf("of the narrowing it is told %+v", got)
				}
			}
			c.then(t, h, sg)
			got := us.orders()
			if len(got) != c.told {
				t.Errorf("it is told of %d orders, not %d: %+v", len(got), c.told, got)
			}
			for _, o := range append(got, kh.orders()...) {
				if o.Version > "2026-01-02" || o.Before > "2026-01-02" || o.Audience == "asean" {
					t.Errorf("it learns of what is not for it: %+v", o)
				}
			}
			must(t, h.Close())
			h.start()
			h.agrees()
		})
	}
}

func TestANarrowingTakesNothingThatComesAfterWhatItTook(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	my := h.seat("my/desk", policy.Subscriber, stix.Amber)
	at := func(level stix.Level, micros string) string {
		return version(indicator(1, level), "2026-02-01T00:00:00."+micros+"Z")
	}
	for _, o := range []string{at(stix.Green, "0001"), at(stix.Amber, "0002"), at(stix.Green, "0003")} {
		if r := sg.submit(bundle(o), "asean"); r.Accepted != 1 {
			t.Fatalf("%+v", r.Objects)
		}
	}
	orders := my.orders()
	if len(orders) != 1 {
		t.Fatalf("%+v", orders)
	}
	covers := func(micros string) bool {
		return client.Covers(&orders[0], &client.Delivery{Origin: "sg", ID: orders[0].ID, Audience: "asean", Level: stix.Green, Version: "2026-02-01T00:00:00." + micros + "Z"})
	}
	if !covers("0001") || covers("0003") {
		t.Errorf("before %s the first is covered (%t), or the third is", orders[0].Before, covers("0001"))
	}
}

func TestOfWhatHasNoVersionsNoFormTakesAnotherAway(t *testing.T) {
	form := func(level stix.Level, n int) string {
		return fmt.Sprintf(`{"type":"domain-name","spec_version":"2.1","id":"domain-name--00000000-0000-4000-8000-000000000001","value":"bad.example","x_n":%d,"object_marking_refs":[%q]}`, n, marks[level])
	}
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	my := h.seat("my/desk", policy.Subscriber, stix.Amber)
	for n := range 8 { // their hashes come in any order
		if r := sg.submit(bundle(form(stix.Green, n)), "region"); r.Accepted != 1 {
			t.Fatalf("%+v", r.Objects)
		}
		if r := sg.submit(bundle(form(stix.Amber, n)), "asean"); r.Accepted != 1 {
			t.Fatalf("%+v", r.Objects)
		}
	}
	if got := my.orders(); len(got) != 0 {
		t.Errorf("orders were given: %+v", got)
	}
	if got := my.drain(); len(got["CTI_REGION_GREEN"]) != 8 || len(got["CTI_ASEAN_AMBER"]) != 8 {
		t.Errorf("it receives %d and %d", len(got["CTI_REGION_GREEN"]), len(got["CTI_ASEAN_AMBER"]))
	}
}
