package broker

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Who fails too often is locked out for a while, and for twice as long each
// time until that stays away for an hour.
const (
	failureWindow  = 10 * time.Minute
	firstLockout   = time.Minute
	longestLockout = 15 * time.Minute
	lockoutMemory  = time.Hour
)

// lockouts counts failures by key: an address, a seat. It keeps a bounded
// number of keys, those that failed last.
type lockouts struct {
	most int // failures within failureWindow that lock out
	keep int

	mu   sync.Mutex
	keys map[string]*list.Element
	last list.List // of *failures, the last to fail in front
}

// failures are those of one key.
type failures struct {
	key   string
	times []time.Time // since the last lockout, oldest first, no more than most
	until time.Time   // end of the last lockout
	locks int         // lockouts in a row
}

func newLockouts(most, keep int) *lockouts {
	return &lockouts{most: most, keep: keep, keys: map[string]*list.Element{}}
}

// wait is for how long a key is still locked out.
func (l *lockouts) wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.keys[key]
	if e == nil {
		return 0
	}
	return max(0, e.Value.(*failures).until.Sub(now))
}

// failed counts a failure, and returns for how long that locks the key out.
// What was under way when a lockout began does not count.
func (l *lockouts) failed(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.of(key)
	if now.Before(f.until) {
		return 0
	}
	if now.Sub(f.until) >= lockoutMemory {
		f.locks = 0
	}
	old := 0
	for old < len(f.times) && now.Sub(f.times[old]) >= failureWindow {
		old++
	}
	f.times = append(f.times[:copy(f.times, f.times[old:])], now)
	if len(f.times) < l.most {
		return 0
	}
	wait := min(longestLockout, firstLockout<<min(f.locks, 10))
	f.until, f.locks, f.times = now.Add(wait), f.locks+1, nil
	return wait
}

// of returns the failures of a key, which is now the last to fail. The key that
// has not failed for longest makes room. The caller holds l.mu.
func (l *lockouts) of(key string) *failures {
	if e := l.keys[key]; e != nil {
		l.last.MoveToFront(e)
		return e.Value.(*failures)
	}
	if l.last.Len() >= l.keep {
		delete(l.keys, l.last.Remove(l.last.Back()).(*failures).key)
	}
	f := &failures{key: key}
	l.keys[key] = l.last.PushFront(f)
	return f
}

// peerOf is what failures of an address count for: of IPv6 the whole /64,
// which one machine has all to itself.
func peerOf(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return address
		}
		ip = at.Addr()
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
