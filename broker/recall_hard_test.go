package broker_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestARecallThatCannotBeCarriedOutIsNotAnsweredAsDoneEvenWhenOrderedAgain(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	o, other := indicator(1, stix.Clear), indicator(2, stix.Green)
	sg.submit(bundle(o, other), "region")
	h.cannotErase("CTI_REGION_CLEAR")
	for range 2 {
		if _, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, o), Reason: "a mistake"}); codeOf(err) != "unfinished" {
			t.Errorf("the answer is %v", err)
		}
	}
	if h.Ready() == nil {
		t.Error("the hub says that it is ready")
	}
	if r := sg.submit(bundle(o), "region"); r.Refused != 1 {
		t.Errorf("it is taken again: %+v", r)
	}
	// Another is carried out all the same.
	if _, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, other), Reason: "a mistake"}); err != nil {
		t.Error(err)
	}
}

func TestAMessageThatTheStoreLostKeepsNoRecallAndNoHubFromGoingOn(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	o := indicator(1, stix.Clear)
	r := sg.submit(bundle(o), "region")
	sg.submit(bundle(indicator(2, stix.Clear)), "region")
	s, err := h.Stores().Stream(t.Context(), "CTI_REGION_CLEAR")
	must(t, err)
	must(t, s.DeleteMsg(t.Context(), r.Objects[0].Sequence))
	if _, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, o), Reason: "a mistake"}); err != nil {
		t.Error(err)
	}
	must(t, h.Close())
	h.start()
	must(t, h.Ready())
	h.agrees()
}

// A write that was given up got through: nobody knows of it when the recall is
// ordered.
func TestARecallReachesAWriteThatWasGivenUp(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	my := h.seat("my/desk", policy.Subscriber, stix.Green)
	o := indicator(1, stix.Clear)
	sg.submit(bundle(o), "asean")
	s, err := h.Stores().Stream(t.Context(), "CTI_ASEAN_CLEAR")
	must(t, err)
	raw, err := s.GetMsg(t.Context(), 1)
	must(t, err)
	m := nats.NewMsg(strings.Replace(raw.Subject, ".asean.", ".region.", 1))
	m.Data = raw.Data
	for k, v := range raw.Header {
		if strings.HasPrefix(k, "Selat-") {
			m.Header[k] = v
		}
	}
	m.Header.Set(api.HeaderAudience, "region")
	my.drain()
	_, err = h.Stores().PublishMsg(t.Context(), m)
	must(t, err)
	h.GiveUp("CTI_REGION_CLEAR")
	done, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, o), Reason: "a mistake"})
	must(t, err)
	if got := my.drain()["CTI_REGION_CLEAR"]; done.Places != 2 || len(got) > 0 {
		t.Errorf("%+v; a seat received %d objects after it", done, len(got))
	}
}

// Who holds an object learns that it is withdrawn, and not that there is a version
// which is RED, nor who has that.
func TestAVersionThatIsRedWithdrawsTheOthersWithoutTellingOfItself(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/red", policy.Both, stix.Red)
	low := h.seat("sg/feed", policy.Both, stix.Green)
	my := h.seat("my/desk", policy.Subscriber, stix.Red)
	o := indicator(1, stix.Green)
	second := version(o, "2026-02-01T00:00:00.000Z")
	low.submit(bundle(o, second), "region")
	my.drain()
	red := version(indicator(1, stix.Red), "2026-03-01T00:00:00.000Z")
	if r := sg.submit(bundle(red), "my,th"); r.Accepted != 2 {
		t.Fatalf("%+v", r)
	}
	orders := my.orders()
	if len(orders) != 2 {
		t.Fatalf("my is told %+v", orders)
	}
	for i, want := range []string{"2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"} {
		if x := orders[i]; stix.Instant(x.Version) != stix.Instant(want) || x.Before != "" || x.Unless != stix.NoLevel || strings.Contains(x.Reason, "strict") {
			t.Errorf("it is told %+v", x)
		}
	}
	if st := ask[api.RecallStatuses](low, api.SubjectRecallStatus, api.RecallStatusRequest{ID: idOf(t, o)}); len(st.Recalls) != 0 {
		t.Errorf("a seat below RED is told of it: %+v", st)
	}
	if got := h.read(my.account, "my-red", 10); len(got) != 1 || got[0] != red {
		t.Errorf("the new version: %q", got)
	}
}

func TestASeatTakesNothingAwayThatItMayNotKnow(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/red", policy.Both, stix.Red)
	client := h.seat("sg/isp", policy.Both, stix.Green, func(s *policy.Seat) { s.Standing = policy.Client })
	o := indicator(1, stix.AmberStrict)
	if r := sg.submit(bundle(o), "asean"); r.Accepted != 1 {
		t.Fatal(r)
	}
	r := client.submit(bundle(version(indicator(1, stix.Red), "2026-03-01T00:00:00.000Z")), "sg")
	if r.Refused != 1 || r.Objects[0].Findings[0].Code != "conflict" {
		t.Errorf("%+v", r)
	}
	if got := h.read(sg.account, "asean-amber-strict", 10); len(got) != 1 {
		t.Error("it was taken away")
	}
}

// cannotErase stands for whatever keeps the engine from erasing.
func (h *testHub) cannotErase(stream string) {
	h.t.Helper()
	s, err := h.Stores().Stream(h.t.Context(), stream)
	must(h.t, err)
	cfg := s.CachedInfo().Config
	cfg.DenyDelete = true
	_, err = h.Stores().UpdateStream(h.t.Context(), cfg)
	must(h.t, err)
}

func TestAStricterVersionIsNotTakenWhileAnEarlierOneIsStillDelivered(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	my := h.seat("my/desk", policy.Subscriber, stix.Clear)
	second := version(indicator(1, stix.Amber), "2026-02-02T00:00:00.000Z")
	sg.submit(bundle(indicator(1, stix.Clear)), "asean")
	h.cannotErase("CTI_ASEAN_CLEAR")
	for range 3 {
		if r := sg.submit(bundle(second), "asean"); r.Refused != 1 || r.Objects[0].Findings[0].Code != "unavailable" {
			t.Errorf("a seat receives %d earlier ones, and it is told %+v", len(my.drain()["CTI_ASEAN_CLEAR"]), r.Objects)
		}
	}
	// Nor is another order about it said to be carried out, or to have nothing to do.
	_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, second), From: "asean", Reason: "a mistake"})
	if codeOf(err) != "unfinished" {
		t.Errorf("a recall is answered %v", err)
	}
}

func TestWhoJoinsWhileARecallIsUnfinishedIsTold(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	us := h.seat("us/desk", policy.Subscriber, stix.Amber)
	o := indicator(1, stix.Clear)
	sg.submit(bundle(o), "asean")
	h.cannotErase("CTI_ASEAN_CLEAR")
	again := func() {
		t.Helper()
		if _, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, o), Reason: "a mistake"}); codeOf(err) != "unfinished" {
			t.Fatal(err)
		}
	}
	again()
	must(t, h.Join(t.Context(), "asean", "us", false))
	if len(us.drain()["CTI_ASEAN_CLEAR"]) == 0 {
		t.Fatal("it is gone: nothing is tested")
	}
	again()
	if len(us.orders()) == 0 {
		t.Error("us received it and is told of nothing")
	}
}

func TestAnOrderIsSaidToStandWhenItIsOnDiskAndIsOneHoweverOftenItIsTried(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	o := indicator(1, stix.Green)
	sg.submit(bundle(o, indicator(2, stix.Green)), "region")
	s, err := h.Stores().Stream(t.Context(), "RECALLS")
	must(t, err)
	was := s.CachedInfo().Config
	cfg := was
	cfg.MaxMsgSize = 1 // stands for whatever keeps the store from writing
	_, err = h.Stores().UpdateStream(t.Context(), cfg)
	must(t, err)
	recall := func() error {
		_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: idOf(t, o), Reason: "a mistake"})
		return err
	}
	for range 5 {
		if code := codeOf(recall()); code != "unavailable" {
			t.Errorf("the answer is %q", code)
		}
		if r := sg.submit(bundle(version(indicator(2, stix.Amber), "2026-02-02T00:00:00.000Z")), "asean"); r.Refused != 1 {
			t.Errorf("a narrowing that cannot be written down: %+v", r)
		}
	}
	_, err = h.Stores().UpdateStream(t.Context(), was)
	must(t, err)
	must(t, recall())
	if n := len(ask[api.RecallStatuses](sg, api.SubjectRecallStatus, api.RecallStatusRequest{ID: idOf(t, o)}).Recalls); n != 1 {
		t.Errorf("six tries are %d orders", n)
	}
	h.agrees()
}
