package taxii

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one caller may ask a second. A client that polls asks a few times a
// minute, one that catches up as fast as it is answered.
const (
	seatRequests      = 100
	anonymousRequests = 10
	maxCallers        = 4096
)

// rates has a bucket for each caller, of two seconds' worth.
type rates struct {
	mu              sync.Mutex
	seat, anonymous rate.Limit
	buckets         map[string]*rate.Limiter
}

func newRates() *rates {
	return &rates{seat: seatRequests, anonymous: anonymousRequests, buckets: map[string]*rate.Limiter{}}
}

// take returns how long the caller has to wait, 0 if it may ask now.
func (r *rates) take(c caller, now time.Time) time.Duration {
	limit := r.seat
	if c.seat == nil {
		limit = r.anonymous
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[c.key]
	if b == nil {
		r.makeRoom(now)
		b = rate.NewLimiter(limit, max(1, int(2*limit)))
		r.buckets[c.key] = b
	}
	if b.AllowN(now, 1) {
		return 0
	}
	return max(time.Second, time.Duration(float64(time.Second)/float64(limit)))
}

// makeRoom forgets who has asked nothing for a while: a full bucket and none are
// the same. If all are in use one of them begins anew, which costs no more than
// what it had left to wait.
func (r *rates) makeRoom(now time.Time) {
	if len(r.buckets) < maxCallers {
		return
	}
	for key, b := range r.buckets {
		if b.TokensAt(now) >= float64(b.Burst()) {
			delete(r.buckets, key)
		}
	}
	for key := range r.buckets {
		if len(r.buckets) < maxCallers {
			return
		}
		delete(r.buckets, key)
	}
}
