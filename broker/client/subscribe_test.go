package client_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// publish submits objects to a community and fails unless all are stored.
func publish(t testing.TB, c *client.Client, to string, objects ...string) *api.Receipt {
	t.Helper()
	r, err := c.Submit(t.Context(), bundle(objects...), client.SubmitOptions{To: []string{to}})
	must(t, err)
	if r.Refused > 0 || r.Error != nil {
		t.Fatalf("refused: %+v", r)
	}
	return r
}

func TestObjectsArriveOnceWithTheirBytesAndTheirAddress(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	r := publish(t, sg, "asean", indicator(1, stix.Clear), indicator(2, stix.Amber), indicator(3, stix.Amber))

	box := newInbox()
	must(t, my.Subscribe(t.Context(), box.handle, client.SubscribeOptions{StateDir: t.TempDir(), Idle: 200 * time.Millisecond}))
	got := box.all()
	slices.SortFunc(got, func(a, b client.Delivery) int {
		return len(a.ID) - len(b.ID) + int(a.ID[len(a.ID)-1]) - int(b.ID[len(b.ID)-1])
	})
	if len(got) != 3 {
		t.Fatalf("%d deliveries, want 3", len(got))
	}
	for i, d := range got {
		want := r.Objects[i]
		level := []stix.Level{stix.Clear, stix.Amber, stix.Amber}[i]
		if string(d.Object) != indicator(i+1, level) || d.ID != want.ID || d.Version != want.Version || d.Type != "indicator" {
			t.Errorf("object %d came as %s", i, d.Object)
		}
		if d.Stream != want.Stream || d.Sequence != want.Sequence || d.Index != want.Index || d.Added.Format("2006-01-02T15:04:05.000000Z") != want.Added {
			t.Errorf("object %d came from %s/%d/%d at %s, its receipt says %+v", i, d.Stream, d.Sequence, d.Index, d.Added, want)
		}
		if d.Origin != "sg" || d.Audience != "asean" || d.Level != level || d.Redelivered || d.Unmarked {
			t.Errorf("object %d came as %+v", i, d)
		}
	}
}

func TestARestartNeitherRepeatsNorMisses(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	state := t.TempDir()
	var want, got []string
	for round := range 4 {
		var objects []string
		for i := range 50 {
			n := round*50 + i
			objects = append(objects, indicator(n, stix.Amber))
			want = append(want, indicatorID(n))
		}
		publish(t, sg, "asean", objects...)
		// Each run stops in the middle of a message, by itself.
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		must(t, my.Subscribe(ctx, func(_ context.Context, d client.Delivery) error {
			got = append(got, d.ID)
			if d.Redelivered {
				t.Errorf("%s is said to have been handled before", d.ID)
			}
			if n++; n == 30 {
				cancel()
			}
			return nil
		}, client.SubscribeOptions{StateDir: state}))
		cancel()
		if n != 30 {
			t.Fatalf("the handler was called %d times, 30 before it was stopped", n)
		}
	}
	must(t, my.Subscribe(t.Context(), func(_ context.Context, d client.Delivery) error {
		got = append(got, d.ID)
		return nil
	}, client.SubscribeOptions{StateDir: state, Idle: 200 * time.Millisecond}))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d objects came, want %d, each once", len(got), len(want))
	}
}

func TestAnObjectInTwoAudiencesComesOnceUnlessEachPlaceIsWanted(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	creds := h.creds("my/feed", policy.Subscriber, stix.Amber)
	publish(t, sg, "asean", indicator(1, stix.Green))
	publish(t, sg, "drill", indicator(1, stix.Green))
	for _, c := range []struct {
		every bool
		want  int
	}{{false, 1}, {true, 2}} {
		box := newInbox()
		must(t, connect(t, creds).Subscribe(t.Context(), box.handle, client.SubscribeOptions{
			StateDir: t.TempDir(), EveryPlace: c.every, Replay: []client.Start{{All: true}}, Idle: 200 * time.Millisecond}))
		if n := len(box.all()); n != c.want {
			t.Errorf("every place %v: %d deliveries, want %d", c.every, n, c.want)
		}
	}
}

func TestAFailingHandlerHasItsObjectAgainAndOthersGoOn(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green), indicator(2, stix.Green), indicator(3, stix.Green))
	calls := map[string]int{}
	must(t, my.Subscribe(t.Context(), func(_ context.Context, d client.Delivery) error {
		calls[d.ID]++
		if d.Redelivered != (calls[d.ID] > 1) {
			t.Errorf("call %d of %s: Redelivered is %v", calls[d.ID], d.ID, d.Redelivered)
		}
		if d.ID == indicatorID(2) && calls[d.ID] < 2 {
			return errors.New("the disk is full")
		}
		return nil
	}, client.SubscribeOptions{StateDir: t.TempDir(), Idle: 300 * time.Millisecond}))
	want := map[string]int{indicatorID(1): 1, indicatorID(2): 2, indicatorID(3): 1}
	for id, n := range want {
		if calls[id] != n {
			t.Errorf("%s was handled %d times, want %d", id, calls[id], n)
		}
	}
}

func TestSinceHoldsOnlyAtTheFirstStart(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green))
	r := publish(t, sg, "asean", indicator(2, stix.Green))
	later, err := time.Parse(time.RFC3339Nano, r.Objects[0].Added)
	must(t, err)
	state := t.TempDir()
	run := func(o client.SubscribeOptions) []string {
		t.Helper()
		box := newInbox()
		o.StateDir, o.Idle = state, 200*time.Millisecond
		must(t, my.Subscribe(t.Context(), box.handle, o))
		return box.ids()
	}
	if got := run(client.SubscribeOptions{Since: client.Start{Time: later}}); !slices.Equal(got, []string{indicatorID(2)}) {
		t.Errorf("the first start, since the second object, received %v", got)
	}
	publish(t, sg, "asean", indicator(3, stix.Green))
	if got := run(client.SubscribeOptions{Since: client.Start{All: true}}); !slices.Equal(got, []string{indicatorID(3)}) {
		t.Errorf("the second start received %v, want only what is new", got)
	}
	if got := run(client.SubscribeOptions{Replay: []client.Start{{All: true}}}); !slices.Equal(got, []string{indicatorID(1), indicatorID(2), indicatorID(3)}) {
		t.Errorf("a replay received %v, want everything", got)
	}
	if got := run(client.SubscribeOptions{Replay: []client.Start{{Stream: r.Objects[0].Stream, Sequence: r.Objects[0].Sequence}}}); !slices.Equal(got, []string{indicatorID(2), indicatorID(3)}) {
		t.Errorf("a replay from the second object received %v", got)
	}
}

func TestAReplayPassesOverWhatItCannotGoBackTo(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	green := publish(t, sg, "asean", indicator(1, stix.Green)).Objects[0].Stream
	clear := publish(t, sg, "asean", indicator(2, stix.Clear)).Objects[0].Stream
	state := t.TempDir()
	run := func(o client.SubscribeOptions) ([]string, error) {
		box := newInbox()
		o.StateDir, o.Idle = state, 200*time.Millisecond
		err := my.Subscribe(t.Context(), box.handle, o)
		return slices.Sorted(slices.Values(box.ids())), err
	}
	all := []string{indicatorID(1), indicatorID(2)}
	if got, err := run(client.SubscribeOptions{}); err != nil || !slices.Equal(got, all) {
		t.Errorf("at first it received %v (%v)", got, err)
	}
	lost := client.Start{Stream: "CTI_LOST_GREEN", Sequence: 1}
	for name, replay := range map[string][]client.Start{
		"all of them": {{Stream: green, Sequence: 1}, {Stream: clear, Sequence: 1}},
		"one between": {{Stream: green, Sequence: 1}, lost, {Stream: clear, Sequence: 1}},
		"the last":    {{Stream: green, Sequence: 1}, {Stream: clear, Sequence: 1}, lost},
	} {
		if got, err := run(client.SubscribeOptions{Replay: replay}); err != nil || !slices.Equal(got, all) {
			t.Errorf("%s: it received %v (%v)", name, got, err)
		}
	}
	if got, err := run(client.SubscribeOptions{Replay: []client.Start{lost}}); !errors.Is(err, client.ErrNotReplayed) || len(got) > 0 {
		t.Errorf("with nothing to go back to it received %v (%v)", got, err)
	}
	if got, err := run(client.SubscribeOptions{}); err != nil || len(got) > 0 {
		t.Errorf("and then %v (%v)", got, err)
	}
}

func TestTypesAndOriginsSelectAtTheClient(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	th := connect(t, h.creds("th/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	note := `{"type":"note","spec_version":"2.1","id":"note--00000000-0000-4000-8000-000000000001","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","content":"x","object_refs":["` + indicatorID(1) + `"],"object_marking_refs":["` + marks[stix.Green] + `"]}`
	publish(t, sg, "asean", indicator(1, stix.Green), note)
	publish(t, th, "asean", indicator(2, stix.Green))
	box := newInbox()
	must(t, my.Subscribe(t.Context(), box.handle, client.SubscribeOptions{Types: []string{"indicator"}, Origins: []string{"sg"}, Idle: 200 * time.Millisecond}))
	if got := box.ids(); !slices.Equal(got, []string{indicatorID(1)}) {
		t.Errorf("received %v", got)
	}
}

func TestASubscriptionFollowsTheRightsOfItsSeat(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Green))
	box := newInbox()
	background(t, my, box.handle, client.SubscribeOptions{StateDir: t.TempDir(), Refresh: 50 * time.Millisecond})
	publish(t, sg, "asean", indicator(1, stix.Amber), indicator(2, stix.Green))
	box.wait(t, 1)
	must(t, h.SetCeiling(t.Context(), "my/feed", stix.Amber))
	publish(t, sg, "asean", indicator(3, stix.Amber))
	box.wait(t, 2)
	// Narrowed, it loses AMBER and goes on with GREEN.
	must(t, h.SetCeiling(t.Context(), "my/feed", stix.Green))
	publish(t, sg, "asean", indicator(4, stix.Amber), indicator(5, stix.Green))
	box.wait(t, 3)
	got := box.ids()
	if slices.Contains(got, indicatorID(4)) || !slices.Contains(got, indicatorID(5)) {
		t.Errorf("received %v", got)
	}
}

func TestASubscriptionGoesOnWhenTheHubRestarts(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Green))
	box := newInbox()
	background(t, my, box.handle, client.SubscribeOptions{StateDir: t.TempDir(), Refresh: time.Second})
	publish(t, sg, "asean", indicator(1, stix.Green))
	box.wait(t, 1)
	must(t, h.Close())
	h.start()
	publish(t, sg, "asean", indicator(2, stix.Green))
	box.wait(t, 2)
	if got := box.ids(); !slices.Equal(got, []string{indicatorID(1), indicatorID(2)}) {
		t.Errorf("received %v", got)
	}
}

func TestASeatThatOnlyPublishesIsToldSo(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	if err := sg.Subscribe(t.Context(), newInbox().handle, client.SubscribeOptions{}); err == nil || !strings.Contains(err.Error(), "only publishes") {
		t.Errorf("subscribed with %v", err)
	}
}

func TestTwoSubscriptionsDoNotShareAStateFolder(t *testing.T) {
	h := newHub(t)
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Green))
	state := filepath.Join(t.TempDir(), "state")
	sg := connect(t, h.creds("sg/feed", policy.Publisher, stix.Green))
	box := newInbox()
	background(t, my, box.handle, client.SubscribeOptions{StateDir: state})
	publish(t, sg, "asean", indicator(1, stix.Green))
	box.wait(t, 1)
	if err := my.Subscribe(t.Context(), box.handle, client.SubscribeOptions{StateDir: state}); !errors.Is(err, client.ErrStateInUse) {
		t.Errorf("a second subscription: %v", err)
	}
}
