package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/selat-hub/selat/broker"
)

// raw is the bare engine: the hub's store settings, no accounts, no hub.
type raw struct {
	ns *server.Server
	n  int
}

func startRaw(dir string) (*raw, error) {
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, MaxPayload: 9 << 20, MaxPending: 256 << 20}
	broker.StoreSettings(o, filepath.Join(dir, "raw"), "a key for the benchmark of the bare engine")
	ns, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("making the bare engine: %w", err)
	}
	go ns.Start() // ends with WaitForShutdown in close
	if !ns.ReadyForConnections(30 * time.Second) {
		return nil, errors.New("the bare engine did not start")
	}
	return &raw{ns: ns}, nil
}

func (r *raw) close() {
	r.ns.Shutdown()
	r.ns.WaitForShutdown()
}

// stream makes a new stream with the settings of the hub's own.
func (r *raw) stream(ctx context.Context) (name string, js jetstream.JetStream, done func(), err error) {
	nc, err := nats.Connect(r.ns.ClientURL())
	if err != nil {
		return "", nil, nil, err
	}
	if js, err = jetstream.New(nc); err != nil {
		nc.Close()
		return "", nil, nil, err
	}
	r.n++
	name = fmt.Sprintf("RAW%d", r.n)
	if _, err := js.CreateStream(ctx, broker.StreamSettings(name, name+".*")); err != nil {
		nc.Close()
		return "", nil, nil, err
	}
	return name, js, func() { nc.Close() }, nil
}

// clients runs f in n clients, each with a connection of its own, until all
// have returned or one failed.
func (r *raw) clients(ctx context.Context, n int, f func(ctx context.Context, i int, js jetstream.JetStream) error) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		nc, err := nats.Connect(r.ns.ClientURL())
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			return err
		}
		return f(ctx, i, js)
	})
}

// each runs f n times at once and joins the errors.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if errs[i] = f(ctx, i); errs[i] != nil {
				cancel()
			}
		}()
	}
	wait.Wait()
	return errors.Join(errs...)
}

// batches is limit (a): one message for each object, in atomic batches of
// 1,000, by 8 clients.
func (r *raw) batches(ctx context.Context, total int) (Row, error) {
	const clients, size = 8, 1000
	name, _, done, err := r.stream(ctx)
	if err != nil {
		return Row{}, err
	}
	defer done()
	object := newSubmission(1).payload[:objectBytes]
	left := atomic.Int64{}
	left.Store(int64(max(1, total/size)))
	m := startMeter()
	err = r.clients(ctx, clients, func(ctx context.Context, i int, js jetstream.JetStream) error {
		for left.Add(-1) >= 0 {
			b, err := jetstreamext.NewBatchPublisher(js)
			if err != nil {
				return err
			}
			for range size - 1 {
				if err := b.Add(name+".x", object); err != nil {
					return err
				}
			}
			if _, err := b.Commit(ctx, name+".x", object); err != nil {
				return err
			}
		}
		return nil
	})
	return m.row("raw (a) batches", clients, size, max(1, total/size)*size, nil), err
}

// messages is limit (b): the same bytes in messages of the size the hub wrote.
func (r *raw) messages(ctx context.Context, total, bytes int) (Row, error) {
	const clients, window = 8, 8
	name, _, done, err := r.stream(ctx)
	if err != nil {
		return Row{}, err
	}
	defer done()
	perMessage := max(1, bytes/objectBytes)
	data := newSubmission(perMessage).payload
	count := max(1, total/perMessage)
	left := atomic.Int64{}
	left.Store(int64(count))
	m := startMeter()
	err = r.clients(ctx, clients, func(ctx context.Context, i int, js jetstream.JetStream) error {
		var open []jetstream.PubAckFuture
		for left.Add(-1) >= 0 {
			f, err := js.PublishAsync(name+".x", data)
			if err != nil {
				return err
			}
			if open = append(open, f); len(open) == window {
				if err := acked(ctx, open[0]); err != nil {
					return err
				}
				open = open[1:]
			}
		}
		for _, f := range open {
			if err := acked(ctx, f); err != nil {
				return err
			}
		}
		return nil
	})
	return m.row("raw (b) messages", clients, perMessage, count*perMessage, nil), err
}

func acked(ctx context.Context, f jetstream.PubAckFuture) error {
	select {
	case <-f.Ok():
		return nil
	case err := <-f.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// singles is one object a message, each client waiting for its ack.
func (r *raw) singles(ctx context.Context, clients, total int) (Row, error) {
	name, _, done, err := r.stream(ctx)
	if err != nil {
		return Row{}, err
	}
	defer done()
	object := newSubmission(1).payload[:objectBytes]
	trips := make([][]time.Duration, clients)
	m := startMeter()
	err = r.clients(ctx, clients, func(ctx context.Context, i int, js jetstream.JetStream) error {
		for range total / clients {
			at := time.Now()
			if _, err := js.Publish(ctx, name+".x", object); err != nil {
				return err
			}
			trips[i] = append(trips[i], time.Since(at))
		}
		return nil
	})
	return m.row(fmt.Sprintf("raw singles x%d", clients), clients, 1, total/clients*clients, flat(trips)), err
}

func flat(trips [][]time.Duration) []time.Duration {
	var out []time.Duration
	for _, t := range trips {
		out = append(out, t...)
	}
	return out
}
