package drill

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
)

// Options says how to run an exercise.
type Options struct {
	// Name of this exercise, for its objects and its report.
	Name   string
	Script *Script
	// CredsFile is the seat that publishes what names no other; URL the hub's,
	// instead of that in the credentials.
	CredsFile, URL string
	// Positions asks the hub how far everybody is.
	Positions func(context.Context) (*api.DrillPositions, error)
	// Tell is given a line whenever something happened.
	Tell func(at time.Duration, format string, args ...any)
}

const (
	lookEvery    = 300 * time.Millisecond
	submitWithin = 30 * time.Second
	// patience is how many looks in a row may fail.
	patience = 20
)

var drillName = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,63}\z`)

// exercise is one that is under way.
type exercise struct {
	o      Options
	seats  map[string]*client.Client // by credentials file
	inject map[string]bool           // seats that publish, who are not watched
	began  time.Time
	report *Report
	about  string // the last indicator
	looked bool   // since the last inject
}

// Run runs an exercise to its end: all injects published, and everything
// acknowledged or the script's patience over. When ctx ends before that, the report
// tells how far it came. An error means that it could not begin, or that the hub
// was lost; the report beside it is nil then, or what there was.
func Run(ctx context.Context, o Options) (*Report, error) {
	if !drillName.MatchString(o.Name) {
		return nil, fmt.Errorf("%q cannot name an exercise: use up to 64 of a-z, 0-9, dots, _ and -", o.Name)
	}
	x := &exercise{o: o, seats: map[string]*client.Client{}, inject: map[string]bool{}}
	defer func() {
		for _, c := range x.seats {
			c.Close()
		}
	}()
	for i := range o.Script.Injects {
		if err := x.enter(ctx, x.credsOf(&o.Script.Injects[i])); err != nil {
			return nil, err
		}
	}
	if _, err := o.Positions(ctx); err != nil {
		return nil, err
	}
	x.began = time.Now()
	x.report = &Report{Drill: o.Name, Title: o.Script.Title, Began: x.began.UTC().Truncate(time.Second)}
	err := x.run(ctx)
	x.report.finish(time.Since(x.began))
	return x.report, err
}

func (x *exercise) credsOf(in *Inject) string {
	if in.As != "" {
		return in.As
	}
	return x.o.CredsFile
}

// enter connects a seat that publishes, and sees that it may.
func (x *exercise) enter(ctx context.Context, creds string) error {
	if x.seats[creds] != nil {
		return nil
	}
	c, err := client.Connect(ctx, client.Options{CredsFile: creds, URL: x.o.URL, Name: "selat drill"})
	if err != nil {
		return err
	}
	x.seats[creds] = c
	me, err := c.Whoami(ctx)
	switch {
	case err != nil:
		return err
	case me.Kind == string(policy.Subscriber):
		return fmt.Errorf("seat %s only subscribes, and cannot publish injects", me.Seat)
	case !slices.Contains(me.Communities, policy.Drill):
		return fmt.Errorf("member %s is not in the community %s: `selat community join %[2]s %[1]s` gives it a place", me.Member, policy.Drill)
	}
	x.inject[me.Seat] = true
	return nil
}

// run publishes each inject at its time and looks around in between.
func (x *exercise) run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	rest := x.o.Script.Injects
	failed := 0
	for {
		var next <-chan time.Time
		if len(rest) > 0 {
			next = time.After(time.Until(x.began.Add(rest[0].After)))
		} else if x.looked && x.report.complete() || time.Since(x.began) > x.last()+x.o.Script.Wait {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-next:
			x.publish(ctx, &rest[0])
			x.looked = false
			rest = rest[1:]
		case <-look.C:
		}
		err := x.look(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			failed = 0
		case failed >= patience:
			return fmt.Errorf("the exercise ended early: the hub does not tell positions: %w", err)
		default:
			failed++
		}
	}
}

// last is when the last inject was published, as a time of the exercise.
func (x *exercise) last() time.Duration {
	n := len(x.report.Injects)
	if n == 0 {
		return 0
	}
	return x.report.Injects[n-1].sent
}

func (x *exercise) publish(ctx context.Context, in *Inject) {
	creds := x.credsOf(in)
	c := x.seats[creds]
	payload := in.payload
	o := client.SubmitOptions{To: []string{policy.Drill}, Unmarked: in.Unmarked}
	out := &InjectReport{Name: in.Name, Seat: c.Seat(), Planned: in.After.Seconds(), sent: time.Since(x.began)}
	out.Sent = seconds(out.sent)
	x.report.Injects = append(x.report.Injects, out)
	if in.File == "" {
		made, id, err := in.make(x.o.Name, x.about, time.Now())
		if err != nil {
			out.Refused = append(out.Refused, err.Error())
			return
		}
		if payload = made; in.Indicator != "" {
			x.about = id
		}
	}
	ctx, cancel := context.WithTimeout(ctx, submitWithin)
	defer cancel()
	r, err := c.Submit(ctx, payload, o)
	if err != nil {
		out.Refused = append(out.Refused, err.Error())
	} else {
		out.take(r)
	}
	for _, why := range out.Refused {
		x.o.Tell(time.Since(x.began), "%s was refused: %s", in.Name, why)
	}
	if len(out.places) > 0 {
		x.o.Tell(time.Since(x.began), "%s is published by %s, TLP:%s", in.Name, out.Seat, out.levels())
	}
}

// look asks how far everybody is, and tells what is new.
func (x *exercise) look(ctx context.Context) error {
	at, err := x.o.Positions(ctx)
	if err != nil {
		return err
	}
	now := time.Since(x.began)
	x.looked = true
	for _, in := range x.report.Injects {
		for i := range at.Seats {
			if s := &at.Seats[i]; !x.inject[s.Seat] {
				x.see(in, s, now)
			}
		}
	}
	return nil
}

// see notes what a seat has of an inject.
func (x *exercise) see(in *InjectReport, s *api.DrillSeat, now time.Duration) {
	wanted, received, acknowledged := in.progress(s)
	if !wanted {
		return
	}
	r := in.of(s)
	took := seconds(now - in.sent)
	if received && r.Received == nil {
		r.Received = &took
		x.o.Tell(now, "%s received %s after %.1f s", s.Seat, in.Name, took)
	}
	if acknowledged && r.Acknowledged == nil {
		r.Acknowledged = &took
		x.o.Tell(now, "%s acknowledged %s after %.1f s", s.Seat, in.Name, took)
	}
}
