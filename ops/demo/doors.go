package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
)

// tryDoors lets every reading seat try, with its own credentials on a plain
// NATS connection, to open each stream that it may not read. The hub must have
// made no durable there.
func (x *show) tryDoors(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var mu sync.Mutex
	var tasks sync.WaitGroup
	var errs []error
	for _, s := range x.readers {
		tasks.Go(func() {
			tried, opened, err := x.tryDoorsOf(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			x.doors += tried
			for _, stream := range opened {
				x.fault("door", s.Name, "it could look at %s, which it may not read", stream)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("trying the streams of others as %s: %w", s.Name, err))
			}
		})
	}
	tasks.Wait()
	return errors.Join(errs...)
}

func (x *show) tryDoorsOf(ctx context.Context, s *seat) (tried int, opened []string, err error) {
	closed := make(chan struct{})
	nc, err := nats.Connect(x.site.hub.URL(), nats.UserCredentials(s.creds), nats.NoReconnect(), nats.Name("selat demo, trying doors"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // a door that is shut says so in its answer
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		return 0, nil, err
	}
	defer func() { nc.Close(); <-closed }()
	js, err := jetstream.NewWithAPIPrefix(nc, api.APIPrefix)
	if err != nil {
		return 0, nil, err
	}
	for _, stream := range x.region.Streams() {
		if x.region.MayRead(s.Seat, stream).Allowed {
			continue
		}
		tried++
		name := x.region.Name(stream)
		switch _, err := js.Consumer(ctx, name, s.Account); {
		case err == nil:
			opened = append(opened, name)
		case ctx.Err() != nil:
			return tried, opened, ctx.Err()
		case !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound):
			return tried, opened, fmt.Errorf("stream %s: %w", name, err)
		}
	}
	return tried, opened, nil
}
