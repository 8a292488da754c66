package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/sink"
)

// Daemon is a subscriber with its sinks.
type Daemon struct {
	config *Config
	log    *slog.Logger
	now    func() time.Time
	state  *State
	files  []*Output
	waits  map[string]time.Duration // least time between two writes, by sink
	told   map[string]sink.Stream
	met    *metrics

	mu     sync.Mutex
	wake   chan struct{} // closed and made anew with each change
	failed map[string]error
}

// Options of a daemon; the zero value is good.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
	// Metrics takes what is measured; nil measures nothing.
	Metrics prometheus.Registerer
}

// Open makes the sinks of a configuration and opens its state.
func Open(c *Config, o Options) (*Daemon, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	d := &Daemon{config: c, log: o.Logger, now: o.Now, waits: map[string]time.Duration{}, told: map[string]sink.Stream{}, wake: make(chan struct{}), failed: map[string]error{}}
	d.met = newMetrics(o.Metrics)
	allow, err := c.readAllow()
	if err != nil {
		return nil, err
	}
	if d.state, err = OpenState(filepath.Join(c.State, "objects"), nil, d.changed); err != nil {
		return nil, err
	}
	if err := d.open(allow); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// defaultInterval is the least time between two writes of a file.
const defaultInterval = 30 * time.Second

func (d *Daemon) open(allow *sink.Allow) error {
	for _, name := range slices.Sorted(maps.Keys(d.config.Sinks)) {
		s := d.config.Sinks[name]
		if s.format.Stream == nil {
			o, err := s.output(allow)
			if err != nil {
				return err
			}
			d.files = append(d.files, o)
			if d.waits[name] = time.Duration(s.Interval); s.Interval == 0 {
				d.waits[name] = defaultInterval
			}
			continue
		}
		stream, err := s.format.Stream(sink.Settings{Options: s.Options, Allow: allow})
		if err != nil {
			return fmt.Errorf("sinks.%s: %w", name, err)
		}
		d.told[name] = &aside{Stream: stream, name: name, dir: d.config.asideDir(name), tries: s.SetAsideAfter, now: d.now, log: d.log,
			count: d.met.aside.WithLabelValues(name).Inc}
		v := s.View()
		if err := d.state.Follow(name, &v, d.now()); err != nil {
			return err
		}
	}
	return nil
}

// Close leaves everything on disk.
func (d *Daemon) Close() error {
	var errs []error
	for _, s := range d.told {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, d.state.Close())...)
}

// changed wakes all that write.
func (d *Daemon) changed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.wake)
	d.wake = make(chan struct{})
}

func (d *Daemon) woken() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wake
}

// Run follows the hub and writes, until ctx ends.
func (d *Daemon) Run(ctx context.Context, hub *client.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() { d.timers(ctx) })
	for _, o := range d.files {
		tasks.Go(func() { d.keep(ctx, o) })
	}
	for name, s := range d.told {
		tasks.Go(func() { d.tell(ctx, name, s) })
	}
	err := d.receive(ctx, hub, 0)
	cancel()
	tasks.Wait()
	return err
}

// Once receives what there is, until nothing came for idle, then writes every sink
// that is named, all without names, and tells every stream. accept lets files
// shrink.
func (d *Daemon) Once(ctx context.Context, hub *client.Client, idle time.Duration, accept bool, names ...string) error {
	if hub != nil {
		if err := d.receive(ctx, hub, idle); err != nil {
			return err
		}
	}
	if _, err := d.state.Due(d.now()); err != nil {
		return err
	}
	var errs []error
	for _, o := range d.files {
		if len(names) == 0 || slices.Contains(names, o.Name) {
			errs = append(errs, d.write(ctx, o, accept))
		}
	}
	for name, s := range d.told {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		n, err := d.state.Tell(ctx, name, s)
		d.met.told.WithLabelValues(name).Add(float64(n))
		if err != nil {
			errs = append(errs, fmt.Errorf("sink %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// receive hands what comes to the state.
func (d *Daemon) receive(ctx context.Context, hub *client.Client, idle time.Duration) error {
	options := client.SubscribeOptions{
		StateDir: filepath.Join(d.config.State, "seen"), EveryPlace: true, Idle: idle, Flush: d.state.Flush,
		OnRecall: func(_ context.Context, o api.RecallOrder) error {
			n, err := d.state.Recall(&o, d.now())
			if err == nil {
				d.met.recalls.Inc()
				d.log.Info("an object was recalled", "id", o.ID, "origin", o.Origin, "forgotten", n)
			}
			return err
		},
	}
	if d.config.Since != "" {
		var err error
		if options.Since, err = client.ParseStart(d.config.Since, d.now()); err != nil {
			return fmt.Errorf("since: %w", err)
		}
	}
	return hub.Subscribe(ctx, func(_ context.Context, o client.Delivery) error {
		d.met.received.Inc()
		return d.state.Put(&o, d.now())
	}, options)
}

// timers has objects looked at again when time changes what is said of them.
func (d *Daemon) timers(ctx context.Context) {
	for ctx.Err() == nil {
		woken := d.woken()
		next, err := d.state.Due(d.now())
		if err != nil {
			d.fail("time", err)
		}
		wait := time.Minute
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(d.now()), time.Millisecond))
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-woken:
		case <-t.C:
		}
		t.Stop()
	}
}

// retryAfter is how soon what failed is tried again.
const retryAfter = 30 * time.Second

// keep writes a file when something changed, at most once in its interval.
func (d *Daemon) keep(ctx context.Context, o *Output) {
	for ctx.Err() == nil {
		woken := d.woken()
		err := d.write(ctx, o, false)
		pause := time.NewTimer(d.waits[o.Name])
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
		if err != nil && !errors.Is(err, ErrShrink) {
			continue
		}
		select {
		case <-ctx.Done():
		case <-woken:
		}
	}
}

func (d *Daemon) write(ctx context.Context, o *Output, accept bool) error {
	w, err := d.state.Write(ctx, o, d.now(), accept)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.met.wrote(o.Name, &w, err)
	d.fail(o.Name, err)
	return err
}

// fail notes what is wrong with a sink, and says so when that changes.
func (d *Daemon) fail(name string, err error) {
	d.mu.Lock()
	was := d.failed[name]
	d.failed[name] = err
	d.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		d.log.Error("a sink is not as it should be; trying again", "sink", name, "error", err)
	case err == nil && was != nil:
		d.log.Info("a sink is as it should be again", "sink", name)
	}
}

// tell hands events to a stream as they come.
func (d *Daemon) tell(ctx context.Context, name string, s sink.Stream) {
	for ctx.Err() == nil {
		woken := d.woken()
		n, err := d.state.Tell(ctx, name, s)
		if ctx.Err() != nil {
			return
		}
		d.met.told.WithLabelValues(name).Add(float64(n))
		d.fail(name, err)
		if err == nil {
			select {
			case <-ctx.Done():
			case <-woken:
			}
			continue
		}
		d.met.failures.WithLabelValues(name).Inc()
		t := time.NewTimer(retryAfter)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// Status is what is known of one sink.
type Status struct {
	Name    string  `json:"name"`
	Format  string  `json:"format"`
	Path    string  `json:"path,omitempty"`
	Written Written `json:"written,omitzero"`
	Pending int     `json:"pending_events,omitempty"`
	// Aside is how many events its receiver refused for good.
	Aside int `json:"events_set_aside,omitempty"`
}

// Status tells of every sink, by name.
func (d *Daemon) Status() ([]Status, error) {
	var out []Status
	for name, s := range d.config.Sinks {
		st := Status{Name: name, Format: s.Format}
		var err error
		if s.format.Stream == nil {
			st.Path = s.Path
			st.Written, err = d.state.Written(name)
		} else {
			st.Pending, err = d.state.Pending(name)
			if err == nil {
				st.Aside, err = d.config.setAside(name)
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
