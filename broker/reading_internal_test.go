package broker

import (
	"testing"

	"github.com/selat-hub/selat/broker/policy"
)

func TestAReaderWhomErasuresKeepFromAnAnswerGetsOne(t *testing.T) {
	h := &Hub{}
	h.region.Store(policy.NewRegion(nil, nil, nil))
	nothing := func() error { return nil }
	tries, erased := 0, make(chan struct{})
	defer func() { <-erased }()
	got, err := inForce(t.Context(), h, func(*policy.Region) (uint64, error) {
		tries++
		if tries <= rereadsErased {
			return 0, h.erasures.during(nothing)
		}
		go func() {
			defer close(erased)
			_ = h.erasures.during(nothing)
		}()
		return h.erasures.count(), nil
	})
	if err != nil || tries != rereadsErased+1 || got != 2*rereadsErased {
		t.Fatalf("after %d tries it was answered %d, %v", tries, got, err)
	}
}
