package broker

import (
	"fmt"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// What one seat may ask of the hub, so that no seat's trouble is another's.

// rates keeps the token buckets of each seat.
type rates struct {
	limits *Limits
	mu     sync.Mutex
	seats  map[string]*[3]bucket
}

const (
	ofSubmissions = iota
	ofObjects
	ofQuestions
)

// questionsPerSecond bounds what a seat may ask beside submitting; a busy
// client asks a few times a minute.
const questionsPerSecond = 1000

// bucket is a token bucket: level tokens were left at time at.
type bucket struct {
	level float64
	at    time.Time
}

func newRates(l *Limits) *rates { return &rates{limits: l, seats: map[string]*[3]bucket{}} }

func (r *rates) submission(seat *policy.Seat, now time.Time) *stix.Finding {
	return r.take(seat, ofSubmissions, 1, r.limits.SubmissionsPerSecond, now, "submissions")
}

func (r *rates) question(seat *policy.Seat, now time.Time) *stix.Finding {
	return r.take(seat, ofQuestions, 1, questionsPerSecond, now, "questions")
}

// objectsLeft refuses a seat that has used up its objects, before any work is
// done on a submission. How many that has is known later, and spend may take
// the bucket below empty: then the next has to wait for longer.
func (r *rates) objectsLeft(seat *policy.Seat, now time.Time) *stix.Finding {
	return r.take(seat, ofObjects, 0, r.limits.ObjectsPerSecond, now, "objects")
}

func (r *rates) spend(seat *policy.Seat, objects int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.seats[seat.Account]; b != nil {
		b[ofObjects].level -= float64(objects)
	}
}

// take refuses if less than n tokens are left, or none; n 0 only looks. A
// bucket holds one second's worth.
func (r *rates) take(seat *policy.Seat, which int, n, perSecond float64, now time.Time, what string) *stix.Finding {
	if perSecond <= 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	buckets := r.seats[seat.Account]
	if buckets == nil {
		buckets = &[3]bucket{}
		r.seats[seat.Account] = buckets
	}
	b := &buckets[which]
	burst := max(1, perSecond)
	if b.at.IsZero() {
		b.level = burst
	} else if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level = min(burst, b.level+d*perSecond)
	}
	b.at = now
	if b.level <= 0 || b.level < n {
		return &stix.Finding{Code: "rate-limited", Message: fmt.Sprintf("more than %.0f %s a second from seat %s; send the same bytes again later", perSecond, what, seat.Name)}
	}
	b.level -= n
	return nil
}

// load is what is in hand between arrival and receipt, in bytes, headers
// included.
type load struct {
	mu    sync.Mutex
	total int64
	seats map[string]int64
}

// take adds to the load unless that would pass the limit, or for one seat a
// quarter of it; a seat with nothing in hand may always have one submission.
func (l *load) take(account string, size int, limit int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(size)
	mine := l.seats[account]
	if l.total > 0 && l.total+n > limit || mine > 0 && mine+n > limit/4 {
		return false
	}
	if l.seats == nil {
		l.seats = map[string]int64{}
	}
	l.total += n
	l.seats[account] = mine + n
	return true
}

func (l *load) give(account string, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total -= int64(size)
	if l.seats[account] -= int64(size); l.seats[account] <= 0 {
		delete(l.seats, account)
	}
}

func (l *load) bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
