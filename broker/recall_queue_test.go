package broker_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestOrdersThatComeTogetherAreAllCarriedOut(t *testing.T) {
	const each = 40 // recalled, narrowed, and left alone
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	my := h.seat("my/desk", policy.Subscriber, stix.Green)
	var objects, stricter []string
	for n := range 3 * each {
		objects = append(objects, indicator(n, stix.Green))
		if n >= each && n < 2*each {
			stricter = append(stricter, version(indicator(n, stix.Amber), "2026-02-02T00:00:00.000Z"))
		}
	}
	if r := sg.submit(bundle(objects...), "region"); r.Accepted != 3*each {
		t.Fatalf("%+v", r)
	}
	began := time.Now()
	var all sync.WaitGroup
	all.Go(func() {
		if r := sg.submit(bundle(stricter...), "region"); r.Accepted != each {
			t.Errorf("stricter versions: %+v", r)
		}
	})
	for _, o := range objects[:each] {
		id := idOf(t, o)
		all.Go(func() {
			// The second says what the first said, also while that is carried out.
			var twice [2]*api.Recalled
			for i := range twice {
				done, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: id, Reason: "a mistake"})
				if err != nil || done.Places != 1 || done.Members != 12 {
					t.Errorf("recalling %s: %+v, %v", id, done, err)
					return
				}
				twice[i] = done
			}
			if twice[0].Recall != twice[1].Recall {
				t.Errorf("%s was recalled twice: %+v", id, twice)
			}
		})
	}
	all.Go(func() {
		if _, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: "indicator--ffffffff-ffff-4fff-8fff-ffffffffffff", Reason: "none"}); err == nil {
			t.Error("what is not stored was recalled")
		}
	})
	all.Wait()
	t.Logf("%d recalled and %d narrowed in %v", each, each, time.Since(began).Round(time.Millisecond))
	if got := h.read(my.account, "region-green", 1000); !slices.Equal(got, objects[2*each:]) {
		t.Errorf("%d objects are left, not %d", len(got), each)
	}
	if got := my.orders(); len(got) != 2*each {
		t.Errorf("my is told of %d orders, not %d", len(got), 2*each)
	}
	h.agrees()
}

func TestOneOrderThatFailsKeepsNoneFromItsAnswer(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Green)
	stuck := indicator(1000, stix.Clear)
	objects := []string{stuck}
	for n := range 40 {
		objects = append(objects, indicator(n, stix.Green))
	}
	sg.submit(bundle(objects...), "region")
	h.cannotErase("CTI_REGION_CLEAR")
	var all sync.WaitGroup
	for _, o := range objects {
		id, want := idOf(t, o), ""
		if o == stuck {
			want = "unfinished"
		}
		all.Go(func() {
			_, err := h.Recall(t.Context(), sg.account, api.RecallRequest{ID: id, Reason: "a mistake"})
			if err == nil && want == "" {
				return
			}
			if err == nil || codeOf(err) != want {
				t.Errorf("recalling %s: %v, and not %q", id, err, want)
			}
		})
	}
	all.Wait()
	if h.Ready() == nil {
		t.Error("the hub says that it is ready")
	}
}

func TestOneNarrowingThatFailsKeepsNoneFromItsAnswer(t *testing.T) {
	h := newTestHub(t)
	sg := h.seat("sg/feed", policy.Both, stix.Amber)
	objects, stricter := []string{indicator(1000, stix.Clear)}, []string{version(indicator(1000, stix.Green), "2026-02-02T00:00:00.000Z")}
	for n := range 20 {
		objects = append(objects, indicator(n, stix.Green))
		stricter = append(stricter, version(indicator(n, stix.Amber), "2026-02-02T00:00:00.000Z"))
	}
	sg.submit(bundle(objects...), "asean")
	h.cannotErase("CTI_ASEAN_CLEAR")
	if r := sg.submit(bundle(stricter...), "asean"); r.Refused != 1 || r.Accepted != 20 {
		t.Errorf("%d accepted, %d refused", r.Accepted, r.Refused)
	}
}
