package broker_test

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// awaitDelivery waits until every reader has received every acknowledged
// object of the streams it may read. What was under way to it when the hub was
// killed comes again when its time to acknowledge is over.
func (c *crash) awaitDelivery(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			c.tellMissing(t)
		}
	}()
	for _, r := range c.readers {
		want := 0
		for cp := range c.acked {
			if r.may[cp.stream] {
				want++
			}
		}
		awaitTrue(t, 2*time.Minute, r.name+" has received everything", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.got) >= want
		})
	}
}

// tellMissing says, when the test has failed, where each reader stands.
func (c *crash) tellMissing(t *testing.T) {
	for _, f := range c.faults {
		t.Log(f)
	}
	for _, r := range c.readers {
		missing := map[string][]uint64{}
		for cp, at := range c.acked {
			if r.may[cp.stream] && r.got[cp] == 0 {
				missing[cp.stream] = append(missing[cp.stream], at.seq)
			}
		}
		for stream, seqs := range missing {
			t.Logf("%s lacks %d objects of %s, in messages %d to %d", r.name, len(seqs), stream, slices.Min(seqs), slices.Max(seqs))
		}
		t.Logf("%s, consumer by consumer, and what its client said last:", r.name)
		for stream, durable := range r.durables {
			info, err := durable.Info(context.Background())
			if err != nil {
				t.Logf("  %s: %v", stream, err)
				continue
			}
			t.Logf("  %s: delivered %d, floor %d, pending %d, unacknowledged %d, waiting %d; %v", stream, info.Delivered.Stream, info.AckFloor.Stream, info.NumPending, info.NumAckPending, info.NumWaiting, r.said[stream])
		}
	}
}

// storedCopies is what lies in the streams: each copy once, at its address.
type storedCopies map[copyOf]storedCopy
type storedCopy struct {
	address
	added string
}

const microseconds = "2006-01-02T15:04:05.000000Z"

// scan reads every stream from its first message to its last.
func (c *crash) scan(t *testing.T, h *testHub) storedCopies {
	t.Helper()
	found := storedCopies{}
	js := h.Stores()
	names := js.StreamNames(t.Context())
	var all []string // first, for the client allows five seconds for them
	for name := range names.Name() {
		if strings.HasPrefix(name, "CTI_") {
			all = append(all, name)
		}
	}
	must(t, names.Err())
	for _, name := range all {
		s, err := js.Stream(t.Context(), name)
		must(t, err)
		var newest time.Time
		for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			must(t, err)
			newest = c.scanMessage(t, name, m, newest, found)
		}
	}
	return found
}

func (c *crash) scanMessage(t *testing.T, stream string, m *jetstream.RawStreamMsg, newest time.Time, found storedCopies) time.Time {
	t.Helper()
	if strings.HasPrefix(m.Subject, "fence.") {
		return newest
	}
	added, err := time.Parse(microseconds, m.Header.Get(api.HeaderAdded))
	must(t, err)
	objects, err := stix.Split(m.Data, wholeFile)
	must(t, err)
	for i := range objects {
		n, err := c.known(&objects[i], m.Header.Get(api.HeaderOrigin))
		if err != nil {
			t.Errorf("%s message %d: %v", stream, m.Sequence, err)
			continue
		}
		cp := copyOf{n, stream}
		if was, twice := found[cp]; twice {
			t.Errorf("%s holds object %d twice: message %d and message %d", stream, n, was.seq, m.Sequence)
		}
		if !added.After(newest) {
			t.Errorf("%s message %d object %d was added at %s, no later than the one before", stream, m.Sequence, i, added)
		}
		found[cp] = storedCopy{address{m.Sequence, i}, added.Format(microseconds)}
		newest, added = added, added.Add(time.Microsecond)
	}
	return newest
}

// compare holds what is stored and what arrived to what was acknowledged.
func (c *crash) compare(t *testing.T, found storedCopies) {
	t.Helper()
	for _, f := range c.faults {
		t.Error(f)
	}
	for cp, at := range c.acked {
		if got, there := found[cp]; !there || got.address != at {
			c.lost++
			t.Errorf("object %d was acknowledged at %v of %s and is at %v (%v), added %s", cp.n, at, cp.stream, got.address, there, got.added)
		}
	}
	for cp := range found {
		if _, told := c.acked[cp]; !told {
			t.Errorf("object %d is stored in %s, and its publisher was never told", cp.n, cp.stream)
		}
	}
	for _, r := range c.readers {
		for cp := range c.acked {
			if !c.hasty && r.may[cp.stream] && r.got[cp] == 0 {
				c.lost++
				t.Errorf("%s never received object %d of %s", r.name, cp.n, cp.stream)
			}
		}
		for cp := range r.got {
			if _, told := c.acked[cp]; !told || !r.may[cp.stream] {
				t.Errorf("%s received object %d of %s, which was not acknowledged or is not for it", r.name, cp.n, cp.stream)
			}
		}
	}
}

// askIndex asks for the receipts of every object ever sent: the index must say
// what the streams hold, all of it and nothing else.
func (c *crash) askIndex(t *testing.T, found storedCopies) {
	t.Helper()
	places := map[int]map[api.StoredPlace]bool{}
	for cp, at := range found {
		if places[cp.n] == nil {
			places[cp.n] = map[api.StoredPlace]bool{}
		}
		places[cp.n][api.StoredPlace{Stream: cp.stream, Sequence: at.seq, Index: at.index, Added: at.added}] = true
	}
	byMember := map[string][]int{}
	for n := range c.sent {
		byMember[c.sent[n].member] = append(byMember[c.sent[n].member], n)
	}
	told := 0
	for _, l := range crashLoads {
		numbers := byMember[l.seat[:2]]
		delete(byMember, l.seat[:2])
		for some := range slices.Chunk(numbers, 1000) {
			told += c.askSome(t, c.publishers[l.seat], some, places)
		}
	}
	if told != len(places) {
		t.Errorf("the index knows %d objects, the streams hold %d", told, len(places))
	}
}

func (c *crash) askSome(t *testing.T, s *seat, numbers []int, places map[int]map[api.StoredPlace]bool) int {
	t.Helper()
	var q api.ReceiptsRequest
	for _, n := range numbers {
		objects, err := stix.Split([]byte(crashObject(n, stix.Clear)), stix.DefaultLimits)
		must(t, err)
		q.Objects = append(q.Objects, api.ObjectVersion{ID: objects[0].ID, Version: objects[0].Modified})
	}
	answer := ask[api.Receipts](s, api.SubjectReceipts, q)
	for i := range answer.Objects {
		o := &answer.Objects[i]
		n, err := numberOf(&stix.Object{ID: o.ID, Modified: o.Version})
		must(t, err)
		if want := c.sent[n].hash; o.SHA256 != hex.EncodeToString(want[:]) {
			t.Errorf("the index tells other bytes of object %d", n)
		}
		got := map[api.StoredPlace]bool{}
		for _, p := range o.Places {
			got[api.StoredPlace{Stream: p.Stream, Sequence: p.Sequence, Index: p.Index, Added: p.Added}] = true
		}
		if !maps.Equal(got, places[n]) {
			t.Errorf("object %d lies at %v, the index says %v", n, places[n], got)
		}
	}
	return len(answer.Objects)
}

func (c *crash) report(t *testing.T, cycles int) {
	t.Helper()
	caught, rebuilt := 0, 0
	for _, l := range c.lives {
		caught += l.CaughtUp
		if l.Rebuilt != "" {
			rebuilt++
		}
	}
	delivered, repeated := 0, 0
	for _, r := range c.readers {
		for _, n := range r.got {
			delivered++
			repeated += n - 1
		}
	}
	if len(c.opening) == 0 {
		c.opening = []time.Duration{0} // of nodes of a cluster it is not told
	}
	slices.Sort(c.opening)
	t.Logf("%d kills, of which %d before the hub was open; %d objects submitted, %d copies acknowledged, %d lost; %d of them were stored while the answer was lost; %d submissions sent again",
		cycles, cycles+1-len(c.opening), len(c.sent), len(c.acked), c.lost, c.late, c.again)
	t.Logf("%d copies delivered to %d seats, %d more than once; %d objects caught up by the index in recovery, %d rebuilds; open after %s at the median, %s at most",
		delivered, len(c.readers), repeated, caught, rebuilt, c.opening[len(c.opening)/2].Round(time.Millisecond), c.opening[len(c.opening)-1].Round(time.Millisecond))
}
