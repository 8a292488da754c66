package client_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

func TestAnOrderIsAcknowledgedOnceItIsForgottenEverywhere(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green))
	state := t.TempDir()
	once := func(forgotten func(context.Context) error) ([]string, error) {
		t.Helper()
		got := newEvents()
		err := my.Subscribe(t.Context(), got.object, client.SubscribeOptions{StateDir: state, OnRecall: got.recall, Forgotten: forgotten, Idle: 200 * time.Millisecond})
		return got.all(), err
	}
	_, err := once(nil)
	must(t, err)
	recall(t, sg, indicatorID(1))

	deaf := errors.New("a consumer does not answer")
	got, err := once(func(context.Context) error { return deaf })
	if !errors.Is(err, client.ErrNotForgotten) || !errors.Is(err, deaf) || !slices.Equal(got, []string{"recall " + indicatorID(1)}) {
		t.Errorf("where it failed: %v, %v", got, err)
	}
	if _, done := acknowledged(t, sg, indicatorID(1)); done != 0 {
		t.Error("the order is acknowledged, and not forgotten everywhere")
	}

	called := false
	got, err = once(func(context.Context) error { called = true; return nil })
	if err != nil || !called || len(got) > 0 { // OnRecall took it
		t.Errorf("where it succeeded: called %t, %v, %v", called, got, err)
	}
	if _, done := acknowledged(t, sg, indicatorID(1)); done != 1 {
		t.Error("the order is forgotten everywhere, and not acknowledged")
	}
}

func TestAnOrderThatIsNotForgottenComesAgainWhileItsSubscriptionGoesOn(t *testing.T) {
	h := newHub(t)
	sg := connect(t, h.creds("sg/feed", policy.Both, stix.Green))
	my := connect(t, h.creds("my/feed", policy.Subscriber, stix.Amber))
	publish(t, sg, "asean", indicator(1, stix.Green))
	got := newEvents()
	var calls atomic.Int32
	stop := background(t, my, got.object, client.SubscribeOptions{StateDir: t.TempDir(), OnRecall: got.recall, Forgotten: func(context.Context) error {
		if calls.Add(1) == 1 {
			return errors.New("a consumer does not answer")
		}
		got.note("forgotten")
		return nil
	}})
	got.wait(t, "object "+indicatorID(1))
	recall(t, sg, indicatorID(1))
	got.wait(t, "forgotten")
	must(t, stop())
	if _, done := acknowledged(t, sg, indicatorID(1)); done != 1 {
		t.Error("the order is not acknowledged")
	}
	if n := slices.Index(got.all(), "recall "+indicatorID(1)); n < 0 || slices.Contains(got.all()[n+1:], "recall "+indicatorID(1)) {
		t.Errorf("it was told %v, and the recall is to be told once", got.all())
	}
}
