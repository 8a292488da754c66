package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
	"github.com/selat-hub/selat/stix"
)

// The paths of callers that are no NATS clients: every seat reads every stream as
// a collection, whether it may or not, everything it may read as one, and what
// its member published; asks for each object by its identifier, and for what
// names a value.

// reads compares what a seat's collections hold with what policy allows over the
// test's own directory.
func (p *product) reads(rd *reader, region *policy.Region) error {
	s := p.seats[rd.name]
	var all []string
	for stream, objects := range p.log {
		want := policy.Access{}
		if s != nil {
			want = region.MayRead(s, stream)
		}
		var open []string
		for _, o := range objects {
			if want.Allowed && o.seq >= want.From {
				open = append(open, o.raw)
			}
		}
		all = append(all, open...)
		pick := func(cs []policy.Collection) *policy.Collection {
			for i := range cs {
				if cs[i].Kind == policy.OneStream && cs[i].Stream == stream {
					return &cs[i]
				}
			}
			return nil
		}
		if err := p.compareRead(s, pick, want.Allowed, open, fmt.Sprint("as a collection, ", stream)); err != nil {
			return err
		}
		// By its identifier, an object that is not open is as absent as none.
		if err := p.compareIDs(s, pick, objects, open); err != nil {
			return err
		}
	}
	reads := s != nil && s.Reads()
	if err := p.compareRead(s, collection("everything"), reads && len(region.Readable(s)) > 0, all, "everything"); err != nil {
		return err
	}
	if err := p.compareLookup(s, region); err != nil {
		return err
	}
	var own []string
	for stream, objects := range p.log {
		if s != nil && s.Member == "source" && region.MayReadOwn(s, stream) {
			for _, o := range objects {
				own = append(own, o.raw)
			}
		}
	}
	slices.Sort(own)
	own = slices.Compact(own) // RED is stored for each recipient, and told once
	return p.compareRead(s, collection("own"), len(own) > 0 || p.ownStreams(s, region), own, "own publications")
}

func (p *product) ownStreams(s *policy.Seat, region *policy.Region) bool {
	return s != nil && slices.ContainsFunc(region.Streams(), func(stream policy.Stream) bool { return region.MayReadOwn(s, stream) })
}

func (p *product) compareRead(s *policy.Seat, pick func([]policy.Collection) *policy.Collection, exists bool, want []string, what string) error {
	account := "AGONE"
	if s != nil {
		account = s.Account
	}
	got, err := p.h.Read(p.t.Context(), account, pick, catalog.Query{Limit: 10_000, Versions: []string{catalog.VersionAll}}, true)
	if !exists {
		return absent(err, len(got.Items)+len(got.Runs), what)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	objects := objectsOf(p.t, got)
	slices.Sort(objects)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(objects, want) {
		return fmt.Errorf("%s: %d objects are read, and %d are open", what, len(objects), len(want))
	}
	return nil
}

func (p *product) compareIDs(s *policy.Seat, pick func([]policy.Collection) *policy.Collection, objects []stored, open []string) error {
	if s == nil || len(objects) == 0 {
		return nil
	}
	q := catalog.Query{Limit: 10_000}
	want := map[string]bool{}
	for _, o := range objects {
		parsed, err := stix.SplitValidated([]byte(o.raw), stix.DefaultLimits)
		if err != nil {
			return err
		}
		q.IDs = append(q.IDs, parsed[0].ID)
		if slices.Contains(open, o.raw) {
			want[parsed[0].ID] = true
		}
	}
	got, err := p.h.Read(p.t.Context(), s.Account, pick, q, false)
	if err != nil {
		return absent(err, len(want), "by identifier")
	}
	for _, it := range got.Items {
		if !want[it.ID] {
			return fmt.Errorf("by identifier: %s is told, and not open", it.ID)
		}
		delete(want, it.ID)
	}
	if len(want) > 0 {
		return fmt.Errorf("by identifier: %d objects are open and not told", len(want))
	}
	return nil
}

// compareLookup asks for the network that every object of the test names an
// address of: what is told, and of which place, is what is open.
func (p *product) compareLookup(s *policy.Seat, region *policy.Region) error {
	account, want := "AGONE", map[string]bool{}
	if s != nil {
		account = s.Account
		for stream, objects := range p.log {
			a := region.MayRead(s, stream)
			for _, o := range objects {
				if a.Allowed && o.seq >= a.From {
					id, _, _ := strings.Cut(o.raw[strings.Index(o.raw, "indicator--"):], `"`)
					want[fmt.Sprint(id, " ", stream.Audience, " ", stream.Level)] = true
				}
			}
		}
	}
	got, err := p.h.Lookup(p.t.Context(), account, api.LookupRequest{Values: []string{"192.0.2.0/24"}, Limit: api.LookupLimit})
	if err != nil || got.Values[0].Error != nil || got.Values[0].More {
		return fmt.Errorf("looking up: %+v, %w", got.Values, err)
	}
	for _, m := range got.Values[0].Mentions {
		place := fmt.Sprint(m.ID, " ", m.Audience, " ", m.Level)
		if !want[place] || m.State != api.StateValid || m.Origin != "source" {
			return fmt.Errorf("looking up: %s is told, and not open: %+v", place, m)
		}
		delete(want, place)
	}
	if len(want) > 0 {
		return fmt.Errorf("looking up: %d objects are open and not told", len(want))
	}
	return nil
}

// absent wants the one answer there is for what is not there.
func absent(err error, told int, what string) error {
	var known *api.Error
	if !errors.As(err, &known) || known.Code != "not-found" || told > 0 {
		return fmt.Errorf("%s: it is answered with %d objects and %w, and should not be there", what, told, err)
	}
	return nil
}
