package broker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/selat-hub/selat/broker/api"
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
			if err := v.Stream(ctx, h.source(), name, tell); err != nil {
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

// Counts tells how many objects are stored for the audiences of today, each once
// for each of them, by any of member, tlp, type and day (UTC). Audiences are not
// told, so that nothing says who received RED.
func (h *Hub) Counts(by []string) ([]api.ObjectCount, error) {
	for _, b := range by {
		if !slices.Contains(api.CountBy, b) {
			return nil, invalid("objects are not counted by %q: use %s", b, strings.Join(api.CountBy, ", "))
		}
	}
	r := h.Region()
	sums := map[api.ObjectCount]uint64{}
	for _, s := range r.Streams() {
		counts, err := h.index.Counts(r.Name(s))
		if err != nil {
			return nil, err
		}
		for _, c := range counts {
			var g api.ObjectCount
			for _, b := range by {
				switch b {
				case "member":
					g.Member = c.Origin
				case "tlp":
					g.Level = s.Level
				case "type":
					g.Type = c.Type
				case "day":
					g.Day = c.Day.Format("2006-01-02")
				}
			}
			sums[g] += c.Objects
		}
	}
	out := make([]api.ObjectCount, 0, len(sums))
	for g, n := range sums {
		g.Objects = n
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b api.ObjectCount) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Member, b.Member), cmp.Compare(a.Level, b.Level), cmp.Compare(a.Type, b.Type))
	})
	return out, nil
}
