package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
)

// Start is a point in what a seat may read: a time, everything, or a sequence
// of one stream. The zero value is no point at all.
type Start struct {
	// Time is what was stored at or after it.
	Time time.Time
	// All is the first object the seat may read.
	All bool
	// Sequence is a message of Stream; an empty Stream stands for the only one
	// the seat reads.
	Sequence uint64
	Stream   string
}

// IsZero reports whether s is no point at all.
func (s Start) IsZero() bool { return s == Start{} }

// ParseStart reads "all", a duration before now such as 24h, 90m or 7d, a date
// or a time (RFC 3339), a sequence, or STREAM:SEQUENCE.
func ParseStart(text string, now time.Time) (Start, error) {
	if text == "all" {
		return Start{All: true}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return Start{Time: now.Add(-time.Duration(n) * 24 * time.Hour)}, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return Start{Time: now.Add(-d)}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return Start{Time: t}, nil
		}
	}
	stream, seq, named := strings.Cut(text, ":")
	if !named {
		stream, seq = "", text
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil || n == 0 || (named && stream == "") {
		return Start{}, fmt.Errorf("%q is no place to start from: say 24h, 7d, 2026-01-31, 2026-01-31T08:00:00Z, a sequence, STREAM:SEQUENCE or all", text)
	}
	return Start{Sequence: n, Stream: stream}, nil
}

// request is the replay of the given streams from s.
func (s Start) request(streams []api.StreamAccess) (api.ReplayRequest, error) {
	r := api.ReplayRequest{Since: s.Time, All: s.All, Sequence: s.Sequence}
	if s.Sequence == 0 {
		for _, a := range streams {
			r.Streams = append(r.Streams, a.Name)
		}
		return r, nil
	}
	var names []string
	for _, a := range streams {
		if s.Stream == "" || s.Stream == a.Name {
			r.Streams = append(r.Streams, a.Name)
		}
		names = append(names, a.Name)
	}
	if len(r.Streams) != 1 {
		return r, fmt.Errorf("a sequence belongs to one stream: say STREAM:%d, with one of %s", s.Sequence, strings.Join(names, ", "))
	}
	return r, nil
}

// fresh reports whether a durable has delivered nothing yet.
func fresh(a *api.StreamAccess) bool { return a.Delivered < max(a.From, 1) }

// position brings the durables to where this subscription begins, before it
// reads anything.
func (s *subscription) position(ctx context.Context, streams []api.StreamAccess) error {
	begun, err := s.seen.begun()
	if err != nil {
		return err
	}
	switch o := &s.opts; {
	case len(o.Replay) > 0:
		if err := s.replays(ctx, streams); err != nil {
			return err
		}
	case !o.Since.IsZero() && !begun:
		if err := s.skip(ctx, streams); err != nil {
			return err
		}
	}
	if begun {
		return nil
	}
	return s.seen.begin()
}

// ErrNotReplayed ends a Subscribe that can go back to none of its Replay.
var ErrNotReplayed = errors.New("nothing is sent again")

// replays forgets what was handled and goes back.
//
// First forget, then go back. A crash in between misses nothing, but may repeat:
// messages handled and not yet acknowledged, and copies through other audiences, are
// no longer recognised. In the other order a crash would make the replay pass over
// everything as handled already.
func (s *subscription) replays(ctx context.Context, streams []api.StreamAccess) error {
	var requests []api.ReplayRequest
	var failed []error
	for _, start := range s.opts.Replay {
		if r, err := start.request(streams); err != nil {
			failed = append(failed, err)
		} else {
			requests = append(requests, r)
		}
	}
	if len(requests) > 0 {
		if err := s.seen.forget(); err != nil {
			return err
		}
	}
	gone := false
	for _, r := range requests {
		err := s.replay(ctx, r)
		if refused := (*api.Error)(nil); errors.As(err, &refused) {
			failed = append(failed, err)
			continue
		}
		if err != nil {
			return err
		}
		gone = true
	}
	if !gone {
		return fmt.Errorf("%w: %w", ErrNotReplayed, errors.Join(failed...))
	}
	for _, err := range failed {
		s.log.Warn("a part is not sent again", "error", err)
	}
	return nil
}

// skip moves durables that have delivered nothing yet forward to Since. One
// that has is left alone: to move it could repeat, or miss.
func (s *subscription) skip(ctx context.Context, streams []api.StreamAccess) error {
	var unread []api.StreamAccess
	for _, a := range streams {
		if fresh(&a) {
			unread = append(unread, a)
		}
	}
	if len(unread) < len(streams) {
		s.log.Warn("some streams were already read by this seat and go on where it stopped; to read again, replay", "streams", len(streams)-len(unread))
	}
	if len(unread) == 0 {
		return nil
	}
	r, err := s.opts.Since.request(unread)
	if err != nil {
		return err
	}
	return s.replay(ctx, r)
}

func (s *subscription) replay(ctx context.Context, r api.ReplayRequest) error {
	if len(r.Streams) == 0 {
		return nil
	}
	answer, err := s.client.Replay(ctx, r)
	var refused *api.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("the hub refuses the replay: %w", err)
	}
	if err != nil {
		return err
	}
	s.log.Info("the hub moved the seat's place", "next", answer.Next)
	return nil
}
