package client_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// events gathers what a subscription is told, in order.
type events struct {
	mu  sync.Mutex
	got []string
	add chan struct{}
}

func newEvents() *events { return &events{add: make(chan struct{}, 1)} }

func (e *events) note(what string) {
	e.mu.Lock()
	e.got = append(e.got, what)
	e.mu.Unlock()
	select {
	case e.add <- struct{}{}:
	default:
	}
}

func (e *events) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

func (e *events) wait(t testing.TB, what string) {
	t.Helper()
	for !slices.Contains(e.all(), what) {
		select {
		case <-e.add:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s did not come within 30 s, but %v", what, e.all())
		}
	}
}

func (e *events) object(_ context.Context, d client.Delivery) error {
	e.note("object " + d.ID)
	return nil
}

func (e *events) recall(_ context.Context, o api.RecallOrder) error {
	e.note("recall " + o.ID)
	return nil
}

func recall(t testing.TB, c *client.Client, id string) {
	t.Helper()
	r, err := c.Recall(t.Context(), api.RecallRequest{ID: id, Reason: "a mistake"})
	must(t, err)
	if r.Recall == "" || r.Places == 0 {
		t.Fatalf("recalled %+v", r)
	}
}

// later is the object's next version.
func later(object string) string {
	return strings.Replace(object, `"modified":"2026-01-01T00:00:00.000Z"`, `"modified":"2026-02-01T00:00:00.000Z"`, 1)
}

// acknowledged reports how many seats follow the newest recall, and have
// acknowledged it.
func acknowledged(t testing.TB, c *client.Client, id string) (seats, done int) {
	t.Helper()
	st, err := c.RecallStatus(t.Context(), id)
	must(t, err)
	if len(st.Recalls) == 0 {
		t.Fatal("there is no recall")
	}
	for _, m := range st.Recalls[0].Members {
		seats, done = seats+m.Seats, done+m.Acknowledged
	}
	return seats, done
}

func TestARecallReachesTheHandlerAfterItsObjectAndIsAcknowledged(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green), indicator(2, stix.Green))
	got := newEvents()
	stop := background(t, my, got.object, client.SubscribeOptions{StateDir: t.TempDir(), OnRecall: got.recall, Refresh: 50 * time.Millisecond})
	got.wait(t, "object "+indicatorID(2))
	recall(t, sg, indicatorID(1))
	got.wait(t, "recall "+indicatorID(1))
	must(t, stop())
	if seats, done := acknowledged(t, sg, indicatorID(1)); seats != 1 || done != 1 {
		t.Errorf("%d of %d seats have acknowledged", done, seats)
	}
}

func TestASeatThatWasAwayHasTheOrderAndNeverTheObjectAlone(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	state := t.TempDir()
	got := newEvents()
	run := func(o client.SubscribeOptions) {
		t.Helper()
		o.StateDir, o.OnRecall, o.Idle = state, got.recall, 200*time.Millisecond
		must(t, my.Subscribe(t.Context(), got.object, o))
	}
	publish(t, sg, "asean", indicator(1, stix.Amber), indicator(2, stix.Amber))
	run(client.SubscribeOptions{})
	publish(t, sg, "asean", indicator(3, stix.Amber), indicator(4, stix.Amber), indicator(5, stix.Amber))
	recall(t, sg, indicatorID(1)) // which it had
	recall(t, sg, indicatorID(4)) // which it had not
	had := len(got.all())
	run(client.SubscribeOptions{})
	since := got.all()[had:]
	if len(since) != 4 || since[0] != "recall "+indicatorID(1) || since[1] != "recall "+indicatorID(4) {
		t.Errorf("it received %v, want both orders first", since)
	}
	if slices.Contains(since, "object "+indicatorID(4)) {
		t.Error("it received what was recalled")
	}
	had = len(got.all())
	run(client.SubscribeOptions{Replay: []client.Start{{All: true}}})
	again := got.all()[had:]
	slices.Sort(again)
	if want := []string{"object " + indicatorID(2), "object " + indicatorID(3), "object " + indicatorID(5)}; !slices.Equal(again, want) {
		t.Errorf("a replay received %v, want %v", again, want)
	}
}

// arrivals is a log that tells when an order has arrived.
type arrivals struct {
	slog.Handler
	orders chan struct{}
}

func (*arrivals) Enabled(context.Context, slog.Level) bool { return true }

func (a *arrivals) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "an order to forget an object has arrived" {
		select {
		case a.orders <- struct{}{}:
		default:
		}
	}
	return nil
}

func TestWhatIsRecalledInTheMiddleOfAMessageIsNotHandedOver(t *testing.T) {
	for name, handled := range map[string]bool{"with a handler of orders": true, "without one": false} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
			arrived := &arrivals{slog.DiscardHandler, make(chan struct{}, 1)}
			my, err := client.Connect(t.Context(), client.Options{CredsFile: h.creds("my/feed", policy.Subscriber, stix.Amber), Logger: slog.New(arrived)})
			must(t, err)
			t.Cleanup(my.Close)
			publish(t, sg, "asean", indicator(1, stix.Green), indicator(2, stix.Green), indicator(3, stix.Green))
			got := newEvents()
			o := client.SubscribeOptions{StateDir: t.TempDir(), Idle: 300 * time.Millisecond}
			if handled {
				o.OnRecall = got.recall
			}
			must(t, my.Subscribe(t.Context(), func(ctx context.Context, d client.Delivery) error {
				if d.ID == indicatorID(1) {
					recall(t, sg, indicatorID(2))
					<-arrived.orders
				}
				return got.object(ctx, d)
			}, o))
			want := []string{"object " + indicatorID(1), "object " + indicatorID(3)}
			if handled {
				want = append(want, "recall "+indicatorID(2))
			}
			// The hub may have stored the first in a message of its own, and then the order
			// is handled before the third.
			have := slices.Sorted(slices.Values(got.all()))
			if !slices.Equal(have, want) {
				t.Errorf("it received %v, want %v", have, want)
			}
		})
	}
}

func TestAnOrderWhoseHandlerFailsComesAgain(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green))
	state, calls := t.TempDir(), 0
	got := newEvents()
	must(t, my.Subscribe(t.Context(), got.object, client.SubscribeOptions{StateDir: state, Idle: 200 * time.Millisecond}))
	recall(t, sg, indicatorID(1))
	o := client.SubscribeOptions{StateDir: state, Idle: 200 * time.Millisecond, OnRecall: func(ctx context.Context, o api.RecallOrder) error {
		if calls++; calls == 1 {
			return errors.New("the disk is full")
		}
		return got.recall(ctx, o)
	}}
	must(t, my.Subscribe(t.Context(), got.object, o))
	if calls != 2 {
		t.Errorf("the handler was called %d times, want 2", calls)
	}
	must(t, my.Subscribe(t.Context(), got.object, o))
	if _, done := acknowledged(t, sg, indicatorID(1)); calls != 2 || done != 1 {
		t.Errorf("after a restart: %d calls, %d acknowledged", calls, done)
	}
}

func TestANarrowingTakesTheEarlierVersionsOnlyFromWhoMayNotHoldTheStricterLevel(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	green := connect(t, h.creds("my/screen", policy.Subscriber, stix.Green))
	amber := connect(t, h.creds("my/desk", policy.Subscriber, stix.Amber))
	first := indicator(1, stix.Green)
	publish(t, sg, "asean", first)
	states := map[*client.Client]string{green: t.TempDir(), amber: t.TempDir()}
	run := func(c *client.Client) []string {
		t.Helper()
		got := newEvents()
		must(t, c.Subscribe(t.Context(), got.object, client.SubscribeOptions{StateDir: states[c], OnRecall: got.recall, Idle: 200 * time.Millisecond,
			OnNarrowed: func(_ context.Context, o api.RecallOrder) error { got.note("narrowed " + o.ID); return nil }}))
		return got.all()
	}
	run(green)
	run(amber)
	publish(t, sg, "asean", later(indicator(1, stix.Amber)))
	if got := run(green); !slices.Equal(got, []string{"recall " + indicatorID(1)}) {
		t.Errorf("a seat of GREEN received %v", got)
	}
	if got := run(amber); !slices.Equal(got, []string{"narrowed " + indicatorID(1), "object " + indicatorID(1)}) {
		t.Errorf("a seat of AMBER received %v", got)
	}
}

// What was in hand when a process died comes again after 30 s, and what was given
// meanwhile comes at once: here the handler failed, and it comes again after one.
func TestANarrowingThatComesAfterARecallBringsNothingBack(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Amber))
	my := connect(t, h.creds("my/desk", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green))
	got := newEvents()
	o := client.SubscribeOptions{StateDir: t.TempDir(), OnRecall: got.recall, Idle: 200 * time.Millisecond}
	must(t, my.Subscribe(t.Context(), got.object, o))
	publish(t, sg, "asean", later(indicator(1, stix.Amber)))
	o.OnNarrowed = func(_ context.Context, o api.RecallOrder) error {
		if got.note("narrowed " + o.ID); len(got.all()) > 2 {
			return nil
		}
		recall(t, sg, o.ID)
		return errors.New("it died")
	}
	must(t, my.Subscribe(t.Context(), got.object, o))
	narrowed, recalled := "narrowed "+indicatorID(1), "recall "+indicatorID(1)
	// The recall is told at the level of each version, one of which the hub has no more.
	if want := []string{"object " + indicatorID(1), narrowed, recalled, recalled, recalled}; !slices.Equal(got.all(), want) {
		t.Errorf("it received %v, want %v: the recall, and then the narrowing as one", got.all(), want)
	}
}

func TestWhatIsLeftOfAMessageKeepsItsAddresses(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	r := publish(t, sg, "asean", indicator(1, stix.Green), indicator(2, stix.Green), indicator(3, stix.Green))
	recall(t, sg, indicatorID(2))
	box := newInbox()
	must(t, my.Subscribe(t.Context(), box.handle, client.SubscribeOptions{Idle: 200 * time.Millisecond}))
	got := box.all()
	if len(got) != 2 {
		t.Fatalf("%d objects came, want 2", len(got))
	}
	for _, d := range got {
		n := slices.IndexFunc(r.Objects, func(o api.ObjectReceipt) bool { return o.ID == d.ID })
		if n < 0 {
			t.Fatalf("%s came", d.ID)
		}
		if want := r.Objects[n]; d.ID == indicatorID(2) || d.Sequence != want.Sequence || d.Index != want.Index || d.Added.Format("2006-01-02T15:04:05.000000Z") != want.Added {
			t.Errorf("%s came from %d/%d at %s, its receipt says %+v", d.ID, d.Sequence, d.Index, d.Added, want)
		}
	}
}
