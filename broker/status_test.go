package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestAStatusIsKeptForItsAccountAloneAndAcrossStarts(t *testing.T) {
	h := newTestHub(t)
	id := uuid.NewString()
	h.KeepStatus("ACC1", id, []byte("pending"))
	h.KeepStatus("ACC1", id, []byte("complete"))
	check := func(when string) {
		t.Helper()
		body, ok, err := h.Status(t.Context(), "ACC1", id)
		must(t, err)
		if !ok || string(body) != "complete" {
			t.Errorf("%s: %q, %v", when, body, ok)
		}
		for _, other := range [][2]string{{"ACC2", id}, {"", id}, {"ACC1", uuid.NewString()}, {"ACC1", "*"}, {"ACC1", ">"}, {"ACC1", ""}} {
			if _, ok, err := h.Status(t.Context(), other[0], other[1]); ok || err != nil {
				t.Errorf("%s: account %q is told of %q (%v)", when, other[0], other[1], err)
			}
		}
	}
	check("at once")
	must(t, h.Close())
	h.start()
	check("after a start")
}

func TestStatusesBeyondWhatMemoryHoldsAreReadFromTheStream(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of statuses, one after another")
	}
	h := newTestHub(t)
	const n = 8
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
		h.KeepStatus("ACC1", ids[i], []byte(fmt.Sprint(i)+strings.Repeat(" ", 3<<20)))
	}
	must(t, h.Close())
	h.start()
	for i, id := range ids {
		body, ok, err := h.Status(t.Context(), "ACC1", id)
		must(t, err)
		if !ok || !strings.HasPrefix(string(body), fmt.Sprint(i)+" ") {
			t.Errorf("status %d: %v, %d bytes", i, ok, len(body))
		}
	}
}

func TestNoSeatReachesTheStatuses(t *testing.T) {
	h := newTestHub(t)
	s := h.seat("sg/feed", policy.Both, stix.Red)
	h.KeepStatus(s.account, uuid.NewString(), []byte("secret"))
	if _, err := s.js.Consumer(t.Context(), "STATUS", s.account); err == nil {
		t.Error("there is a durable")
	}
	sub, err := s.nc.SubscribeSync("status.>")
	if err == nil {
		must(t, s.nc.Flush())
		h.KeepStatus(s.account, uuid.NewString(), []byte("secret"))
		must(t, h.Close()) // which writes all there is
		if n, _, _ := sub.Pending(); n > 0 {
			t.Error("a seat hears statuses")
		}
	}
}
