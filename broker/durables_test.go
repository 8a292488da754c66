package broker_test

import (
	"sync"
	"testing"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// A durable that two make at a time exists for the second before it listens.
func TestACeilingIsRaisedWhileItsSeatAsksForStreams(t *testing.T) {
	h := newTestHub(t)
	my := h.seat("my/desk", policy.Subscriber, stix.Green)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ask[api.Streams](my, api.SubjectStreams, nil)
				}
			}
		})
	}
	for range 10 {
		must(t, h.SetCeiling(t.Context(), "my/desk", stix.Amber))
		must(t, h.SetCeiling(t.Context(), "my/desk", stix.Green))
	}
	close(stop)
	asking.Wait()
}
