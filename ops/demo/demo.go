package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// patience is how long nothing may arrive before what is missing counts as
// missing.
const patience = 60 * time.Second

// pace is the pause between submissions while somebody watches.
const pace = 70 * time.Millisecond

// Options says what to show, and how.
type Options struct {
	// Files are published by sg/feed in place of the feed: bundles, objects, or
	// objects one on each line. To and Unmarked go with them, as in
	// `selat publish`; without To they go to the whole region.
	Files    []string
	To       []string
	Unmarked stix.Level
	// Out is for people; nil prints nothing.
	Out io.Writer
	// Live draws the table anew while it fills, for a terminal.
	Live bool
	// Color paints the cells; only with Live.
	Color bool
	// Keep leaves the folder in place and the hub running until the context
	// ends.
	Keep bool
	// OnResult, when set, is given the result as soon as it is known.
	OnResult func(*Result) error

	// expect lets a test expect something else than policy does.
	expect func(seat *policy.Seat, s policy.Stream, allowed bool) bool
}

// Run shows the whole demonstration. The result is nil with an error when it
// could not be carried out; whether what it showed is right, Result.Right
// tells. No goroutine, connection or file outlives it, but for the folder with
// Keep.
func Run(ctx context.Context, o Options) (result *Result, err error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if len(o.To) == 0 {
		o.To = []string{policy.DefaultAudience}
	}
	in, err := readFiles(o.Files)
	if err != nil {
		return nil, err
	}
	s, err := openSite(ctx, o.Keep)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if result, err = exchange(ctx, &o, s, in); err != nil {
		return nil, err
	}
	if o.OnResult != nil {
		if err := o.OnResult(result); err != nil {
			return nil, err
		}
	}
	printVerdict(o.Out, result)
	printNext(o.Out)
	if o.Keep {
		printKept(o.Out, s)
		<-ctx.Done()
	}
	return result, nil
}

// show is one exchange under way.
type show struct {
	opts    *Options
	site    *site
	input   *input
	region  *policy.Region // with every seat; nothing changes it any more
	seats   []*seat
	readers []*seat
	tally   *tally
	board   *board
	steps   []step

	rows     []*row
	refusals []Refusal
	faulty   sync.Mutex // guards faults
	faults   []Fault
	again    int // duplicates
	receipts []time.Duration
	submits  int
	doors    int
	began    time.Time
}

// exchange connects the seats, publishes, waits until nothing more can arrive,
// and judges. When it returns, the seats are gone.
func exchange(ctx context.Context, o *Options, s *site, in *input) (result *Result, err error) {
	x := &show{opts: o, site: s, input: in, tally: newTally()}
	if x.steps, err = readScript(); err != nil {
		return nil, err
	}
	if len(o.Files) > 0 {
		x.steps = x.steps[len(x.steps)-1:] // the end of the feed, which proves the end
	}
	if x.seats, err = s.enrol(ctx); err != nil {
		return nil, err
	}
	x.region = s.hub.Region()
	for _, seat := range x.seats {
		if seat.Reads() {
			x.readers = append(x.readers, seat)
		}
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	leave, err := x.join(ctx, fail)
	if err != nil {
		return nil, err
	}
	defer leave()
	x.board = newBoard(o, x)
	printScene(o.Out, x)
	x.began = time.Now()
	if err = x.play(ctx); err == nil {
		err = x.settle(ctx)
	}
	if err == nil {
		err = x.tryDoors(ctx)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	x.board.finish()
	return x.judge(), nil
}

// play publishes the files, if there are any, and then goes through the script.
func (x *show) play(ctx context.Context) error {
	x.board.head()
	if len(x.opts.Files) > 0 {
		if err := x.publishFiles(ctx); err != nil {
			return err
		}
	}
	for i := range x.steps {
		st := &x.steps[i]
		if err := x.submit(ctx, st); err != nil {
			return fmt.Errorf("%s: %w", st.file, err)
		}
		wait := x.watch
		if i == 0 && len(x.steps) > 1 {
			wait = x.warm
		}
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch draws what arrives for the length of a pause, if somebody watches.
func (x *show) watch(ctx context.Context) error {
	x.board.draw()
	if !x.opts.Live {
		return ctx.Err()
	}
	pause := time.NewTimer(pace)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-x.tally.changed:
			x.board.draw()
		case <-pause.C:
			return nil
		}
	}
}
