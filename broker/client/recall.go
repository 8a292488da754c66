package client

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
)

// firstOrdersWait bounds how long Subscribe waits for the orders that were there
// when it began: somewhat longer than the 30 s after which the hub sends again
// what a process had in hand that died. It only delays: an order that comes later
// is handled then.
const firstOrdersWait = 45 * time.Second

// firstOrders handles the orders that wait for this seat before any object is
// received, and returns the streams as they are then.
func (s *subscription) firstOrders(ctx context.Context, streams *api.Streams) *api.Streams {
	timer := time.NewTimer(firstOrdersWait)
	defer timer.Stop()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		all := followed(&api.Streams{Control: streams.Control})
		if len(all) == 0 || !s.waits(&all[0]) {
			return streams
		}
		s.follow(ctx, &api.Streams{Consumer: streams.Consumer, Control: streams.Control})
		select {
		case <-ctx.Done():
			return &api.Streams{Consumer: streams.Consumer}
		case <-timer.C:
			s.log.Warn("orders to forget objects are still waiting, and other objects go on", "waiting", all[0].Pending)
			return streams
		case <-s.ordered:
		case <-look.C:
		}
		again, err := s.client.Streams(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				s.log.Warn("the hub does not tell the streams of this seat", "error", err)
			}
			continue
		}
		streams = again
	}
}

// orderArrived is logged when an order is in force here, handled or not.
const orderArrived = "an order to forget an object has arrived"

// order handles a message with an order.
func (r *reader) order(msg jetstream.Msg) (finished, error) {
	s := r.sub
	var o api.RecallOrder
	if err := json.Unmarshal(msg.Data(), &o); err != nil || o.Recall == "" || o.ID == "" {
		return r.unreadable(msg, errors.Join(errors.New("it is no order to forget an object"), err)), nil
	}
	f := finished{msg: msg, order: true, then: s.tellOrdered}
	k, err := s.orders.arrive(&o, func() (bool, error) { return s.keeps(r.ctx, &o) })
	if r.ctx.Err() != nil {
		f.keep, r.left = true, append(r.left, msg)
		return f, nil
	}
	if err != nil {
		return f, err
	}
	s.log.Debug(orderArrived, "recall", o.Recall, "origin", o.Origin, "id", o.ID, "kept", k.Kept)
	s.turn.Lock()
	defer s.turn.Unlock()
	// What was taken and is not forgotten everywhere yet comes again and again: that is
	// nothing new.
	if !s.orders.isDone(k) {
		s.touch()
		defer s.touch()
		tell := s.opts.OnRecall
		if s.orders.leaves(k) {
			tell = s.opts.OnNarrowed
		}
		if tell != nil {
			err = tell(s.work, o)
		}
		if err == nil {
			err = s.orders.done(k)
			if err != nil {
				return f, err
			}
		}
	}
	s.setFailing(address{r.access.Name, sequence(msg)}, err != nil)
	if f.ack = err == nil; err != nil {
		s.log.Warn("an order to forget an object failed; it will come again", "recall", o.Recall, "origin", o.Origin, "id", o.ID, "error", err)
		f.delay = pause(attempts(msg))
	}
	return f, nil
}

// keeps reports whether an order leaves this seat what it has. The hub is asked
// each time, since the seat's ceiling may have changed a moment ago.
func (s *subscription) keeps(ctx context.Context, o *api.RecallOrder) (bool, error) {
	if o.Before == "" {
		return false, nil
	}
	me, err := s.client.Whoami(ctx)
	if err != nil {
		return false, err
	}
	return Keeps(o, me), nil
}

// tellOrdered wakes whoever waits for the first orders.
func (s *subscription) tellOrdered() {
	select {
	case s.ordered <- struct{}{}:
	default:
	}
}
