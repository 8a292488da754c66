package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

const (
	clearMarking  = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	receiveWithin = 10 * time.Second
	denyWithin    = 5 * time.Second
)

// probe sends an object to the community of exercises, and sees it come back by
// the seat's own durable. What the durable holds for the seat's daemon is left to
// that: it is looked at only when nothing else waits there and nobody listens.
func (m *member) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*askWithin)
	defer cancel()
	conn, err := m.raw()
	if err != nil {
		m.fail("receive", "try again, then tell the hub's team", "%v", err)
		return
	}
	defer conn.Close()
	own, err := m.durable(ctx, conn)
	if err != nil {
		m.fail("receive", "tell the hub's team; its log says why", "%v", err)
		return
	}
	seq := m.publish(ctx)
	switch {
	case seq == 0 && own == nil:
		m.skip("receive", "nothing was published to be received")
	case seq == 0:
		m.ok("receive", "its durable in %s answers", policy.Drill)
	case own == nil:
		m.skip("receive", "a seat that only publishes has no durable")
	case own.idle:
		m.receive(ctx, own, seq)
	case own.waiting > 0:
		m.byDaemon(ctx, own.stream, seq)
	default:
		m.skip("receive", "what waits before it (%d) is left to the seat's own daemon", own.pending)
	}
}

// durable is the seat's own on the stream that the probe goes to.
type durable struct {
	jetstream.Consumer
	stream  string
	pending uint64
	waiting int
	idle    bool // nothing waits there and nobody listens
}

// durable looks at it without receiving anything; nil if there is none.
func (m *member) durable(ctx context.Context, conn *nats.Conn) (*durable, error) {
	all, err := m.hub.Streams(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all.Streams, func(s api.StreamAccess) bool { return s.Audience == policy.Drill && s.Level == stix.Clear })
	if i < 0 {
		return nil, nil
	}
	js, err := jetstream.NewWithAPIPrefix(conn, api.APIPrefix)
	if err != nil {
		return nil, fmt.Errorf("opening the durable: %w", err)
	}
	c, err := js.Consumer(ctx, all.Streams[i].Name, all.Consumer)
	if err != nil {
		return nil, fmt.Errorf("looking at the durable in %s: %w", policy.Drill, err)
	}
	info := c.CachedInfo()
	d := &durable{Consumer: c, stream: all.Streams[i].Name, pending: info.NumPending + uint64(info.NumAckPending), waiting: info.NumWaiting}
	d.idle = d.pending == 0 && d.waiting == 0
	return d, nil
}

// publish sends the probe, and returns its sequence, 0 if there is none.
func (m *member) publish(ctx context.Context) uint64 {
	switch {
	case !m.o.Probe:
		m.skip("publish", "not asked for")
		return 0
	case !slices.Contains(m.me.Communities, policy.Drill):
		m.skip("publish", "the member is not in the community %s, which probes go to", policy.Drill)
		return 0
	case m.me.Kind == string(policy.Subscriber):
		m.skip("publish", "a seat that only subscribes does not publish")
		return 0
	}
	began := time.Now()
	r, err := m.hub.Submit(ctx, probeObject(began.UTC()), client.SubmitOptions{To: []string{policy.Drill}})
	switch {
	case err != nil:
		m.fail("publish", "tell the hub's team", "%v", err)
	case r.Error != nil:
		m.fail("publish", "the code says why: see the README", "%s (%s)", r.Error.Message, r.Error.Code)
	case len(r.Objects) != 1 || r.Objects[0].Outcome != api.Accepted:
		m.fail("publish", "the code says why: see the README", "%s", refusal(r))
	default:
		m.ok("publish", "an object in %s is on the hub's disk after %s", policy.Drill, time.Since(began).Round(time.Millisecond/10))
		return r.Objects[0].Sequence
	}
	return 0
}

func refusal(r *api.Receipt) string {
	for _, o := range r.Objects {
		for _, f := range o.Findings {
			return fmt.Sprintf("%s (%s)", f.Message, f.Code)
		}
	}
	return "the receipt tells of no object"
}

func probeObject(now time.Time) []byte {
	at := now.Format("2006-01-02T15:04:05.000Z")
	return fmt.Appendf(nil, `{"type":"note","spec_version":"2.1","id":"note--%s","created":%q,"modified":%[2]q,"abstract":"EXERCISE: a probe of selat doctor","content":"This object shows that publishing and receiving work. It means nothing else.","labels":["exercise"],"object_refs":[%[3]q],"object_marking_refs":[%[3]q]}`, uuid.NewString(), at, clearMarking)
}

// receive takes the probe, and puts back at once whatever else should come.
func (m *member) receive(ctx context.Context, own *durable, seq uint64) {
	began := time.Now()
	batch, err := own.Fetch(1, jetstream.FetchMaxWait(receiveWithin))
	if err != nil {
		m.fail("receive", "tell the hub's team", "%v", err)
		return
	}
	msg, came := <-batch.Messages()
	if !came {
		m.warn("receive", "does the seat receive notes (selat seat show)? if so, tell the hub's team", "it did not come back within %s", receiveWithin)
		return
	}
	meta, err := msg.Metadata()
	if err != nil || meta.Sequence.Stream != seq {
		if err := msg.Nak(); err != nil {
			m.warn("receive", "start the seat's daemon, which receives it again", "another message came first and could not be put back: %v", err)
			return
		}
		m.skip("receive", "another message came first, and was put back")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if err := msg.DoubleAck(ctx); err != nil {
		m.fail("receive", "tell the hub's team", "it came, but the acknowledgement was not taken: %v", err)
		return
	}
	m.ok("receive", "it came back after %s, and its acknowledgement was taken", time.Since(began).Round(time.Millisecond/10))
}

// byDaemon sees whether what runs as this seat acknowledges the probe.
func (m *member) byDaemon(ctx context.Context, stream string, seq uint64) {
	ctx, cancel := context.WithTimeout(ctx, receiveWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := m.hub.Streams(ctx)
		if err == nil && slices.ContainsFunc(all.Streams, func(s api.StreamAccess) bool { return s.Name == stream && s.AckFloor >= seq }) {
			m.ok("receive", "the daemon that runs as this seat received and acknowledged it")
			return
		}
		select {
		case <-ctx.Done():
			m.warn("receive", "look at that daemon's log", "a daemon listens as this seat, and has not acknowledged it within %s", receiveWithin)
			return
		case <-tick.C:
		}
	}
}

// raw is a connection of the seat without the client's good manners.
func (m *member) raw(options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.UserCredentials(m.o.CredsFile), nats.Name("selat doctor"), nats.Timeout(dialWithin), nats.NoReconnect())
	if m.url.Scheme == "tls" || m.creds.CA != nil {
		options = append(options, nats.Secure(m.tlsConfig()))
	}
	nc, err := nats.Connect(m.url.String(), options...)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return nc, nil
}

// denials tries what the hub must not let a seat do. It counts these in its metrics
// as what they are.
func (m *member) denials(ctx context.Context) {
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	conn, err := m.raw(quiet)
	if err != nil {
		m.fail("denials", "try again", "%v", err)
		return
	}
	defer conn.Close()
	const stranger = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	stream := "CTI_" + strings.ToUpper(policy.Drill) + "_CLEAR"
	for _, try := range []struct {
		what, subject string
		do            func(subject string) error
	}{
		{"to listen to everything", ">", func(s string) error { _, err := conn.SubscribeSync(s); return err }},
		{"to listen to what is stored", "cti.>", func(s string) error { _, err := conn.SubscribeSync(s); return err }},
		{"to make a durable of its own", "$JS.API.CONSUMER.CREATE." + stream, func(s string) error { return conn.Publish(s, nil) }},
		{"to make one by the hub's door", api.APIPrefix + ".CONSUMER.CREATE." + stream, func(s string) error { return conn.Publish(s, nil) }},
		{"to pull from another's durable", api.APIPrefix + ".CONSUMER.MSG.NEXT." + stream + "." + stranger, func(s string) error { return conn.Publish(s, nil) }},
		{"to administer the hub", api.AdminPrefix + "member.list", func(s string) error { return conn.Publish(s, nil) }},
	} {
		if err := try.do(try.subject); err != nil {
			m.fail("denials", "try again", "%v", err)
			return
		}
		if !denied(ctx, conn, try.subject) {
			m.fail("denials", "tell the hub's team at once: the walls between seats have a hole", "the hub does not deny this seat %s (%s)", try.what, try.subject)
			return
		}
	}
	m.ok("denials", "the hub denies listening to others, making durables, pulling from others' and administering")
}

// denied reports whether the hub denied a subject. It says so before it answers the
// ping that is sent behind.
func denied(ctx context.Context, conn *nats.Conn, subject string) bool {
	ctx, cancel := context.WithTimeout(ctx, denyWithin)
	defer cancel()
	if err := conn.FlushWithContext(ctx); err != nil {
		return false
	}
	err := conn.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"`+subject+`"`)
}
