package broker_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker"
	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// crash is everything that is known of one run: what was submitted, what was
// acknowledged, what arrived.
type crash struct {
	publishers map[string]*seat
	readers    []*crashReader

	mu      sync.Mutex
	sent    []sentObject // by number
	acked   map[copyOf]address
	late    int           // acknowledged as duplicates: stored while the answer was lost
	lost    int           // acknowledged, and not stored there or not delivered
	again   int           // submissions sent more than once
	patient time.Duration // how long a submission waits for its receipt
	pause   pause
	faults  []string
	lives   []broker.Recovery
	opening []time.Duration

	stop    chan struct{}
	over    atomic.Bool // nobody will answer any more
	hasty   bool        // nobody waited until the readers had received everything
	working sync.WaitGroup
}

// sentObject is one version of one object of one origin.
type sentObject struct {
	member string
	hash   [32]byte
}

// copyOf is an object in a stream, address where it lies there.
type copyOf struct {
	n      int
	stream string
}
type address struct {
	seq   uint64
	index int
}

// crashReader is a seat that reads through all the lives of the hub.
type crashReader struct {
	name string
	may  map[string]bool // streams
	mu   sync.Mutex
	got  map[copyOf]int
	halt []func()

	durables map[string]jetstream.Consumer
	said     map[string]error // what the client reported last, by stream
}

func newCrash(h *testHub) *crash {
	h.t.Helper()
	c := &crash{publishers: map[string]*seat{}, acked: map[copyOf]address{}, stop: make(chan struct{}), patient: 500 * time.Millisecond}
	for _, l := range crashLoads {
		c.publishers[l.seat] = h.seat(l.seat, policy.Publisher, stix.Red)
	}
	for i, r := range crashReaders {
		s := h.seat(r.Name, policy.Subscriber, r.Ceiling, func(p *policy.Seat) { p.Standing = r.Standing })
		c.readers = append(c.readers, c.read(h, r.Name, s, i%2 == 0))
	}
	return c
}

func (c *crash) fault(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < 50 {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

func (c *crash) life(p *process) {
	c.lives = append(c.lives, p.found)
	if p.opened > 0 {
		c.opening = append(c.opening, p.opened)
	}
}

// crashObject is object n at a level: two numbers share an id as versions. Both
// have one level, since a stricter one would take the other away.
func crashObject(n int, level stix.Level) string {
	return fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.00%dZ","name":%q,"pattern":"[ipv4-addr:value = '198.51.100.%d']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":[%q]}`,
		n/2, n%2, strings.Repeat("x", n%700), n%250, marks[level])
}

// numberOf is the number of an object that came back.
func numberOf(o *stix.Object) (int, error) {
	id, modified, ok := strings.Cut(strings.TrimPrefix(o.ID, "indicator--00000000-0000-4000-8000-")+" "+o.Modified, " ")
	if !ok || len(modified) != 24 {
		return 0, fmt.Errorf("%s was never submitted", o.ID)
	}
	n, err := strconv.ParseInt(id, 16, 64)
	return int(n)*2 + int(modified[22]-'0'), err
}

// draw makes a submission of one publisher, and notes it before it is sent.
func (c *crash) draw(l load) (payload []byte, to string, first int) {
	w := l.ways[rand.IntN(len(l.ways))]
	size := 2 + 2*rand.IntN(1+rand.IntN(100))
	raws := make([][]byte, size)
	c.mu.Lock()
	defer c.mu.Unlock()
	first = len(c.sent)
	var level stix.Level
	for i := range raws {
		if i%2 == 0 {
			level = w.levels[rand.IntN(len(w.levels))]
		}
		raws[i] = []byte(crashObject(first+i, level))
		c.sent = append(c.sent, sentObject{l.seat[:2], sha256.Sum256(raws[i])})
	}
	return stix.AppendBundle(nil, "bundle--00000000-0000-4000-8000-000000000000", raws...), w.to, first
}

// publish starts the publishers. Each sends a submission until it has its
// receipt, and then the next.
func (c *crash) publish(t *testing.T) {
	for _, l := range crashLoads {
		s := c.publishers[l.seat]
		c.working.Go(func() {
			pace := time.NewTicker(25 * time.Millisecond)
			defer pace.Stop()
			for {
				payload, to, first := c.draw(l)
				for try := 0; !c.send(s, payload, to, first) && !c.over.Load(); try++ {
					if try == 0 {
						c.mu.Lock()
						c.again++
						c.mu.Unlock()
					}
					<-pace.C
				}
				select {
				case <-c.stop:
					return
				case <-pace.C:
				}
			}
		})
	}
	t.Cleanup(func() { c.stopPublishing(t) })
}

// send submits once and reports whether every object has its receipt.
func (c *crash) send(s *seat, payload []byte, to string, first int) bool {
	r, err := s.try(payload, to, c.patient)
	if err != nil {
		return errors.Is(err, nats.ErrConnectionClosed) && c.gaveUp(s)
	}
	if r.Error != nil {
		if !r.Retry {
			c.fault("a submission was refused: %v", r.Error)
		}
		return !r.Retry
	}
	settled := true
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range r.Objects {
		o := &r.Objects[i]
		if o.Outcome == api.Refused {
			settled = false
			if code := o.Findings[0].Code; code != "unavailable" && code != "busy" {
				c.faults = append(c.faults, fmt.Sprintf("object %d was refused: %v", first+o.Object, o.Findings))
				settled = true
			}
			continue
		}
		at, cp := address{o.Sequence, o.Index}, copyOf{first + o.Object, o.Stream}
		if was, told := c.acked[cp]; told && was != at {
			c.faults = append(c.faults, fmt.Sprintf("object %d has moved on %s from %v to %v", cp.n, cp.stream, was, at))
		} else if !told && o.Outcome == api.Duplicate {
			c.late++
		}
		c.acked[cp] = at
	}
	if settled {
		c.pause.accepted(time.Now())
	}
	return settled
}

func (c *crash) gaveUp(s *seat) bool {
	c.fault("the client of seat %s gave up reconnecting: %v", s.creds, s.nc.LastError())
	return true
}

func (c *crash) stopPublishing(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.mu.Unlock()
	c.working.Wait()
}

// abandon ends the publishers and the readers of a hub that is gone.
func (c *crash) abandon(t *testing.T) {
	t.Helper()
	c.over.Store(true)
	c.stopPublishing(t)
	c.stopReading()
}

// read starts a reader: one long-running Consume for each stream, or pulls of
// its own one after the other.
func (c *crash) read(h *testHub, name string, s *seat, consume bool) *crashReader {
	h.t.Helper()
	r := &crashReader{name: name, may: map[string]bool{}, got: map[copyOf]int{}, durables: map[string]jetstream.Consumer{}, said: map[string]error{}}
	ctx, cancel := context.WithCancel(context.Background())
	var pulling sync.WaitGroup
	streams := ask[api.Streams](s, api.SubjectStreams, nil)
	for _, st := range streams.Streams {
		r.may[st.Name] = true
		durable, err := s.js.Consumer(h.t.Context(), st.Name, streams.Consumer)
		must(h.t, err)
		r.durables[st.Name] = durable
		take := func(m jetstream.Msg) { c.take(r, st.Name, m) }
		if consume {
			cc, err := durable.Consume(take, jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second),
				jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.said[st.Name] = err
				}))
			must(h.t, err)
			r.halt = append(r.halt, func() { cc.Stop(); <-cc.Closed() })
			continue
		}
		pulling.Go(func() {
			for ctx.Err() == nil {
				batch, err := durable.FetchNoWait(100)
				n := 0
				if err == nil {
					for m := range batch.Messages() {
						take(m)
						n++
					}
				}
				if n == 0 {
					select {
					case <-ctx.Done():
					case <-time.After(100 * time.Millisecond):
					}
				}
			}
		})
	}
	r.halt = append(r.halt, func() { cancel(); pulling.Wait() })
	h.t.Cleanup(r.stop)
	return r
}

func (r *crashReader) stop() {
	for _, halt := range r.halt {
		halt()
	}
	r.halt = nil
}

func (c *crash) stopReading() {
	for _, r := range c.readers {
		r.stop()
	}
}

// take holds each object that arrives to what was submitted.
func (c *crash) take(r *crashReader, stream string, m jetstream.Msg) {
	objects, err := stix.Split(m.Data(), wholeFile)
	if err != nil {
		c.fault("%s: a message on %s is no bundle: %v", r.name, stream, err)
	}
	for i := range objects {
		n, err := c.known(&objects[i], m.Headers().Get(api.HeaderOrigin))
		if err != nil {
			c.fault("%s on %s: %v", r.name, stream, err)
			continue
		}
		r.mu.Lock()
		r.got[copyOf{n, stream}]++
		r.mu.Unlock()
	}
	if err := m.Ack(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrConnectionReconnecting) {
		c.fault("%s: acknowledging on %s: %v", r.name, stream, err)
	}
}

// known says which submitted object this is, byte for byte.
func (c *crash) known(o *stix.Object, origin string) (int, error) {
	n, err := numberOf(o)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 || n >= len(c.sent) || c.sent[n].hash != o.Hash() || c.sent[n].member != origin {
		return 0, fmt.Errorf("%s version %s of %s was never submitted with these bytes", o.ID, o.Modified, origin)
	}
	return n, nil
}
