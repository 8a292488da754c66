package broker_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// patience bounds every wait of these tests; nothing is asserted about time.
const patience = 3 * time.Minute

// reader is one seat at work: a long-running Consume on each stream the hub
// told it of, and a record of what came.
type reader struct {
	p       *product
	name    string
	account string
	creds   string
	ceiling stix.Level // as made

	nc      *nats.Conn
	js      jetstream.JetStream
	closed  chan struct{} // of nc
	open_   map[string]jetstream.ConsumeContext
	durable map[string]jetstream.Consumer

	// next is, for each stream the seat holds a durable on, the sequence that
	// is due; absent means the first that policy opens.
	next     map[policy.Stream]uint64
	heldFrom map[policy.Stream]uint64 // next when holding began

	mu      sync.Mutex
	got     map[string][]string // by stream, since the last comparison
	holding bool
	held    []jetstream.Msg
	let     []jetstream.Msg // were held and are acknowledged, since the last settling
	again   map[string]int  // by stream, held messages that came again
	changed chan struct{}
}

func newReader(p *product, s *policy.Seat) *reader {
	return &reader{p: p, name: s.Name, account: s.Account, ceiling: s.Ceiling, creds: filepath.Join(p.t.TempDir(), "seat.creds"),
		next: map[policy.Stream]uint64{}, got: map[string][]string{}, again: map[string]int{}, changed: make(chan struct{}, 1)}
}

func (r *reader) save(creds []byte) { must(r.p.t, os.WriteFile(r.creds, creds, 0o600)) }

func (r *reader) seat() *policy.Seat { return r.p.seats[r.name] }

// dial connects unless the seat is connected already.
func (r *reader) dial() error {
	if r.nc != nil && !r.nc.IsClosed() {
		return nil
	}
	closed := make(chan struct{})
	nc, err := nats.Connect(r.p.h.URL(), nats.UserCredentials(r.creds), nats.NoReconnect(), nats.Timeout(patience),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	r.p.t.Cleanup(nc.Close)
	r.nc, r.closed = nc, closed
	r.open_, r.durable = map[string]jetstream.ConsumeContext{}, map[string]jetstream.Consumer{}
	r.js, err = jetstream.NewWithAPIPrefix(nc, api.APIPrefix, jetstream.WithDefaultTimeout(patience))
	return err
}

// refusedWith checks that credentials open nothing, and that the connection
// made with them has gone.
func (r *reader) refusedWith(creds string) error {
	select {
	case <-r.closed:
	case <-time.After(patience):
		return errors.New("the connection still stands")
	}
	nc, err := nats.Connect(r.p.h.URL(), nats.UserCredentials(creds), nats.NoReconnect(), nats.Timeout(patience))
	if err == nil {
		nc.Close()
		return errors.New("the credentials still open a connection")
	}
	return nil
}

func (r *reader) shutOut() error {
	if err := r.refusedWith(r.creds); err != nil {
		return err
	}
	if err := r.redelivered(nil); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) > 0 {
		return fmt.Errorf("received %s after it was shut out", told(r.got))
	}
	return nil
}

func (r *reader) hold(on bool) {
	r.mu.Lock()
	held := r.held
	r.holding, r.held = on, nil
	r.let = append(r.let, held...)
	r.mu.Unlock()
	if on {
		r.heldFrom = maps.Clone(r.next)
	}
	if len(held) == 0 || !r.nc.IsConnected() {
		return
	}
	for _, m := range held {
		must(r.p.t, m.Ack())
	}
	must(r.p.t, r.nc.Flush())
}

// unacked forgets what was received and not acknowledged: it is due again.
func (r *reader) unacked() {
	r.mu.Lock()
	r.held = nil
	r.mu.Unlock()
	for s := range r.next {
		if from, had := r.heldFrom[s]; had {
			r.next[s] = from
		}
	}
}

func (r *reader) forget() {
	r.mu.Lock()
	r.held = nil
	r.mu.Unlock()
}

// ask is a question to the hub that reports rather than ends the test.
func (r *reader) ask(subject string, q, answer any) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	m, err := r.nc.Request(subject, body, patience)
	if err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	var e struct {
		Error *api.Error `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	if e.Error != nil {
		return e.Error
	}
	return json.Unmarshal(m.Data, answer)
}

// open asks for the seat's streams, which must be those that policy says, and
// keeps a Consume on each; those it lost must have ended.
func (r *reader) open(region *policy.Region) error {
	var streams api.Streams
	if err := r.ask(api.SubjectStreams, nil, &streams); err != nil {
		return err
	}
	var want, got []string
	for _, s := range region.Readable(r.seat()) {
		want = append(want, fmt.Sprint(region.Name(s), s, region.MayRead(r.seat(), s).From))
	}
	for _, s := range streams.Streams {
		got = append(got, fmt.Sprint(s.Name, policy.Stream{Audience: s.Audience, Level: s.Level}, s.From))
	}
	if !slices.Equal(want, got) {
		return fmt.Errorf("was told of streams %v, may read %v", got, want)
	}
	for name, cc := range r.open_ {
		if !slices.ContainsFunc(streams.Streams, func(s api.StreamAccess) bool { return s.Name == name }) {
			select {
			case <-cc.Closed():
				delete(r.open_, name)
			case <-time.After(patience):
				return fmt.Errorf("the pull on %s, which it may no longer read, is still open", name)
			}
		}
	}
	for _, s := range streams.Streams {
		if err := r.consume(s.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) consume(stream string) error {
	if r.open_[stream] != nil {
		return nil
	}
	c, err := r.js.Consumer(r.p.t.Context(), stream, r.account)
	if err != nil {
		return fmt.Errorf("looking at its durable on %s: %w", stream, err)
	}
	cc, err := c.Consume(func(m jetstream.Msg) { r.take(stream, m) },
		jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(10*time.Second), jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) {}))
	if err != nil {
		return fmt.Errorf("pulling from %s: %w", stream, err)
	}
	r.open_[stream], r.durable[stream] = cc, c
	return nil
}

func (r *reader) take(stream string, m jetstream.Msg) {
	objects, err := stix.Split(m.Data(), stix.DefaultLimits)
	r.mu.Lock()
	if r.heldBefore(stream, m) {
		r.again[stream]++
		r.mu.Unlock()
		return
	}
	if err != nil {
		r.got[stream] = append(r.got[stream], "not a bundle: "+err.Error())
	}
	for _, o := range objects {
		r.got[stream] = append(r.got[stream], string(o.Raw))
	}
	hold := r.holding
	if hold {
		r.held = append(r.held, m)
	}
	r.mu.Unlock()
	if !hold {
		// Whether it reached the hub is seen in settle.
		if err := m.Ack(); err != nil {
			r.p.t.Logf("seat %s: acknowledging: %v", r.name, err)
		}
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// heldBefore reports whether a message is one that is held, or was a moment ago: on
// a slow machine it comes again when its time to be acknowledged is over, which is
// right where the seat still may read (settle sees to that).
func (r *reader) heldBefore(stream string, m jetstream.Msg) bool {
	now, err := m.Metadata()
	return err == nil && slices.ContainsFunc(slices.Concat(r.held, r.let), func(h jetstream.Msg) bool {
		was, err := h.Metadata()
		return err == nil && was.Stream == stream && was.Sequence.Stream == now.Sequence.Stream && now.NumDelivered > 1
	})
}

// redelivered checks that no held message came again but where the seat may
// still read.
func (r *reader) redelivered(allowed map[string]bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for stream, n := range r.again {
		if !allowed[stream] {
			return fmt.Errorf("%d messages came again on %s, which it may no longer read", n, stream)
		}
	}
	clear(r.again)
	r.let = nil
	return nil
}

// due is what policy and the seat's position say must have arrived.
func (r *reader) due(region *policy.Region) (map[string][]string, int) {
	want, n := map[string][]string{}, 0
	for s, objects := range r.p.log {
		a := region.MayRead(r.seat(), s)
		for _, o := range objects {
			if a.Allowed && o.seq >= max(a.From, r.next[s]) {
				want[region.Name(s)] = append(want[region.Name(s)], o.raw)
				n++
			}
		}
	}
	return want, n
}

// settle waits for as much as is due, compares it, and sees that the durables
// have nothing more to give.
func (r *reader) settle(region *policy.Region) error {
	want, n := r.due(region)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for waiting := true; waiting && r.count() < n; {
		select {
		case <-r.changed:
		case <-timeout.C:
			waiting = false
		}
	}
	if err := r.compare(want); err != nil {
		return err
	}
	allowed := map[string]bool{}
	for s := range r.p.log {
		if a := region.MayRead(r.seat(), s); a.Allowed {
			allowed[region.Name(s)] = true
			r.next[s] = max(a.From, r.p.last(s)+1)
			if err := r.exhausted(region.Name(s)); err != nil {
				return err
			}
		}
	}
	if err := r.redelivered(allowed); err != nil {
		return err
	}
	return r.compare(nil)
}

func (r *reader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, objects := range r.got {
		n += len(objects)
	}
	return n
}

// compare takes what has arrived and compares it with what should have.
func (r *reader) compare(want map[string][]string) error {
	r.mu.Lock()
	got := r.got
	r.got = map[string][]string{}
	r.mu.Unlock()
	for _, stream := range slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got))) {
		if !slices.Equal(want[stream], got[stream]) {
			return fmt.Errorf("on %s received %s, should have received %s", stream, told(map[string][]string{stream: got[stream]}), told(map[string][]string{stream: want[stream]}))
		}
	}
	return nil
}

// told names objects by their number.
func told(objects map[string][]string) string {
	var b strings.Builder
	for _, stream := range sortedKeys(objects) {
		fmt.Fprintf(&b, "%s[", stream)
		for _, raw := range objects[stream] {
			var o struct{ Name string }
			if err := json.Unmarshal([]byte(raw), &o); err != nil {
				o.Name = raw
			}
			fmt.Fprintf(&b, "%s,", strings.TrimPrefix(o.Name, "test "))
		}
		b.WriteString("]")
	}
	return b.String()
}

// exhausted waits until a durable has nothing to deliver and, unless messages
// are held, every acknowledgement.
func (r *reader) exhausted(stream string) error {
	c := r.durable[stream]
	if c == nil {
		return fmt.Errorf("it has no durable on %s", stream)
	}
	for began := time.Now(); ; {
		info, err := c.Info(r.p.t.Context())
		if err != nil {
			return fmt.Errorf("looking at its durable on %s: %w", stream, err)
		}
		r.mu.Lock()
		done := info.NumPending == 0 && (r.holding || info.NumAckPending == 0)
		r.mu.Unlock()
		if done {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("its durable on %s has %d pending and %d unacknowledged", stream, info.NumPending, info.NumAckPending)
		}
	}
}
