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
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/sink"
)

// Daemon is a subscriber with its sinks.
type Daemon struct {
	config *Config
	allow  allowList
	log    *slog.Logger
	now    func() time.Time
	wait   daemon.Wait
	state  *State
	files  []*Output
	// writing is held for a file while it is written.
	writing map[string]*sync.Mutex
	waits   map[string]time.Duration // least time between two writes, by sink
	told    map[string]sink.Stream
	met     *metrics

	hub     atomic.Pointer[client.Client] // once Run has it
	replays chan []client.Start
	accepts map[string]chan accept // by file

	mu     sync.Mutex
	wake   chan struct{} // closed and made anew with each change
	urge   chan struct{} // likewise with each that is urgent
	failed map[string]error
}

// Options of a daemon; the zero value is good.
type Options struct {
	Logger *slog.Logger
	// Now and Wait replace the clock in tests.
	Now  func() time.Time
	Wait daemon.Wait
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
	if o.Wait == nil {
		o.Wait = daemon.Sleep
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	d := &Daemon{config: c, log: o.Logger, now: o.Now, wait: o.Wait, writing: map[string]*sync.Mutex{}, waits: map[string]time.Duration{}, told: map[string]sink.Stream{}, wake: make(chan struct{}), urge: make(chan struct{}), failed: map[string]error{}, replays: make(chan []client.Start), accepts: map[string]chan accept{}}
	d.met = newMetrics(o.Metrics)
	d.allow.path = c.Allow
	_, err := d.allow.refresh()
	if err != nil {
		return nil, err
	}
	objects := filepath.Join(c.State, "objects")
	if err := daemon.Private(objects); err != nil {
		return nil, err
	}
	if d.state, err = OpenState(objects, nil, d.changed); err != nil {
		return nil, err
	}
	if err := d.open(d.allow.current()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// defaultInterval is the least time between two writes of a file.
const defaultInterval = 30 * time.Second

func (d *Daemon) open(allow *sink.Allow) error {
	for _, name := range slices.Sorted(maps.Keys(d.config.Sinks)) {
		s := d.config.Sinks[name]
		d.met.begin(name, s.format.Stream != nil)
		if s.format.Stream == nil {
			o, err := s.output(allow)
			if err != nil {
				return err
			}
			d.files, d.writing[name] = append(d.files, o), &sync.Mutex{}
			d.accepts[name] = make(chan accept)
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
func (d *Daemon) changed(urgent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.wake)
	d.wake = make(chan struct{})
	if urgent {
		close(d.urge)
		d.urge = make(chan struct{})
	}
}

// woken are closed with the next change, and with the next that is urgent.
func (d *Daemon) woken() (change, urgent <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wake, d.urge
}

// Run follows the hub and writes, until ctx ends. What leaves a file with time does
// so while the hub cannot be reached yet.
func (d *Daemon) Run(ctx context.Context, connect Connect) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() { d.timers(ctx) })
	for _, o := range d.files {
		o.ReloadEvery = d.waits[o.Name]
		tasks.Go(func() { d.keep(ctx, o) })
	}
	for name, s := range d.told {
		tasks.Go(func() { d.tell(ctx, name, s) })
	}
	hub, err := connect(ctx)
	if err == nil {
		d.hub.Store(hub)
		d.met.connected.Set(1)
		err = d.follow(ctx, hub)
		d.met.connected.Set(0)
		d.hub.Store(nil)
		hub.Close()
	} else if ctx.Err() != nil {
		err = nil
	}
	cancel()
	tasks.Wait()
	return err
}

// follow receives until ctx ends, and begins anew where it is asked to.
func (d *Daemon) follow(ctx context.Context, hub *client.Client) error {
	var again []client.Start
	for {
		part, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- d.receive(part, hub, 0, again) }()
		select {
		case err := <-done:
			stop()
			return err
		case again = <-d.replays:
			stop()
			if err := <-done; err != nil {
				return err
			}
		}
	}
}

// Once receives what there is, until nothing came for idle, then writes every sink
// that is named, all without names, and tells every stream. accept lets files
// shrink.
func (d *Daemon) Once(ctx context.Context, hub *client.Client, idle time.Duration, accept bool, names ...string) error {
	if hub != nil {
		// What is not forgotten yet, writing tells.
		if err := d.receive(ctx, hub, idle, nil); err != nil && !errors.Is(err, client.ErrNotForgotten) {
			return err
		}
	}
	return d.writeAll(ctx, accept, names...)
}

// writeAll writes and tells what Once says.
func (d *Daemon) writeAll(ctx context.Context, accept bool, names ...string) error {
	d.lookAtAllowList()
	if _, err := d.state.Due(d.now()); err != nil {
		return err
	}
	var errs []error
	for _, o := range d.files {
		if len(names) == 0 || slices.Contains(names, o.Name) {
			_, err := d.write(ctx, o, accept)
			errs = append(errs, err)
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
	d.strip()
	return errors.Join(errs...)
}

// receive hands what comes to the state. again is where to go back to first, as far as
// the seat still may.
func (d *Daemon) receive(ctx context.Context, hub *client.Client, idle time.Duration, again []client.Start) error {
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
		Forgotten: d.forgotten, Replay: again,
		OnNarrowed: func(_ context.Context, o api.RecallOrder) error { return d.state.Narrow(&o, d.now()) },
	}
	var err error
	if options.Since, err = d.state.begin(d.config.Since, d.now()); err != nil {
		return err
	}
	put := func(_ context.Context, o client.Delivery) error {
		d.met.received.Inc()
		d.met.lastReceived.Set(float64(d.now().UnixMilli()) / 1000)
		return d.state.Put(&o, d.now())
	}
	err = hub.Subscribe(ctx, put, options)
	if errors.Is(err, client.ErrNotReplayed) {
		d.log.Warn("what is missing cannot be sent again, and what is new goes on", "error", err)
		options.Replay = nil
		err = hub.Subscribe(ctx, put, options)
	}
	return err
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
