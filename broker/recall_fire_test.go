package broker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Recalls, narrowings and revocations while seats read, replay, stay away and
// come back. Whatever a seat asked for after a recall was answered must be without
// the object; and what it holds at the end, its orders carried out, it may hold.
func TestNobodyReceivesWhatWasRecalledWhateverElseHappens(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 4
	}
	h := newTestHub(t, func(c *broker.Config) { c.Limits.SubmissionsPerSecond = 0 })
	f := &fire{h: h, gone: map[string]time.Time{}, whole: map[string]bool{}}
	publishers := []*seat{h.seat("sg/feed", policy.Both, stix.Red), h.seat("us/feed", policy.Both, stix.Red), h.seat("th/feed", policy.Both, stix.Red)}
	var readers []*fireSeat
	for i, name := range []string{"my/a", "my/b", "vn/a", "us/a", "ph/a", "id/a"} {
		readers = append(readers, &fireSeat{seat: h.seat(name, policy.Subscriber, stix.Levels[i%4+1]), name: name, ceiling: stix.Levels[i%4+1], held: map[string]bool{}})
	}
	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	for _, r := range readers {
		tasks.Go(func() { r.run(ctx, f) })
	}
	tasks.Go(func() { f.pages(ctx, readers) })
	var publishing sync.WaitGroup
	for i, p := range publishers {
		publishing.Go(func() { f.publish(t, p, i, rounds) })
	}
	publishing.Wait()
	stop()
	tasks.Wait()
	for _, r := range readers {
		r.settle(t, f)
	}
	h.agrees()
	t.Logf("%d objects published, %d recalled or narrowed, %d deliveries, %d objects in pages, %d replays",
		f.published.Load(), len(f.gone), f.delivered.Load(), f.read.Load(), f.replays.Load())
	if len(f.gone) == 0 || f.delivered.Load() == 0 || f.read.Load() == 0 || f.replays.Load() == 0 {
		t.Error("the test did not do what it is for")
	}
	for _, w := range f.wrong {
		t.Error(w)
	}
}

// fire is what all that goes on knows.
type fire struct {
	h                                   *testHub
	published, delivered, read, replays atomic.Int64

	mu    sync.Mutex
	gone  map[string]time.Time // by bytes: when the answer was there that it is recalled
	whole map[string]bool      // by bytes: it is, whoever may hold the stricter level
	wrong []string
}

func (f *fire) recalled(at time.Time, objects ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range objects {
		f.gone[o] = at
	}
}

// sees notes what somebody received who asked at a time.
func (f *fire) sees(who, object string, asked time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, gone := f.gone[object]; gone && asked.After(at) && len(f.wrong) < 10 {
		f.wrong = append(f.wrong, fmt.Sprintf("%s asked %s after the recall was answered and received %.90s", who, asked.Sub(at), object))
	}
}

func (f *fire) publish(t *testing.T, s *seat, who, rounds int) {
	to := []string{"region", "asean-us", "region", "asean-us"}
	for round := range rounds {
		n := (who+1)<<24 + round<<12
		level := stix.Levels[rand.IntN(3)] // room for stricter ones
		var objects []string
		for i := range 40 {
			objects = append(objects, indicator(n+i, level))
		}
		for _, r := range s.submit(bundle(objects...), to[level]).Objects {
			if r.Outcome != api.Accepted {
				t.Errorf("%+v", r)
			}
		}
		f.published.Add(int64(len(objects)))
		for range 6 {
			i := rand.IntN(len(objects))
			o := objects[i]
			objects[i] = objects[len(objects)-1]
			objects = objects[:len(objects)-1]
			switch rand.IntN(3) {
			case 0:
				ask[api.Recalled](s, api.SubjectRecall, api.RecallRequest{ID: idOf(t, o), Reason: "fire"})
				f.recalled(time.Now(), o)
			case 1:
				stricter := version(strings.Replace(o, marks[level], marks[level+1], 1), "2026-02-01T00:00:00.000Z")
				audience := "asean-us"
				if who != 1 && rand.IntN(2) == 0 {
					audience = "asean" // where one of the readers has no place
				}
				if r := s.submit(bundle(stricter), audience); r.Accepted != 1 {
					t.Errorf("narrowing: %+v", r)
				}
				f.recalled(time.Now(), o)
				if rand.IntN(2) == 0 {
					ask[api.Recalled](s, api.SubjectRecall, api.RecallRequest{ID: idOf(t, o), Reason: "fire"})
					f.recalled(time.Now(), stricter)
					f.mu.Lock()
					f.whole[o] = true
					f.mu.Unlock()
				}
			case 2:
				if r := s.submit(bundle(strings.Replace(version(o, "2026-02-01T00:00:00.000Z"), `,"name"`, `,"revoked":true,"name"`, 1)), to[level]); r.Accepted != 1 {
					t.Errorf("revoking: %+v", r)
				}
			}
		}
	}
}

// fireSeat reads, replays, and stays away now and then.
type fireSeat struct {
	*seat
	name    string
	ceiling stix.Level
	held    map[string]bool // by bytes
	orders  []api.RecallOrder
}

func (r *fireSeat) run(ctx context.Context, f *fire) {
	for ctx.Err() == nil {
		switch rand.IntN(8) {
		case 0:
			ask[api.Replay](r.seat, api.SubjectReplay, api.ReplayRequest{All: true})
			f.replays.Add(1)
		case 1, 2: // away
			select {
			case <-time.After(time.Duration(rand.IntN(40)) * time.Millisecond):
			case <-ctx.Done():
			}
		case 3:
			r.orders = append(r.orders, r.seat.orders()...)
		default:
			r.pull(f)
		}
	}
}

// pull takes what one stream has, and acknowledges some of it.
func (r *fireSeat) pull(f *fire) (n int) {
	streams := ask[api.Streams](r.seat, api.SubjectStreams, nil)
	for _, st := range streams.Streams {
		c, err := r.js.Consumer(r.t.Context(), st.Name, streams.Consumer)
		must(r.t, err)
		asked := time.Now()
		batch, err := c.FetchNoWait(5)
		must(r.t, err)
		for m := range batch.Messages() {
			n++
			objects, err := stix.Split(m.Data(), stix.DefaultLimits)
			must(r.t, err)
			for _, o := range objects {
				f.delivered.Add(1)
				f.sees(r.name, string(o.Raw), asked)
				r.held[string(o.Raw)] = true
			}
			must(r.t, m.Ack())
		}
	}
	return n
}

// settle takes all that is left, and holds what the seat has at the end, its
// orders carried out, against what was recalled from it.
func (r *fireSeat) settle(t *testing.T, f *fire) {
	for r.pull(f) > 0 {
	}
	r.orders = append(r.orders, r.seat.orders()...)
	for bytes := range r.held {
		objects, err := stix.Split([]byte(bytes), stix.DefaultLimits)
		must(t, err)
		o := &objects[0]
		if _, gone := f.gone[bytes]; !gone {
			continue
		}
		covered := false
		for _, order := range r.orders {
			keeps := order.Unless != stix.NoLevel && r.ceiling >= order.Unless
			if keeps && f.whole[bytes] {
				continue // it was left to the seat, and is to be taken from it
			}
			covered = covered || order.ID == o.ID && (order.Before == "" || strings.TrimSuffix(stix.Instant(o.Version()), "Z") < strings.TrimSuffix(order.Before, "Z") || keeps)
		}
		if !covered {
			t.Errorf("%s holds %s, which was recalled, and no order told it", r.name, o.ID)
		}
	}
}

// pages reads collections meanwhile, as a TAXII poller does.
func (f *fire) pages(ctx context.Context, readers []*fireSeat) {
	for ctx.Err() == nil {
		r := readers[rand.IntN(len(readers))]
		q := catalog.Query{Limit: 1 + rand.IntN(100), Versions: []string{catalog.VersionAll}}
		for {
			asked := time.Now()
			got, err := f.h.Read(f.h.t.Context(), r.account, collection("everything"), q, true)
			if err != nil {
				f.mu.Lock()
				f.wrong = append(f.wrong, "a page: "+err.Error())
				f.mu.Unlock()
				return
			}
			for _, o := range objectsOf(f.h.t, got) {
				f.read.Add(1)
				f.sees("a page of "+r.name, o, asked)
			}
			if !got.More {
				break
			}
			q.After = got.Next
		}
	}
}
