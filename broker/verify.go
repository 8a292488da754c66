package broker

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// verifying is the one comparison of the catalogue with the streams that may be
// under way.
type verifying struct {
	mu  sync.Mutex
	now api.CatalogVerification
}

// VerifyCatalogue tells how the comparison of the catalogue with the streams
// goes, and begins one if asked to and none is under way. It reads every message
// there is; the hub goes on meanwhile.
func (h *Hub) VerifyCatalogue(begin bool) api.CatalogVerification {
	v := &h.verifying
	v.mu.Lock()
	defer v.mu.Unlock()
	if begin && !v.now.Running {
		v.now = api.CatalogVerification{Running: true}
		h.go_(func() { h.verify(h.run) })
	}
	now := v.now
	now.Differences = slices.Clone(now.Differences)
	return now
}

func (h *Hub) verify(ctx context.Context) {
	note := func(change func(*api.CatalogVerification)) {
		h.verifying.mu.Lock()
		defer h.verifying.mu.Unlock()
		change(&h.verifying.now)
	}
	v := h.index.Verify()
	tell := func() {
		note(func(now *api.CatalogVerification) {
			now.Messages, now.Objects, now.Values, now.Wrong = v.Messages, v.Objects, v.Values, v.Wrong
		})
	}
	err := func() error {
		names, err := h.objectStreams(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			size, err := h.StreamSize(ctx, name)
			if err != nil {
				return err
			}
			note(func(now *api.CatalogVerification) { now.Of += size.Messages })
		}
		for _, name := range names {
			if err := v.Stream(ctx, streamSource{h.js}, name, tell); err != nil {
				return err
			}
		}
		return v.Finish(ctx)
	}()
	note(func(now *api.CatalogVerification) {
		now.Running, now.Wrong, now.Differences = false, v.Wrong, v.Differences
		if err != nil {
			now.Error = err.Error()
		}
	})
	if err != nil || v.Wrong > 0 {
		h.log.Error("the catalogue was held against the streams", "objects", v.Objects, "wrong", v.Wrong, "error", err)
	}
}

// Counts tells how many objects each member published, by type, level and day
// (UTC): every object once for each audience it is stored for. Audiences are not
// told, so that nothing says who received RED.
func (h *Hub) Counts() ([]api.ObjectCount, error) {
	r := h.Region()
	type group struct {
		member, typ, day string
		level            stix.Level
	}
	sums := map[group]uint64{}
	for _, s := range r.Streams() {
		counts, err := h.index.Counts(r.Name(s))
		if err != nil {
			return nil, err
		}
		for _, c := range counts {
			sums[group{c.Origin, c.Type, c.Day.Format("2006-01-02"), s.Level}] += c.Objects
		}
	}
	out := make([]api.ObjectCount, 0, len(sums))
	for g, n := range sums {
		out = append(out, api.ObjectCount{Member: g.member, Type: g.typ, Level: g.level, Day: g.day, Objects: n})
	}
	slices.SortFunc(out, func(a, b api.ObjectCount) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Member, b.Member), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Type, b.Type))
	})
	return out, nil
}
