package broker_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A seat turns against the hub: us/mallory, who may publish, and read up to
// GREEN. Once with its own credentials, and once as if their scope did not
// exist. What it must not read bears marks no other object has.

const privateName = "quietroom"

type attack struct {
	t       *testing.T
	h       *testHub
	mallory *seat
	victim  *seat // my/analyst, reads everything of its member
	source  *seat // sg/feed
	streams []string
	// readable is audience.level of what mallory may read.
	readable map[string]bool
	hidden   [][]byte // what no byte of any answer may hold
	foreign  [][]byte // keys and names of others, which answers of the engine must not hold
	sent     int      // hidden objects published
	objects  int
}

func newAttack(t *testing.T) *attack {
	a := &attack{t: t, h: newTestHub(t)}
	must(t, a.h.AddCommunity(t.Context(), policy.Community{Name: privateName, Private: true}))
	for _, m := range []string{"sg", "my"} {
		must(t, a.h.Join(t.Context(), privateName, m, false))
	}
	a.source = a.h.seat("sg/feed", policy.Both, stix.Red)
	a.victim = a.h.seat("my/analyst", policy.Both, stix.Red)
	a.mallory = a.h.seat("us/mallory", policy.Both, stix.Green)
	a.hidden = [][]byte{[]byte(privateName), []byte("hidden-"), []byte("198.51.100.")}
	a.foreign = [][]byte{[]byte(a.victim.account), []byte(a.source.account), []byte(a.h.SystemAccount()), []byte("my/analyst"), []byte("sg/feed")}
	region := a.h.Region()
	for _, s := range region.Streams() {
		a.streams = append(a.streams, region.Name(s))
	}
	a.streams = append(a.streams, "KV_DIRECTORY")
	a.readable = map[string]bool{}
	for _, s := range region.Readable(region.Seats["us/mallory"]) {
		a.readable[s.Audience+"."+s.Level.String()] = true
	}
	for range 3 {
		a.publish()
	}
	a.source.drain()
	a.victim.drain()
	a.mallory.drain()
	a.publish()
	return a
}

// publish stores an object mallory may read, and hidden ones on every kind of
// stream it may not.
func (a *attack) publish() {
	a.t.Helper()
	accepted := func(raw, to string) {
		a.t.Helper()
		if r := a.source.submit(bundle(raw), to); r.Accepted == 0 {
			a.t.Fatalf("%s: %+v", to, r)
		}
	}
	a.objects++
	accepted(indicator(a.objects, stix.Green), "region")
	for _, to := range []struct {
		level stix.Level
		name  string
	}{{stix.Amber, "region"}, {stix.AmberStrict, "asean-us"}, {stix.Clear, "asean"}, {stix.Amber, "asean"}, {stix.Clear, privateName}, {stix.Amber, privateName}, {stix.Red, "my"}, {stix.Red, "us"}} {
		a.objects++
		a.sent++
		raw := indicator(a.objects, to.level)
		raw = strings.Replace(raw, `"name":"test`, `"name":"hidden-`, 1)
		raw = strings.Replace(raw, `192.0.2.`, `198.51.100.`, 1)
		accepted(raw, to.name)
	}
}

// hostile is one connection of mallory's and all that ever came over it.
type hostile struct {
	a     *attack
	name  string
	nc    *nats.Conn
	inbox string

	mu       sync.Mutex
	fired    map[string]request // by the last token of the reply subject
	answered map[string]bool
	changed  chan struct{}
	leaks    []string
	traces   int
	denials  int // permission violations told to the client
}

// request is one probe: what was asked, and whether the seat may ask it.
type request struct {
	subject string
	own     bool
}

func (a *attack) hostile(name string, auth nats.Option) *hostile {
	c := &hostile{a: a, name: name, fired: map[string]request{}, answered: map[string]bool{}, changed: make(chan struct{}, 1)}
	var err error
	c.nc, err = nats.Connect(a.h.URL(), auth, nats.NoReconnect(), nats.Timeout(patience), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			c.mu.Lock()
			c.denials++
			c.mu.Unlock()
			c.signal()
		}
	}))
	must(a.t, err)
	a.t.Cleanup(c.nc.Close)
	c.inbox = nats.NewInbox()
	_, err = c.nc.Subscribe(c.inbox+".*", c.answer)
	must(a.t, err)
	must(a.t, c.nc.Flush())
	return c
}

func (c *hostile) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// leaked notes what is wrong with a message that reached mallory.
func (c *hostile) leaked(about string, m *nats.Msg) {
	head := fmt.Sprint(m.Header)
	for _, h := range c.a.hidden {
		if bytes.Contains(m.Data, h) || strings.Contains(head, string(h)) || strings.Contains(m.Subject, string(h)) {
			c.leaks = append(c.leaks, fmt.Sprintf("%s: the answer on %s holds %q: %s %s", about, m.Subject, h, head, m.Data))
		}
	}
}

// answer judges an answer: to a request that is not the seat's to make only a
// bare status or an error may come.
func (c *hostile) answer(m *nats.Msg) {
	c.mu.Lock()
	defer c.signal()
	defer c.mu.Unlock()
	if strings.HasPrefix(m.Subject, "cti.") {
		// A pulled message comes under the subject it is stored under.
		c.leaked("pulling", m)
		if tokens := strings.Split(m.Subject, "."); !c.a.readable[tokens[1]+"."+tokens[2]] {
			c.leaks = append(c.leaks, fmt.Sprintf("pulled %s %v", m.Subject, m.Header))
		}
		return
	}
	token := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	q := c.fired[token]
	c.answered[token] = true
	c.leaked(q.subject, m)
	if q.own || len(m.Data) == 0 && m.Header.Get("Status") != "" {
		return
	}
	if strings.HasPrefix(q.subject, "$SYS.") {
		for _, key := range c.a.foreign {
			if bytes.Contains(m.Data, key) && !strings.Contains(q.subject, string(key)) {
				c.leaks = append(c.leaks, fmt.Sprintf("%s: the answer holds %s: %s", q.subject, key, m.Data))
			}
		}
		return
	}
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil || len(answer.Error) == 0 {
		c.leaks = append(c.leaks, fmt.Sprintf("%s was answered with %v %q", q.subject, m.Header, m.Data))
	}
}

func (c *hostile) fire(own bool, subject, body string) {
	c.a.t.Helper()
	c.mu.Lock()
	token := fmt.Sprint(len(c.fired))
	c.fired[token] = request{subject, own}
	flush := len(c.fired)%500 == 0
	c.mu.Unlock()
	must(c.a.t, c.nc.PublishRequest(subject, c.inbox+"."+token, []byte(body)))
	if flush {
		must(c.a.t, c.nc.Flush())
	}
}

// await waits until a condition on the connection's record holds.
func (c *hostile) await(what string, holds func() bool) {
	c.a.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		done := holds()
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.changed:
		case <-timeout.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			open := map[string]int{}
			for token, q := range c.fired {
				if !c.answered[token] {
					open[strings.Join(strings.Split(q.subject, ".")[:min(4, strings.Count(q.subject, "."))], ".")]++
				}
			}
			c.a.t.Fatalf("%s: %s: %d of %d answered, %d denied; not %v", c.name, what, len(c.answered), len(c.fired), c.denials, open)
		}
	}
}

// every waits until each request has its answer: from a responder, or the
// engine's word that there is none. Two kinds may stay without one: what the
// engine denies to anybody, and requests to its own JetStream API, which it
// takes from every account, answers to those without JetStream that they have
// none, and passes over in silence where it is no cluster.
func (c *hostile) every() {
	c.a.t.Helper()
	c.await("waiting for every answer", func() bool {
		for token, q := range c.fired {
			if !c.answered[token] && !strings.HasPrefix(q.subject, "$JS.API.") && !strings.HasPrefix(q.subject, "_GR_.") {
				return false
			}
		}
		return true
	})
	c.fire(false, "$JS.API.INFO", "")
	c.await("waiting for the engine's last answer", func() bool { return c.answered[fmt.Sprint(len(c.fired)-1)] })
}

// verdict reports what leaked so far.
func (c *hostile) verdict() {
	c.a.t.Helper()
	must(c.a.t, c.nc.Flush())
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.leaks[:min(len(c.leaks), 20)] {
		c.a.t.Errorf("%s: %.600s", c.name, l)
	}
}

// state is everything that mallory might have changed, as the HUB account
// sees it. Durables of mallory's own count by their settings only.
func (a *attack) state(upTo map[string]uint64) map[string]string {
	a.t.Helper()
	ctx := a.t.Context()
	out := map[string]string{}
	js := a.h.Stores()
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		name := info.Config.Name
		out[name+" settings"] = asJSON(a.t, info.Config)
		last := info.State.LastSeq
		if upTo != nil {
			last = upTo[name]
		} else {
			out[name+" size"] = fmt.Sprint(info.State.Msgs, info.State.Bytes, info.State.FirstSeq, info.State.LastSeq, info.State.NumDeleted, info.State.Consumers)
		}
		out[name+" content"] = a.digest(ctx, name, last)
		stream, err := js.Stream(ctx, name)
		must(a.t, err)
		consumers := stream.ListConsumers(ctx)
		for c := range consumers.Info() {
			key := name + " durable " + c.Name
			out[key] = asJSON(a.t, c.Config)
			if c.Name != a.mallory.account {
				out[key] += fmt.Sprint(c.Delivered.Consumer, c.Delivered.Stream, c.AckFloor.Consumer, c.AckFloor.Stream, c.NumAckPending, c.NumRedelivered, c.Paused)
			}
		}
		must(a.t, consumers.Err())
	}
	must(a.t, list.Err())
	a.accounts(out)
	return out
}

// digest is over all messages of a stream up to one: sequence, subject,
// headers and bytes.
func (a *attack) digest(ctx context.Context, stream string, last uint64) string {
	a.t.Helper()
	sum := sha256.New()
	for from := uint64(1); from <= last; {
		msgs, err := jetstreamext.GetBatch(ctx, a.h.Stores(), stream, 256, jetstreamext.GetBatchSeq(from))
		must(a.t, err)
		n := 0
		for m, err := range msgs {
			if errors.Is(err, jetstreamext.ErrNoMessages) {
				break
			}
			must(a.t, err)
			if m.Sequence > last {
				break
			}
			for _, h := range readingHeaders {
				delete(m.Header, h) // of the reading, not of the message
			}
			fmt.Fprintln(sum, m.Sequence, m.Time, m.Subject, m.Header)
			sum.Write(m.Data)
			from, n = m.Sequence+1, n+1
		}
		if n == 0 {
			break
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (a *attack) accounts(out map[string]string) {
	a.t.Helper()
	issued := a.h.AccountsInForce()
	if len(issued) < 5 {
		a.t.Fatalf("%d accounts are in force", len(issued))
	}
	for account, token := range issued {
		out["account "+account] = token
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func (a *attack) unchanged(what string, before, after map[string]string) {
	a.t.Helper()
	for _, k := range slices.Concat(sortedKeys(before), sortedKeys(after)) {
		if before[k] != after[k] {
			a.t.Errorf("%s changed %s from %.400q to %.400q", what, k, before[k], after[k])
		}
	}
}

// counter is the sum of a metric over the label values that are given.
func (a *attack) counter(name string, labels ...string) float64 {
	a.t.Helper()
	reg := prometheus.NewRegistry()
	must(a.t, a.h.Metrics.Register(reg))
	families, err := reg.Gather()
	must(a.t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			fits := 0
			for i := 0; i+1 < len(labels); i += 2 {
				for _, l := range m.GetLabel() {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						fits++
					}
				}
			}
			if fits == len(labels)/2 {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
