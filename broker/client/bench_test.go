package client_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// BenchmarkPublish measures objects published over a real connection, with
// fsync, cut from one input.
func BenchmarkPublish(b *testing.B) {
	h := newHub(b)
	c := connect(b, h.creds("sg/feed", policy.Publisher, stix.Green))
	var in bytes.Buffer
	for i := range b.N {
		fmt.Fprintln(&in, indicator(i, stix.Green))
	}
	b.SetBytes(int64(in.Len() / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	sum, err := c.Publish(b.Context(), []client.Source{client.Bytes("in", in.Bytes())}, client.PublishOptions{SubmitOptions: client.SubmitOptions{To: []string{"asean"}}})
	must(b, err)
	if sum.Accepted != b.N {
		b.Fatalf("%+v", sum)
	}
}

// BenchmarkSubscribe measures objects received once by one seat, with a state
// folder and without.
func BenchmarkSubscribe(b *testing.B) {
	for _, disk := range []bool{true, false} {
		b.Run(fmt.Sprintf("state=%v", disk), func(b *testing.B) {
			h := newHub(b)
			c := connect(b, h.creds("sg/feed", policy.Publisher, stix.Green))
			my := connect(b, h.creds("my/feed", policy.Subscriber, stix.Green))
			var in bytes.Buffer
			for i := range b.N {
				fmt.Fprintln(&in, indicator(i, stix.Green))
			}
			if _, err := c.Publish(b.Context(), []client.Source{client.Bytes("in", in.Bytes())}, client.PublishOptions{SubmitOptions: client.SubmitOptions{To: []string{"asean"}}}); err != nil {
				b.Fatal(err)
			}
			o := client.SubscribeOptions{Idle: 30 * time.Second}
			if disk {
				o.StateDir = b.TempDir()
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.SetBytes(int64(in.Len() / b.N))
			b.ReportAllocs()
			b.ResetTimer()
			n := 0
			must(b, my.Subscribe(ctx, func(context.Context, client.Delivery) error {
				if n++; n == b.N {
					b.StopTimer()
					cancel()
				}
				return nil
			}, o))
		})
	}
}
