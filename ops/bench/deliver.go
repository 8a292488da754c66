package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

const (
	deliverStream  = "CTI_REGION_CLEAR"
	deliverReaders = 12
)

// Deliver measures objects delivered and acknowledged per second, to 1 and to
// 12 readers: seats of the hub, and durables of the bare engine that hold the
// same messages.
func Deliver(ctx context.Context, o Options) (*Report, error) {
	rep := newReport("deliver")
	r, h, done, err := startBoth(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer done()
	o.say("filling the hub with %d objects", o.Objects)
	fill, messageBytes, err := h.accept(ctx, 8, allMembers, 1000, o.Objects)
	if err != nil {
		return nil, fmt.Errorf("filling the hub: %w", err)
	}
	o.say("filling the bare engine with the same bytes in messages of %d KiB", messageBytes>>10)
	name, perMessage, messages, err := r.fill(ctx, fill.Total, messageBytes)
	if err != nil {
		return nil, fmt.Errorf("filling the bare engine: %w", err)
	}
	size, err := h.StreamSize(ctx, deliverStream)
	if err != nil {
		return nil, err
	}
	for _, readers := range []int{1, deliverReaders} {
		o.say("raw: %d durables", readers)
		raw, err := r.deliver(ctx, name, readers, messages, perMessage)
		if err != nil {
			return nil, fmt.Errorf("measuring raw delivery: %w", err)
		}
		raw.Name = fmt.Sprintf("raw (b) x%d", readers)
		o.say("hub: %d seats", readers)
		row, err := h.deliver(ctx, readers, int(size.Messages), fill.Total)
		if err != nil {
			return nil, fmt.Errorf("measuring delivery: %w", err)
		}
		row.against(raw)
		rep.Rows = append(rep.Rows, raw, row)
	}
	return rep, nil
}

// fill stores total objects in messages of about the given size.
func (r *raw) fill(ctx context.Context, total, bytes int) (stream string, perMessage, messages int, err error) {
	name, js, done, err := r.stream(ctx)
	if err != nil {
		return "", 0, 0, err
	}
	defer done()
	perMessage = max(1, bytes/objectBytes)
	messages = max(1, total/perMessage)
	data := newSubmission(perMessage).payload
	for range messages {
		if _, err := js.Publish(ctx, name+".x", data); err != nil {
			return "", 0, 0, err
		}
	}
	return name, perMessage, messages, nil
}

func (r *raw) deliver(ctx context.Context, stream string, readers, messages, perMessage int) (Row, error) {
	consumers := make([]jetstream.Consumer, readers)
	for i := range consumers {
		nc, err := nats.Connect(r.ns.ClientURL())
		if err != nil {
			return Row{}, err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return Row{}, err
		}
		consumers[i], err = js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{Durable: fmt.Sprintf("r%d-%d", readers, i),
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 1000, SampleFrequency: "10%"})
		if err != nil {
			return Row{}, err
		}
	}
	m := startMeter()
	if err := each(ctx, readers, func(ctx context.Context, i int) error { return consume(ctx, consumers[i], messages) }); err != nil {
		return Row{}, err
	}
	return m.row("raw", readers, perMessage, readers*messages*perMessage, nil), nil
}

// deliver connects new seats, which read the stream from its beginning.
func (h *hub) deliver(ctx context.Context, readers, messages, objects int) (Row, error) {
	members := []string{"bn", "kh", "id", "la", "my", "mm", "ph", "sg", "th", "tl", "vn", "us"}
	consumers := make([]jetstream.Consumer, readers)
	for i := range consumers {
		nc, err := h.seat(ctx, fmt.Sprintf("%s/read%d-%d", members[i%len(members)], readers, i), policy.Subscriber)
		if err != nil {
			return Row{}, err
		}
		defer nc.Close()
		reply, err := nc.RequestWithContext(ctx, api.SubjectStreams, nil)
		if err != nil {
			return Row{}, err
		}
		var streams api.Streams
		if err := json.Unmarshal(reply.Data, &streams); err != nil {
			return Row{}, err
		}
		js, err := jetstream.NewWithAPIPrefix(nc, api.APIPrefix)
		if err != nil {
			return Row{}, err
		}
		if consumers[i], err = js.Consumer(ctx, deliverStream, streams.Consumer); err != nil {
			return Row{}, err
		}
	}
	m := startMeter()
	if err := each(ctx, readers, func(ctx context.Context, i int) error { return consume(ctx, consumers[i], messages) }); err != nil {
		return Row{}, err
	}
	return m.row("hub", readers, 0, readers*objects, nil), nil
}

// consume takes and acknowledges n messages.
func consume(ctx context.Context, c jetstream.Consumer, n int) error {
	var got atomic.Int64
	done := make(chan error, 1)
	cc, err := c.Consume(func(m jetstream.Msg) {
		err := m.Ack()
		if err != nil || got.Add(1) == int64(n) {
			select {
			case done <- err:
			default:
			}
		}
	}, jetstream.PullMaxMessagesWithBytesLimit(200, 32<<20), jetstream.PullExpiry(30*time.Second), jetstream.PullHeartbeat(5*time.Second))
	if err != nil {
		return err
	}
	defer cc.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
