package sinks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/selat-hub/selat/feeds/sink"
)

// What keeps files and receivers as they should be, as long as a daemon runs.

// stripEvery is how often what ended is let go of.
const stripEvery = 24 * time.Hour

// timers has objects looked at again when time changes what is said of them.
func (d *Daemon) timers(ctx context.Context) {
	var stripped time.Time
	for ctx.Err() == nil {
		woken, _ := d.woken()
		d.lookAtAllowList()
		next, err := d.state.Due(d.now())
		if err != nil {
			d.fail("time", err)
		}
		if now := d.now(); now.Sub(stripped) >= stripEvery {
			stripped = now
			d.strip()
		}
		wait := time.Minute
		if !next.IsZero() {
			wait = min(wait, max(next.Sub(d.now()), time.Millisecond))
		}
		d.wait.Until(ctx, wait, woken)
	}
}

func (d *Daemon) strip() {
	n, err := d.state.Strip(d.now())
	if d.fail("state", err); n > 0 {
		d.log.Info("the content of objects that ended is not kept any more", "objects", n)
	}
}

// retryAfter is how soon what failed is tried again.
const retryAfter = 30 * time.Second

// keep writes a file when something changed: at once what somebody may not see any
// more, anything else at most once in its interval. Its consumer loads it at most once
// in the interval, whatever changed.
func (d *Daemon) keep(ctx context.Context, o *Output) {
	for ctx.Err() == nil {
		woken, urged := d.woken()
		end := d.now().Add(d.waits[o.Name])
		w, err := d.write(ctx, o, false)
		paused := make(chan struct{})
		go func() {
			defer close(paused)
			_ = d.wait(ctx, end.Sub(d.now()))
		}()
		for waiting := true; waiting; {
			select {
			case <-paused:
				waiting = false
			case <-urged:
				woken, urged = d.woken()
				w, err = d.write(ctx, o, false)
			case done := <-d.accepts[o.Name]:
				woken, urged = d.woken()
				w, err = d.write(ctx, o, true)
				done <- err
			}
		}
		if w.Reload && len(o.Reload) > 0 || err != nil && !errors.Is(err, ErrShrink) {
			continue
		}
		select {
		case <-ctx.Done():
		case <-woken:
		case done := <-d.accepts[o.Name]:
			_, err := d.write(ctx, o, true)
			done <- err
		}
	}
}

// accept asks that a file may shrink, once, and has room for what became of it.
type accept chan error

// Accept has a Run that is under way write files that are meant to shrink.
func (d *Daemon) Accept(ctx context.Context, names []string) error {
	for _, name := range names {
		to, done := d.accepts[name], make(accept, 1)
		if to == nil {
			return fmt.Errorf("sink %s is no file that could shrink", name)
		}
		select {
		case to <- done:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *Daemon) write(ctx context.Context, o *Output, accept bool) (Written, error) {
	d.writing[o.Name].Lock()
	defer d.writing[o.Name].Unlock()
	if err := d.config.Sinks[o.Name].follow(o, d.allow.current()); err != nil {
		return Written{}, err
	}
	began := d.now()
	w, err := d.state.Write(ctx, o, began, accept)
	d.met.writing.WithLabelValues(o.Name).Observe(d.now().Sub(began).Seconds())
	if ctx.Err() != nil {
		return w, ctx.Err()
	}
	d.met.wrote(o.Name, &w, err)
	d.fail(o.Name, err)
	return w, err
}

// forgotten returns nil once no file shows, and no consumer has loaded, what was
// recalled. What a file is not to show for another reason is another matter.
func (d *Daemon) forgotten(ctx context.Context) error {
	var errs []error
	for _, o := range d.files {
		w, err := d.write(ctx, o, false)
		switch {
		case err != nil && !errors.Is(err, ErrShrink) && !errors.Is(err, errUnfit):
			errs = append(errs, fmt.Errorf("sink %s: %w", o.Name, err))
		case w.Reload && len(o.Reload) > 0:
			errs = append(errs, fmt.Errorf("sink %s: its consumer has not loaded it yet", o.Name))
		}
	}
	return errors.Join(errs...)
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
		woken, _ := d.woken()
		n, err := d.state.Tell(ctx, name, s)
		if ctx.Err() != nil {
			return
		}
		d.met.told.WithLabelValues(name).Add(float64(n))
		d.fail(name, err)
		d.waiting(name, err)
		if err == nil {
			select {
			case <-ctx.Done():
			case <-woken:
			}
			continue
		}
		d.met.failures.WithLabelValues(name).Inc()
		if d.wait(ctx, retryAfter) != nil {
			return
		}
	}
}

// waiting tells how many events wait after a telling. They are counted only when it
// failed: otherwise it told them all.
func (d *Daemon) waiting(name string, failed error) {
	n := 0
	if failed != nil {
		var err error
		if n, err = d.state.Pending(name); err != nil {
			return // what is not known stays as it was
		}
	}
	d.met.pending.WithLabelValues(name).Set(float64(n))
}
