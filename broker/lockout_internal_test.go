package broker

import (
	"fmt"
	"testing"
	"time"
)

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestFailuresLockOutForTwiceAsLongEachTime(t *testing.T) {
	l, now := newLockouts(3, 10), newYear
	fail := func() time.Duration {
		for range 2 {
			if wait := l.failed("a", now); wait != 0 {
				t.Fatalf("locked out for %v before the third failure", wait)
			}
		}
		return l.failed("a", now)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
		want *= time.Minute
		if got := fail(); got != want {
			t.Fatalf("lockout %d is for %v, want %v", i, got, want)
		}
		if l.failed("a", now) != 0 || l.wait("a", now) != want || l.wait("b", now) != 0 {
			t.Fatalf("lockout %d is longer by what failed after it began, or another's", i)
		}
		now = now.Add(want - 1)
		if got := l.wait("a", now); got != 1 {
			t.Fatalf("lockout %d has %v to go at its last moment", i, got)
		}
		if now = now.Add(1); l.wait("a", now) != 0 {
			t.Fatalf("lockout %d does not end", i)
		}
	}
	now = now.Add(lockoutMemory)
	if got := fail(); got != firstLockout {
		t.Errorf("after an hour without, the next is for %v", got)
	}
}

func TestFailuresThatAreOldDoNotCount(t *testing.T) {
	l, now := newLockouts(3, 10), newYear
	for range 100 { // never three within ten minutes
		if wait := l.failed("a", now); wait != 0 {
			t.Fatalf("locked out for %v", wait)
		}
		now = now.Add(failureWindow / 2)
	}
	l.failed("a", now)
	if l.failed("a", now.Add(failureWindow/2-1)) == 0 {
		t.Error("three within ten minutes do not lock out")
	}
}

func TestOfManyKeysThoseThatFailedLastAreKept(t *testing.T) {
	l := newLockouts(2, 100)
	l.failed("again", newYear)
	for i := range 1000 {
		l.failed(fmt.Sprint(i), newYear)
		if i%50 == 0 && l.failed("again", newYear) == 0 && l.wait("again", newYear) == 0 {
			t.Fatalf("after %d others, a key that fails again and again is forgotten", i)
		}
	}
	if len(l.keys) != 100 || l.last.Len() != 100 {
		t.Errorf("%d keys are kept in a list of %d", len(l.keys), l.last.Len())
	}
	if l.failed("999", newYear) == 0 || l.failed("0", newYear) != 0 {
		t.Error("it was not the oldest that was forgotten")
	}
}

func TestFailuresCountForTheMachineTheyComeFrom(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1":                "192.0.2.1",
		"192.0.2.1:40000":          "192.0.2.1",
		"::ffff:192.0.2.1":         "192.0.2.1",
		"[::ffff:192.0.2.1]:40000": "192.0.2.1",
		"2001:db8::1":              "2001:db8::/64",
		"[2001:db8::ffff:1]:40000": "2001:db8::/64",
		"2001:db8:0:1::1":          "2001:db8:0:1::/64",
		"[fe80::1%eth0]:40000":     "fe80::/64",
		"somewhere":                "somewhere",
		"":                         "",
	} {
		if got := peerOf(address); got != want {
			t.Errorf("%q counts for %q, want %q", address, got, want)
		}
	}
}
