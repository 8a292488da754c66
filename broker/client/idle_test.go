package client

import (
	"context"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// orderMessage is an order as it comes from the hub.
type orderMessage struct{ jetstream.Msg }

func (orderMessage) Data() []byte {
	return []byte(`{"recall":"r","origin":"sg","id":"indicator--1","tlp":"green","reason":"wrong","at":"2026-01-01T00:00:00Z"}`)
}

func (orderMessage) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{NumDelivered: 1}, nil
}

// It comes again every 30 s where it is not forgotten everywhere, and an Idle of that
// long would never pass.
func TestAnOrderThatWasTakenAndComesAgainIsNoNews(t *testing.T) {
	s := &subscription{log: slog.New(slog.DiscardHandler), done: make(chan finished, 2), held: map[jetstream.Msg]struct{}{}, failing: map[address]struct{}{}, seen: newMemorySeen()}
	var err error
	if s.orders, err = openOrders(s.seen); err != nil {
		t.Fatal(err)
	}
	r := &reader{sub: s, access: source{orders: true}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.ctx, r.cancel = ctx, cancel
	for i, news := range []bool{true, false} {
		s.lastSeen.Store(0)
		r.receive(orderMessage{})
		if got := s.lastSeen.Load() != 0; got != news {
			t.Errorf("time %d: it is news: %t", i+1, got)
		}
	}
}
