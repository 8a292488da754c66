package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/policy"
)

// DrillPositions tells how far each seat that may read exercises is, on each of
// the streams of policy.Drill that it may read; sorted by seat. It makes no
// durable.
func (h *Hub) DrillPositions(ctx context.Context) (api.DrillPositions, error) {
	r := h.Region()
	if r.Communities[policy.Drill] == nil {
		return api.DrillPositions{}, notFound("community", policy.Drill, "selat community list")
	}
	out := api.DrillPositions{At: time.Now().UTC(), Seats: []api.DrillSeat{}}
	for _, seat := range r.Seats {
		s := api.DrillSeat{Seat: seat.Name, Member: seat.Member, FilterType: seat.FilterType, FilterOrigin: seat.FilterOrigin}
		for _, stream := range r.Readable(seat) {
			if stream.Audience != policy.Drill {
				continue
			}
			p, err := h.drillPosition(ctx, r, seat, stream)
			if err != nil {
				return api.DrillPositions{}, err
			}
			s.Positions = append(s.Positions, p)
		}
		if len(s.Positions) > 0 && seat.Enrolled() {
			out.Seats = append(out.Seats, s)
		}
	}
	slices.SortFunc(out.Seats, func(a, b api.DrillSeat) int { return strings.Compare(a.Seat, b.Seat) })
	return out, nil
}

func (h *Hub) drillPosition(ctx context.Context, r *policy.Region, seat *policy.Seat, s policy.Stream) (api.DrillPosition, error) {
	p := api.DrillPosition{Stream: r.Name(s), Level: s.Level, From: r.MayRead(seat, s).From}
	c, err := h.js.Consumer(ctx, p.Stream, seat.Account)
	if missing(err) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("reading the position of %s: %w", seat.Name, err)
	}
	info := c.CachedInfo()
	p.Durable, p.Delivered, p.AckFloor = true, info.Delivered.Stream, info.AckFloor.Stream
	return p, nil
}
