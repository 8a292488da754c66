package demo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/client"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// input is what the files hold, read on our own account: what the hub says of
// an object is held against it.
type input struct {
	objects []inputObject
	byID    map[string][]int
}

// inputObject is one item of the files; what is no object has no id.
type inputObject struct {
	stix.Object
	// levels it may travel under, one bit each. Only what carries no marking
	// and supports others can have several: it travels with each of them.
	levels  levels
	travels bool
}

type levels uint8

func (l levels) has(v stix.Level) bool { return l&(1<<v) != 0 }

// publishFiles publishes the files and takes down what became of each object.
func (x *show) publishFiles(ctx context.Context) error {
	in, s := x.input, x.seat(feeder)
	var sources []client.Source
	for _, f := range x.opts.Files {
		sources = append(sources, client.File(f))
	}
	var lines []client.Line
	sum, err := s.client.Publish(ctx, sources, client.PublishOptions{
		SubmitOptions: client.SubmitOptions{To: x.opts.To, Unmarked: x.opts.Unmarked},
		Patience:      patience,
		OnLine:        func(l client.Line) error { lines = append(lines, l); return nil },
		OnProgress:    func(p client.Progress) { x.board.progress(p) },
	})
	if err != nil {
		return fmt.Errorf("publishing the files: %w", err)
	}
	x.submits += sum.Submissions
	x.again += sum.Duplicate
	in.level(x, s.Member, lines)
	if err := x.takeDown(ctx, s, in, lines); err != nil {
		return err
	}
	if sum.Accepted == 0 {
		x.fault("receipt", s.Name, "none of the %d objects was accepted", sum.Objects)
	}
	return nil
}

// readFiles reads every object of the files. They are numbered as Publish
// numbers them.
func readFiles(paths []string) (*input, error) {
	in := &input{byID: map[string][]int{}}
	for _, path := range paths {
		if err := in.read(path); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (in *input) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the input: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	r := stix.NewReader(f, stix.DefaultLimits)
	for {
		raw, err := r.Next()
		var fault *stix.Finding
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &fault):
			in.objects = append(in.objects, inputObject{})
			continue
		case err != nil:
			return fmt.Errorf("reading %s: %w", path, err)
		}
		var o inputObject
		if split, err := stix.Split(raw, stix.DefaultLimits); err == nil && len(split) == 1 && split[0].Pointer == "" {
			o.Object = split[0]
			o.Hash()
			o.Raw = nil // its hash stays
			in.byID[o.ID] = append(in.byID[o.ID], len(in.objects))
		}
		in.objects = append(in.objects, o)
	}
}

// level finds what each object may travel under: the strictest marking on it;
// without one what the options name; and what supports others, without a
// marking, the levels of those that refer to it, near or far. If one of these
// was refused it may not have counted, and then the options' level stands too.
func (in *input) level(x *show, member string, lines []client.Line) {
	refused := map[int]bool{}
	for _, l := range lines {
		refused[l.Object] = refused[l.Object] || l.Outcome == api.Refused
	}
	var spread []int
	for i := range in.objects {
		o := &in.objects[i]
		switch marked := strictest(&o.Object); {
		case marked != stix.NoLevel:
			o.levels = 1 << marked
		case x.region.Supporting(member, o.Type, o.ID):
			o.travels = true
		default:
			o.levels = 1 << x.opts.Unmarked
		}
		if o.levels != 0 {
			spread = append(spread, i)
		}
	}
	for len(spread) > 0 {
		i := spread[len(spread)-1]
		spread = spread[:len(spread)-1]
		from := in.objects[i].levels
		if refused[i] {
			from |= 1 << x.opts.Unmarked
		}
		for _, ref := range in.objects[i].Refs {
			for _, j := range in.byID[ref] {
				if o := &in.objects[j]; o.travels && o.levels|from != o.levels {
					o.levels |= from
					spread = append(spread, j)
				}
			}
		}
	}
	for i := range in.objects {
		if o := &in.objects[i]; o.levels == 0 {
			o.levels = 1 << x.opts.Unmarked
		}
	}
}

// strictest of the TLP markings on an object and its parts.
func strictest(o *stix.Object) stix.Level {
	most := stix.NoLevel
	for _, m := range o.MarkingRefs {
		if l, ok := stix.KnownTLP(m.ID); ok {
			most = max(most, l)
		}
	}
	return most
}

// takeDown turns receipts into rows and refusals.
func (x *show) takeDown(ctx context.Context, s *seat, in *input, lines []client.Line) error {
	rows := map[string]*row{}
	put := func(o *inputObject, p api.StoredPlace) {
		streams, no := x.route(s.Member, p.Level, x.opts.To, &o.Object)
		stream := policy.Stream{Audience: p.Audience, Level: p.Level}
		if no != nil || !slices.Contains(streams, stream) || !o.levels.has(p.Level) || x.region.Name(stream) != p.Stream {
			x.fault("receipt", s.Name, "%s went to %s, where the rules do not send it", o.ID, p.Stream)
			return
		}
		key := p.Stream + " " + o.Type
		if rows[key] == nil {
			rows[key] = x.newRow(s.Member, stream, o.Type)
			x.rows = append(x.rows, rows[key])
		}
		rows[key].add(place{p.Stream, s.Member, o.ID, o.Version(), o.Hash()})
	}
	var travelled []int
	refused := map[string]int{} // index into x.refusals, by code
	for _, l := range lines {
		o := &in.objects[l.Object]
		switch {
		case l.Outcome == api.Refused:
			x.refuseLine(refused, s.Name, &l)
		case o.ID == "":
			x.fault("receipt", s.Name, "item %d of the files is no object, and was %s", l.Object, l.Outcome)
		case o.travels:
			travelled = append(travelled, l.Object)
		default:
			put(o, api.StoredPlace{Audience: l.Audience, Level: l.Level, Stream: l.Stream})
		}
	}
	return x.takeDownTravelled(ctx, s, in, travelled, put)
}

// takeDownTravelled asks for all places of what travelled with others: it may
// have gone with several submissions to several levels, and its line tells of
// one.
func (x *show) takeDownTravelled(ctx context.Context, s *seat, in *input, travelled []int, put func(*inputObject, api.StoredPlace)) error {
	if len(travelled) == 0 {
		return nil
	}
	var ask []api.ObjectVersion
	for _, i := range travelled {
		o := &in.objects[i]
		ask = append(ask, api.ObjectVersion{ID: o.ID, Version: o.Version()})
	}
	answer, err := s.client.Receipts(ctx, ask)
	if err != nil {
		return err
	}
	for _, i := range travelled {
		o := &in.objects[i]
		hash, found := o.Hash(), false
		for _, stored := range answer.Objects {
			if stored.ID != o.ID || stored.Version != o.Version() || stored.SHA256 != hex.EncodeToString(hash[:]) {
				continue
			}
			found = true
			for _, p := range stored.Places {
				put(o, p)
			}
		}
		if !found {
			x.fault("receipt", s.Name, "%s was accepted, and the hub does not know it", o.ID)
		}
	}
	return nil
}

// refuseLine adds one refusal; those of one code are told once, with the first.
func (x *show) refuseLine(index map[string]int, from string, l *client.Line) {
	f := stix.Finding{Code: "unknown", Message: "the receipt gives no reason"}
	if len(l.Findings) > 0 {
		f = l.Findings[0]
	}
	if i, ok := index[f.Code]; ok {
		x.refusals[i].Objects++
		return
	}
	what := l.ID
	if what == "" {
		what = "what is no object"
	}
	what += " in " + filepath.Base(l.File)
	index[f.Code] = len(x.refusals)
	x.refusals = append(x.refusals, Refusal{From: from, To: strings.Join(x.opts.To, ","), What: what,
		Code: f.Code, Path: f.Path, Message: f.Message, Objects: 1})
}
