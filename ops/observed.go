package ops

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// fresh is how long an observation stands for those that follow.
	fresh = 2 * time.Second
	// observeTimeout is the longest one may take: less than the ten seconds a
	// scrape usually has.
	observeTimeout = 5 * time.Second
)

// observer is what all observations of one hub share.
type observer struct {
	ctx      context.Context // ends with the server
	log      *slog.Logger
	failures *prometheus.CounterVec
}

// observed is something read from the hub now and then. However many ask at a
// time, it is read once.
type observed[T any] struct {
	*observer
	name string
	read func(context.Context) (T, error)

	mu    sync.Mutex
	at    time.Time
	value T
	err   error
}

// observe is a constructor of the closed set of observations: name becomes a
// label's value.
func observe[T any](o *observer, name string, read func(context.Context) (T, error)) *observed[T] {
	o.failures.WithLabelValues(name) // told from the start, as zero
	return &observed[T]{observer: o, name: name, read: read}
}

// get returns the value, two seconds old at most, and whether it is known.
func (o *observed[T]) get() (T, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.at.IsZero() && time.Since(o.at) < fresh {
		return o.value, o.err == nil
	}
	ctx, cancel := context.WithTimeout(o.ctx, observeTimeout)
	defer cancel()
	was := o.err
	o.value, o.err = o.read(ctx)
	o.at = time.Now()
	if o.err != nil {
		o.failures.WithLabelValues(o.name).Inc()
		if was == nil {
			o.log.Warn("metrics are left out until they can be read again", "metrics", o.name, "error", o.err)
		}
	}
	return o.value, o.err == nil
}
