package broker

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/broker/catalog"
	"github.com/selat-hub/selat/broker/policy"
)

// Manifest lists what stands in one stream, a page at a time, for the seat of an
// account. It is a Read of that stream's collection, so that policy decides as it
// does for TAXII's manifest: what is not open to the seat is answered as what does
// not exist.
//
// Errors are *api.Error: invalid (a limit or a position that is none), not-found,
// unavailable (the catalogue cannot answer now).
func (h *Hub) Manifest(ctx context.Context, account string, req api.ManifestRequest) (api.Manifest, error) {
	q := catalog.Query{Versions: []string{catalog.VersionAll}, Limit: req.Limit}
	switch {
	case req.Limit < 0 || req.Limit > api.ManifestLimit:
		return api.Manifest{}, invalid("the limit is %d, and can be 1 to %d, or 0 for %d", req.Limit, api.ManifestLimit, api.ManifestDefaultLimit)
	case req.Limit == 0:
		q.Limit = api.ManifestDefaultLimit
	}
	if req.After != "" {
		after, err := time.Parse(time.RFC3339Nano, req.After)
		if err != nil {
			return api.Manifest{}, invalid("after is no position: give the next of the page before, or nothing for the first")
		}
		q.After = after.UnixMicro()
	}
	got, err := h.Read(ctx, account, streamOf(req), q, false)
	if err != nil {
		return api.Manifest{}, err
	}
	out := api.Manifest{Objects: make([]api.ManifestObject, 0, len(got.Items)), More: got.More}
	if got.More {
		out.Next = formatAdded(got.Next)
	}
	for i := range got.Items {
		out.Objects = append(out.Objects, manifestObject(&got.Items[i]))
	}
	return out, nil
}

// streamOf picks the collection of one stream.
func streamOf(req api.ManifestRequest) func([]policy.Collection) *policy.Collection {
	return func(all []policy.Collection) *policy.Collection {
		for i := range all {
			if all[i].Kind == policy.OneStream && all[i].Stream == (policy.Stream{Audience: req.Audience, Level: req.Level}) {
				return &all[i]
			}
		}
		return nil
	}
}

func manifestObject(it *catalog.Item) api.ManifestObject {
	o := api.ManifestObject{Origin: it.Origin, ID: it.ID, Version: it.Version, Sequence: it.Place.Seq, Index: it.Place.Index, Added: formatAdded(it.Place.Added)}
	if it.Unversioned {
		o.Version = ""
	}
	if it.Physical != it.Place.Seq {
		o.Message = it.Physical
	}
	return o
}

// answerManifest answers a seat's ManifestRequest.
func (h *Hub) answerManifest(ctx context.Context, seat *policy.Seat, m *nats.Msg) (any, error) {
	var req api.ManifestRequest
	if err := json.Unmarshal(m.Data, &req); err != nil {
		return nil, invalid("the request is not JSON as described: %v", err)
	}
	return h.Manifest(ctx, seat.Account, req)
}
