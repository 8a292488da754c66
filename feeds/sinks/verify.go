package sinks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// Verified is how the state stands to what the hub lists for the seat.
type Verified struct {
	Streams []VerifiedStream `json:"streams"`
	// Orders to forget an object wait for the seat: what they are about is counted
	// as ToForget.
	Orders bool `json:"orders_waiting,omitempty"`
	// NotOpen counts what is held of streams that the seat may not read any more,
	// which it keeps until it is told to forget.
	NotOpen int `json:"not_open,omitempty"`
}

// VerifiedStream is one stream. Every object of the hub's is Held, or one of
// Waiting, BeforeStart and Missing; whatever is held beside them is one of Kept,
// BeforeOpen, ToForget and Extra.
type VerifiedStream struct {
	Stream   string     `json:"stream"`
	Audience string     `json:"audience"`
	Level    stix.Level `json:"tlp"`
	// Hub objects are listed by the hub, Held are in the state.
	Hub  int `json:"hub"`
	Held int `json:"held"`
	// Waiting were not acknowledged yet: they come by themselves.
	Waiting int `json:"waiting,omitempty"`
	// BeforeStart were stored before the since of the configuration.
	BeforeStart int `json:"before_start,omitempty"`
	// Missing were acknowledged and are not in the state. FirstMissing is the
	// sequence of the first.
	Missing      int    `json:"missing"`
	FirstMissing uint64 `json:"first_missing,omitempty"`
	// Kept were narrowed, and the seat may hold the stricter version too.
	Kept int `json:"kept,omitempty"`
	// BeforeOpen are older than what the stream has open to the seat now.
	BeforeOpen int `json:"before_open,omitempty"`
	ToForget   int `json:"to_forget,omitempty"`
	// Extra are in the state though the hub does not list them.
	Extra int `json:"extra"`
	// Examples are ids of what is missing or extra, a few.
	Examples []string `json:"examples,omitempty"`
}

// maxExamples bounds the ids that are told of a stream.
const maxExamples = 10

// Equal reports whether nothing is missing and nothing extra.
func (v *Verified) Equal() bool {
	return !slices.ContainsFunc(v.Streams, func(s VerifiedStream) bool { return s.Missing+s.Extra > 0 })
}

// Verify compares what is held with what the hub lists for this seat, stream by
// stream. It may run while objects come and go. It has in memory the names of what
// one stream holds, some 400 bytes for each object.
func (d *Daemon) Verify(ctx context.Context, hub *client.Client) (*Verified, error) {
	// What is acknowledged by now is in the state when that is read, and what is in
	// the state by now is listed by the hub when that is asked: so whatever happens
	// meanwhile is no difference.
	streams, err := hub.Streams(ctx)
	if err != nil {
		return nil, err
	}
	v := &verifier{state: d.state, before: d.state.db.NewSnapshot()}
	defer v.before.Close() //nolint:errcheck // it was only read
	if v.start, err = d.state.began(); err != nil {
		return nil, err
	}
	if c := streams.Control; c != nil {
		v.out.Orders = c.Pending > 0 || c.AckFloor < c.Delivered
	}
	open := map[policy.Stream]bool{}
	for i := range streams.Streams {
		a := &streams.Streams[i]
		open[policy.Stream{Audience: a.Audience, Level: a.Level}] = true
		one, err := v.stream(ctx, hub, a)
		if err != nil {
			return nil, fmt.Errorf("verifying %s: %w", a.Name, err)
		}
		v.out.Streams = append(v.out.Streams, *one)
	}
	v.out.NotOpen, err = v.elsewhere(open)
	return &v.out, err
}

// verifier is one Verify under way.
type verifier struct {
	state  *State
	before *pebble.Snapshot // the state before the hub was asked
	start  client.Start
	out    Verified
}

// listed is an object of a stream as the hub lists it.
type listed struct {
	name    string // see nameOf
	message uint64
	added   time.Time
}

func (v *verifier) stream(ctx context.Context, hub *client.Client, a *api.StreamAccess) (*VerifiedStream, error) {
	at := policy.Stream{Audience: a.Audience, Level: a.Level}
	before, err := v.state.names(v.before, at)
	if err != nil {
		return nil, err
	}
	all, err := manifest(ctx, hub, at)
	if err != nil {
		return nil, err
	}
	var first time.Time // of what is open
	if len(all) > 0 {
		first = all[0].added
	}
	slices.SortFunc(all, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	after, err := v.state.names(v.state.db, at)
	if err != nil {
		return nil, err
	}
	out := &VerifiedStream{Stream: a.Name, Audience: a.Audience, Level: a.Level, Hub: len(all), Held: len(after)}
	missing, _ := difference(all, after)
	_, extra := difference(all, before)
	for _, l := range missing {
		if _, forgotten := slices.BinarySearch(before, l.name); !forgotten {
			v.missing(out, a, &l)
		}
	}
	for _, name := range extra {
		if _, still := slices.BinarySearch(after, name); !still {
			continue
		}
		if err := v.extra(out, a, name, first); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// missing counts what the hub lists and the state has not.
func (v *verifier) missing(out *VerifiedStream, a *api.StreamAccess, l *listed) {
	switch s := &v.start; {
	case l.message > a.AckFloor:
		out.Waiting++
	case l.added.Before(s.Time), l.message < s.Sequence && (s.Stream == "" || s.Stream == a.Name):
		out.BeforeStart++
	default:
		out.Missing++
		if out.FirstMissing == 0 || l.message < out.FirstMissing {
			out.FirstMissing = l.message
		}
		out.example(l.name)
	}
}

// extra counts what the state has and the hub does not list. first is when the
// first that is open was added, zero if none is.
func (v *verifier) extra(out *VerifiedStream, a *api.StreamAccess, name string, first time.Time) error {
	origin, rest, _ := strings.Cut(name, "\x00")
	id, _, _ := strings.Cut(rest, "\x00")
	g, err := v.state.group(v.state.db, origin, id)
	if err != nil {
		return err
	}
	// By its key, since what is narrowed has another level.
	end := []byte(placeKey(policy.Stream{Audience: a.Audience, Level: a.Level}))
	at := -1
	for i := range g.held {
		if bytes.HasSuffix(g.keys[i], end) && g.held[i].name() == name {
			at = i
		}
	}
	switch {
	case at < 0: // it was just forgotten
	case g.held[at].Narrowed, narrowed(g.held, &g.held[at]):
		out.Kept++
	case a.From > 1 && (first.IsZero() || g.held[at].Added.Before(first)):
		out.BeforeOpen++
	case v.out.Orders:
		out.ToForget++
	default:
		out.Extra++
		out.example(name)
	}
	return nil
}

// narrowed reports whether a later version is held under a stricter level: then the
// hub has this one no more, and who may hold the stricter one keeps it.
func narrowed(held []Held, h *Held) bool {
	return slices.ContainsFunc(held, func(other Held) bool { return other.Level > h.Level && later(&other, h) })
}

func (s *VerifiedStream) example(name string) {
	if id := strings.Split(name, "\x00")[1]; len(s.Examples) < maxExamples && !slices.Contains(s.Examples, id) {
		s.Examples = append(s.Examples, id)
	}
}

// elsewhere counts what is held of streams that are not open.
func (v *verifier) elsewhere(open map[policy.Stream]bool) (n int, err error) {
	ends := map[string]bool{}
	for at := range open {
		ends[placeKey(at)] = true
	}
	err = v.state.each(v.before, []byte("o\x00"), func(key, value []byte) error {
		if gone, err := isForgotten(value); gone || err != nil {
			return err
		}
		if end := key[len(objectOf(key)):]; !ends[string(end[bytes.IndexByte(end, 0):])] {
			n++
		}
		return nil
	})
	return n, err
}

// manifest lists a stream, in the order in which it was stored.
func manifest(ctx context.Context, hub *client.Client, at policy.Stream) (all []listed, err error) {
	for q := (api.ManifestRequest{Audience: at.Audience, Level: at.Level}); ; {
		page, err := hub.Manifest(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Objects {
			o := &page.Objects[i]
			added := moment(o.Added)
			all = append(all, listed{nameOf(o.Origin, o.ID, o.Version, added), max(o.Sequence, o.Message), added})
		}
		if !page.More {
			return all, nil
		}
		q.After = page.Next
	}
}

// difference walks two sorted lists side by side, and tells what only the hub has
// and what only the state has.
func difference(hub []listed, held []string) (missing []listed, extra []string) {
	for len(hub) > 0 || len(held) > 0 {
		switch {
		case len(held) == 0 || len(hub) > 0 && hub[0].name < held[0]:
			missing, hub = append(missing, hub[0]), hub[1:]
		case len(hub) == 0 || held[0] < hub[0].name:
			extra, held = append(extra, held[0]), held[1:]
		default:
			hub, held = hub[1:], held[1:]
		}
	}
	return missing, extra
}

// nameOf names a version of an object within a stream, alike for the hub's list and
// for the state: by origin, id and version, of what has none by when it was added.
func nameOf(origin, id, version string, added time.Time) string {
	instant := (&Held{Version: version}).instant()
	if instant == "" {
		instant = added.UTC().Format(time.RFC3339Nano)
	}
	return origin + "\x00" + id + "\x00" + instant
}

func (h *Held) name() string { return nameOf(h.Origin, h.ID, h.Version, h.Added) }

// placeKey ends the keys of what is held at a place.
func placeKey(at policy.Stream) string { return "\x00" + at.Audience + "\x00" + at.Level.String() }

// names lists what is held at one place, sorted. Of what has a version the key tells
// all that it takes.
func (s *State) names(r reader, at policy.Stream) (out []string, err error) {
	end := []byte(placeKey(at))
	err = s.each(r, []byte("o\x00"), func(key, value []byte) error {
		head, here := bytes.CutSuffix(key, end)
		if !here {
			return nil
		}
		if gone, err := isForgotten(value); gone || err != nil {
			return err
		}
		name := string(head[len("o\x00"):])
		if version := head[len(objectOf(key)):]; bytes.IndexByte(version, '-') < 0 { // a hash
			h, _, err := decode(value)
			if err != nil {
				return err
			}
			name = h.name()
		}
		out = append(out, name)
		return nil
	})
	slices.Sort(out)
	return out, err
}

var beganKey = []byte("b\x00")

// began is where what is received began: zero for everything, or before the first
// start.
func (s *State) began() (start client.Start, err error) {
	v, err := get(s.db, beganKey)
	if err != nil || v == nil {
		return start, err
	}
	if err := json.Unmarshal(v, &start); err != nil {
		return start, fmt.Errorf("%w: where it began: %w", errState, err)
	}
	return start, nil
}

// begin takes down where the first start begins, and returns what was taken down
// then: "7d" means the same days for ever.
func (s *State) begin(since string, now time.Time) (client.Start, error) {
	v, err := get(s.db, beganKey)
	if err != nil || v != nil {
		start, berr := s.began()
		return start, errors.Join(err, berr)
	}
	var start client.Start
	if since != "" {
		if start, err = client.ParseStart(since, now); err != nil {
			return start, fmt.Errorf("since: %w", err)
		}
	}
	b, err := json.Marshal(start)
	if err == nil {
		err = s.db.Set(beganKey, b, pebble.Sync)
	}
	if err != nil {
		return start, fmt.Errorf("noting where it begins: %w", err)
	}
	return start, nil
}
