package publisher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/selat-hub/selat/feeds/daemon"
	"github.com/selat-hub/selat/feeds/outbox"
)

// Options of a Publisher.
type Options struct {
	Logger *slog.Logger
	// Registry is where its metrics are; nil keeps them to itself.
	Registry prometheus.Registerer
	// AcceptShrink says that a list is meant to have shrunk.
	AcceptShrink bool
	// Progress is told of long readings, every thousand rows.
	Progress func(feed string, rows int)
	// Now and Wait replace the clock in tests.
	Now  func() time.Time
	Wait daemon.Wait
}

// Publisher reads feeds and publishes what they say.
type Publisher struct {
	config  *Config
	options Options
	log     *slog.Logger
	store   *outbox.Store
	hub     Submitter
	metrics *metrics
	now     func() time.Time
	wait    daemon.Wait

	aside sync.Mutex // held while what was set aside changes

	mu    sync.Mutex
	kicks map[string]chan struct{} // by feed, while Run sends
}

// kick has what waits of a feed sent, if Run is under way.
func (p *Publisher) kick(feed string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.kicks[feed] <- struct{}{}:
	default:
	}
}

// Open opens the state. hub may be nil of one that publishes nothing.
func Open(c *Config, hub Submitter, o Options) (*Publisher, error) {
	p := &Publisher{config: c, options: o, hub: hub, log: o.Logger, now: o.Now, wait: o.Wait}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.wait == nil {
		p.wait = daemon.Sleep
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	p.metrics = newMetrics(o.Registry)
	dir := filepath.Join(c.State, "outbox")
	err := daemon.Private(dir)
	if err != nil {
		return nil, err
	}
	p.store, err = outbox.Open(dir, outbox.Options{Now: p.now, Logger: p.log})
	return p, err
}

// Close closes the state.
func (p *Publisher) Close() error { return p.store.Close() }

// Result is what reading a feed once and sending came to.
type Result struct {
	Feed string `json:"feed"`
	outbox.Count
	NotModified bool   `json:"not_modified,omitempty"`
	Sent        Sent   `json:"sent"`
	Error       string `json:"error,omitempty"`
}

// Once reads feeds once, all without names, and sends until nothing waits. An
// error of one feed does not keep the others; it is in its result.
func (p *Publisher) Once(ctx context.Context, names ...string) (results []Result, err error) {
	feeds, err := p.named(names)
	if err != nil {
		return nil, err
	}
	for _, f := range feeds {
		r := Result{Feed: f.Name}
		readErr := p.read(ctx, f, &r)
		sendErr := p.drain(ctx, f, &r.Sent)
		if sendErr == nil {
			readErr = errors.Join(readErr, p.putAway(f))
		}
		if readErr != nil {
			r.Error = readErr.Error()
		}
		results = append(results, r)
		if sendErr != nil {
			return results, sendErr
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("reading %s: %w", f.Name, readErr))
		}
	}
	return results, err
}

func (p *Publisher) named(names []string) (feeds []*Feed, err error) {
	if len(names) == 0 {
		for name := range p.config.Feeds {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		f := p.config.Feeds[name]
		if f == nil {
			return nil, fmt.Errorf("there is no feed %q in the configuration", name)
		}
		feeds = append(feeds, f)
	}
	return feeds, nil
}

// Status of a feed.
type Status struct {
	Feed    string      `json:"feed"`
	State   outbox.Feed `json:"state"`
	Waiting int         `json:"waiting"`
	Oldest  time.Time   `json:"oldest,omitzero"`
	Dead    int         `json:"dead"`
}

// Status tells how all feeds stand.
func (p *Publisher) Status() (all []Status, err error) {
	dead, err := p.DeadLetters()
	if err != nil {
		return nil, err
	}
	feeds, err := p.named(nil)
	if err != nil {
		return nil, err
	}
	for _, f := range feeds {
		s := Status{Feed: f.Name}
		if s.State, err = p.store.Feed(f.Name); err != nil {
			return nil, err
		}
		if s.Waiting, s.Oldest, err = p.store.Depth(f.Name); err != nil {
			return nil, err
		}
		for _, d := range dead {
			if d.Feed == f.Name {
				s.Dead++
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// maxReading bounds how many feeds are read at once.
const maxReading = 4

// Run reads feeds on their schedules and sends, until ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	feeds, err := p.named(nil)
	if err != nil {
		return err
	}
	turns := make(chan struct{}, maxReading)
	var tasks sync.WaitGroup
	p.mu.Lock()
	p.kicks = map[string]chan struct{}{}
	p.mu.Unlock()
	for _, f := range feeds {
		p.metrics.begin(f.Name, f.interval())
		kick := make(chan struct{}, 1)
		kick <- struct{}{} // what an earlier run left
		p.mu.Lock()
		p.kicks[f.Name] = kick
		p.mu.Unlock()
		tasks.Go(func() { p.readOnSchedule(ctx, f, turns) })
		tasks.Go(func() { p.sendForever(ctx, f, kick) })
	}
	tasks.Wait()
	return nil
}

func (p *Publisher) readOnSchedule(ctx context.Context, f *Feed, turns chan struct{}) {
	wake, stop := p.watch(f)
	defer stop()
	failures := 0
	for ctx.Err() == nil {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		r := Result{Feed: f.Name}
		began := p.now()
		err := p.read(ctx, f, &r)
		p.metrics.reading.WithLabelValues(f.Name).Observe(p.now().Sub(began).Seconds())
		<-turns
		p.kick(f.Name)
		pause := p.pause(f)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failures++
			p.metrics.failures.WithLabelValues(f.Name).Inc()
			pause = min(pause, time.Minute<<min(failures, 6))
			p.log.Error("a feed could not be read to its end; trying again", "feed", f.Name, "in", pause, "error", err)
		default:
			failures = 0
			p.log.Info("a feed was read", "feed", f.Name, "rows", r.Rows, "new", r.New, "changed", r.Changed, "revoked", r.Revoked)
		}
		p.wait.Until(ctx, pause, wake) // or a file in a watched folder
	}
}

// watch tells of changes in a feed's folder. Without it the schedule remains.
func (p *Publisher) watch(f *Feed) (<-chan struct{}, func()) {
	if f.Folder == "" {
		return nil, func() {}
	}
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(f.Folder); err == nil {
			wake := make(chan struct{}, 1)
			var task sync.WaitGroup
			task.Go(func() { p.forward(f.Name, w.Events, w.Errors, wake) })
			return wake, func() {
				if err := w.Close(); err != nil {
					p.log.Warn("ending to watch a folder", "feed", f.Name, "error", err)
				}
				task.Wait()
			}
		}
		err = errors.Join(err, w.Close())
	}
	p.log.Warn("the folder cannot be watched; it is looked at on schedule", "feed", f.Name, "error", err)
	return nil, func() {}
}

// forward takes all that a watcher says, also while the folder is being read: one
// that nobody listens to stands still. After an error changes may be lost, so that
// it is one.
func (p *Publisher) forward(feed string, events <-chan fsnotify.Event, errs <-chan error, wake chan<- struct{}) {
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case err, ok := <-errs:
			if !ok {
				return
			}
			p.log.Warn("changes of a folder may have been missed; it is read", "feed", feed, "error", err)
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// pause is how long until the next reading: up to a tenth later than said, so
// that many daemons do not ask one server in the same second.
func (p *Publisher) pause(f *Feed) time.Duration {
	if f.At != "" {
		at, _ := time.Parse("15:04", f.At) // Config was checked
		now := p.now().UTC()
		next := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
		if !next.After(now) {
			next = next.AddDate(0, 0, 1)
		}
		return next.Sub(now) + rand.N(time.Minute)
	}
	every := f.interval()
	return every + rand.N(every/10+1)
}

// interval is how often the feed is to be read.
func (f *Feed) interval() time.Duration {
	switch {
	case f.At != "":
		return 24 * time.Hour
	case f.Every > 0:
		return time.Duration(f.Every)
	case f.Folder != "":
		return time.Minute
	}
	return time.Hour
}

func (p *Publisher) sendForever(ctx context.Context, f *Feed, kick <-chan struct{}) {
	failures := 0
	for {
		var sent Sent
		err := p.drain(ctx, f, &sent)
		if sent.Refused > 0 {
			p.log.Warn("the hub refused objects; they are set aside", "feed", f.Name, "refused", sent.Refused, "codes", sent.Codes, "do", "selat feed status; selat feed retry")
		}
		p.observe(f.Name)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause := min(5*time.Minute, time.Second<<min(failures, 9))
			failures++
			p.log.Error("publishing does not go on; trying again", "feed", f.Name, "error", err)
			if p.wait(ctx, pause/2+rand.N(pause/2+1)) != nil {
				return
			}
			continue
		}
		failures = 0
		if err := p.putAway(f); err != nil {
			p.log.Error("files that are done stay where they are", "feed", f.Name, "error", err)
		}
		select {
		case <-kick:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Publisher) observe(feed string) {
	n, oldest, err := p.store.Depth(feed)
	state, ferr := p.store.Feed(feed)
	dead, derr := os.ReadDir(filepath.Join(p.deadDir(), feed))
	if err != nil || ferr != nil || derr != nil && !errors.Is(derr, fs.ErrNotExist) {
		return
	}
	letters := 0
	for _, f := range dead {
		if strings.HasSuffix(f.Name(), receiptSuffix) {
			letters++
		}
	}
	p.metrics.dead.WithLabelValues(feed).Set(float64(letters))
	p.metrics.depth.WithLabelValues(feed).Set(float64(n))
	p.metrics.age.WithLabelValues(feed).Set(seconds(oldest))
	p.metrics.success.WithLabelValues(feed).Set(seconds(state.Success))
}
