package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// cast are the seats that take part: daemons and people of nine members, at every
// ceiling, of both standings.
var cast = []policy.Seat{
	{Name: "sg/feed", Kind: policy.Publisher, Ceiling: stix.Clear},
	{Name: "my/feed", Kind: policy.Publisher, Ceiling: stix.Clear},
	{Name: "us/feed", Kind: policy.Publisher, Ceiling: stix.Clear},

	{Name: "sg/soc", Kind: policy.Subscriber, Ceiling: stix.Red},
	{Name: "my/soc", Kind: policy.Subscriber, Ceiling: stix.Red},
	{Name: "my/hospital", Kind: policy.Subscriber, Ceiling: stix.Amber, Standing: policy.Client},
	{Name: "th/soc", Kind: policy.Both, Ceiling: stix.AmberStrict},
	{Name: "id/analyst", Kind: policy.Subscriber, Ceiling: stix.Amber},
	{Name: "us/analyst", Kind: policy.Subscriber, Ceiling: stix.AmberStrict},
	{Name: "bn/isp", Kind: policy.Subscriber, Ceiling: stix.Green, Standing: policy.Client},
	{Name: "tl/desk", Kind: policy.Subscriber, Ceiling: stix.Green},
	{Name: "vn/firewall", Kind: policy.Subscriber, Ceiling: stix.Green, FilterType: "indicator"},
	{Name: "ph/portal", Kind: policy.Subscriber, Ceiling: stix.Clear},
}

// feeder publishes the files given as arguments, and the end of every feed.
const feeder = "sg/feed"

// seat is a seat with its connection.
type seat struct {
	*policy.Seat
	creds  string // path of its credentials file
	client *client.Client
}

// enrol makes the seats and writes their credentials.
func (s *site) enrol(ctx context.Context) ([]*seat, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out []*seat
	for _, p := range cast {
		if p.Standing == "" {
			p.Standing = policy.Organization
		}
		creds, err := s.hub.AddSeat(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("making seat %s: %w", p.Name, err)
		}
		path := filepath.Join(s.dir, strings.ReplaceAll(p.Name, "/", "-")+".creds")
		if err := os.WriteFile(path, creds, 0o600); err != nil {
			return nil, fmt.Errorf("writing the credentials of seat %s: %w", p.Name, err)
		}
		out = append(out, &seat{Seat: s.hub.Region().Seats[p.Name], creds: path})
	}
	return out, nil
}

// join connects every seat and lets those that read receive, until leave is
// called. A seat that fails ends the show with its error.
func (x *show) join(ctx context.Context, fail context.CancelCauseFunc) (leave func(), err error) {
	var tasks sync.WaitGroup
	receiving, stop := context.WithCancel(ctx)
	leave = func() {
		stop()
		tasks.Wait()
		for _, s := range x.seats {
			if s.client != nil {
				s.client.Close()
			}
		}
	}
	errs := make([]error, len(x.seats))
	var connecting sync.WaitGroup
	for i, s := range x.seats {
		connecting.Go(func() { errs[i] = s.connect(ctx) })
	}
	connecting.Wait()
	if err := errors.Join(errs...); err != nil {
		leave()
		return nil, err
	}
	for _, s := range x.readers {
		tasks.Go(func() {
			err := s.client.Subscribe(receiving, x.tally.handler(s.Name), client.SubscribeOptions{EveryPlace: true, Grace: time.Second})
			if err != nil {
				fail(fmt.Errorf("seat %s stopped receiving: %w", s.Name, err))
			}
		})
	}
	return leave, nil
}

// connect connects a seat and, if it reads, asks for its streams: then they are
// open before anything is published, and the times that are told are those of
// an exchange under way.
func (s *seat) connect(ctx context.Context) (err error) {
	if s.client, err = client.Connect(ctx, client.Options{CredsFile: s.creds, Name: "selat demo"}); err != nil {
		return fmt.Errorf("connecting seat %s: %w", s.Name, err)
	}
	if s.Reads() {
		if _, err := s.client.Streams(ctx); err != nil {
			return fmt.Errorf("opening the streams of seat %s: %w", s.Name, err)
		}
	}
	return nil
}

// seat is the seat of that name; the script names only seats of the cast.
func (x *show) seat(name string) *seat {
	for _, s := range x.seats {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// entitled is the rule that everything here is held against: package policy's,
// and what the seat's own filter leaves out.
func (x *show) entitled(s *seat, stream policy.Stream, origin, typ string) policy.Access {
	a := x.region.MayRead(s.Seat, stream)
	switch {
	case !a.Allowed:
	case s.FilterType != "" && s.FilterType != typ:
		a = policy.Access{Code: "filter", Reason: "the seat receives only the type " + s.FilterType}
	case s.FilterOrigin != "" && s.FilterOrigin != origin:
		a = policy.Access{Code: "filter", Reason: "the seat receives only what " + s.FilterOrigin + " publishes"}
	}
	if x.opts.expect != nil {
		a.Allowed = x.opts.expect(s.Seat, stream, a.Allowed)
	}
	return a
}
