package broker_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The hub is killed again and again while objects are published and recalled. A
// recall that was answered stands, one that was not is whole or has not begun
// once it is ordered again, and no neighbour is lost or moves.
func TestARecallIsWholeAndLosesNothingWhenTheHubIsKilled(t *testing.T) {
	cycles := crashCycles(t)
	h := newTestHub(t, func(c *broker.Config) { c.Listen = quietPort(t) })
	c := &recallCrash{left: map[string]api.ObjectReceipt{}, gone: map[string]bool{}, stop: make(chan struct{})}
	publisher := h.seat("sg/feed", policy.Both, stix.Red)
	recaller := h.seat("sg/desk", policy.Both, stix.Red)
	c.creds = recaller.creds
	h.seat("my/desk", policy.Subscriber, stix.Red).drain()
	must(t, h.Close())
	config := filepath.Join(t.TempDir(), "hub.json")
	b, err := json.Marshal(h.cfg)
	must(t, err)
	must(t, os.WriteFile(config, b, 0o600))
	hub := startProcess(t, config)
	var work sync.WaitGroup
	work.Go(func() { c.publish(publisher) })
	work.Go(func() { c.recall(recaller) })
	missing := uint64(0)
	for i := range cycles {
		if i%4 != 3 {
			<-hub.ready
		}
		<-time.After(time.Duration(100+rand.IntN(600)) * time.Millisecond)
		hub.kill(t)
		missing += hub.found.Missing
		hub = startProcess(t, config)
	}
	<-hub.ready
	missing += hub.found.Missing
	close(c.stop)
	work.Wait()
	hub.kill(t)
	h.start()
	for _, rebuilt := range []bool{false, true} {
		if rebuilt {
			must(t, h.Close())
			h.loseIndex()
			h.start()
		}
		missing += h.Recovered().Missing
		c.check(t, h)
		h.agrees()
	}
	if missing != 0 {
		t.Errorf("a start says that %d messages are missing", missing)
	}
	if len(c.gone) == 0 {
		t.Error("nothing was recalled")
	}
	t.Logf("%d kills, %d objects left, %d recalled, %d recalls ordered again", cycles, len(c.left), len(c.gone), c.again)
}

// idIn is the id that an indicator's bytes show.
func idIn(o string) string { return o[strings.Index(o, "indicator--"):][:47] }

type recallCrash struct {
	creds string
	mu    sync.Mutex
	left  map[string]api.ObjectReceipt // by bytes
	gone  map[string]bool
	again int
	stop  chan struct{}
}

func (c *recallCrash) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *recallCrash) publish(s *seat) {
	to := map[stix.Level]string{stix.Clear: "region", stix.Green: "region", stix.Amber: "asean"}
	for n := 0; !c.stopped(); n += 30 {
		level := stix.Levels[rand.IntN(3)]
		objects := make([]string, 30)
		for i := range objects {
			objects[i] = indicator(n+i, level)
		}
		for {
			r, err := s.try(bundle(objects...), to[level], time.Second)
			if err == nil && r.Error == nil && r.Refused == 0 {
				c.mu.Lock()
				for i := range r.Objects {
					c.left[objects[i]] = r.Objects[i]
				}
				c.mu.Unlock()
				break
			}
		}
	}
}

// recall orders until it is answered that the object is gone.
func (c *recallCrash) recall(s *seat) {
	for !c.stopped() {
		c.mu.Lock()
		var o string
		for o = range c.left {
			break
		}
		delete(c.left, o)
		c.mu.Unlock()
		if o == "" {
			<-time.After(time.Millisecond)
			continue
		}
		id := idIn(o)
		for !c.order(s, id) {
			c.again++
		}
		c.mu.Lock()
		c.gone[o] = true
		c.mu.Unlock()
	}
}

func (c *recallCrash) order(s *seat, id string) bool {
	q, err := json.Marshal(api.RecallRequest{ID: id, Reason: "crash"})
	if err != nil {
		return false
	}
	m, err := s.nc.Request(api.SubjectRecall, q, 2*time.Second)
	if err != nil {
		return false
	}
	var r struct {
		api.Recalled
		Error *api.Error `json:"error"`
	}
	return json.Unmarshal(m.Data, &r) == nil && r.Error == nil && r.Recall != ""
}

// check reads every message of every stream.
func (c *recallCrash) check(t *testing.T, h *testHub) {
	t.Helper()
	stored := map[string]int{}
	js := h.Stores()
	var names []string
	list := js.StreamNames(t.Context())
	for name := range list.Name() {
		names = append(names, name)
	}
	must(t, list.Err())
	for _, name := range names {
		if !strings.HasPrefix(name, "CTI_") {
			continue
		}
		s, err := js.Stream(t.Context(), name)
		must(t, err)
		for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if err != nil {
				continue // erased
			}
			objects, err := stix.Split(m.Data, wholeFile)
			must(t, err)
			for i := range objects {
				stored[string(objects[i].Raw)]++
			}
		}
	}
	for o := range c.gone {
		if stored[o] > 0 {
			t.Errorf("%.100s was recalled and is stored", o)
		}
	}
	account := h.Region().Seats["sg/desk"].Account
	var read []string
	for _, name := range []string{"region-clear", "region-green", "asean-amber"} {
		read = append(read, h.read(account, name, 500)...)
	}
	slices.Sort(read)
	if got := slices.Compact(slices.Clone(read)); len(got) != len(read) {
		t.Error("an object is read twice")
	}
	for o := range c.left {
		if stored[o] != 1 {
			t.Errorf("%.100s is stored %d times", o, stored[o])
		}
		if _, there := slices.BinarySearch(read, o); !there {
			t.Errorf("%.100s is not read", o)
		}
	}
	desk := &seat{t: t, creds: c.creds}
	desk.connect(h.URL())
	defer desk.nc.Close()
	left := slices.Collect(maps.Keys(c.left))
	for some := range slices.Chunk(left, 500) {
		var q api.ReceiptsRequest
		for _, o := range some {
			q.Objects = append(q.Objects, api.ObjectVersion{ID: idIn(o)})
		}
		got := ask[api.Receipts](desk, api.SubjectReceipts, q).Objects
		if len(got) != len(some) {
			t.Fatalf("of %d objects %d have receipts", len(some), len(got))
		}
		for i, o := range some {
			if p, r := got[i].Places[0], c.left[o]; p.Sequence != r.Sequence || p.Index != r.Index || p.Added != r.Added {
				t.Errorf("%.100s is at %+v and was at %+v", o, p, r)
			}
		}
	}
}
