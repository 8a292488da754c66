package broker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/selat-hub/selat/stix"
)

// What one node knows of the nodes it stands with. It is read from the engine in
// this process, and not asked of the others: without a quorum they give no answer,
// and that is when the numbers matter.

// ClusterStats is this node's view of the group that agrees on streams and
// durables. A hub alone is a group of one, which it leads.
type ClusterStats struct {
	// Nodes the group has, and how many of them must agree.
	Nodes, Quorum int
	// LeaderKnown is false while the nodes have not agreed on a leader; then no
	// stream and no durable can be made. Leads says that it is this node.
	LeaderKnown, Leads bool
	// InStep nodes, this one included, have all that was agreed on. Only the
	// leader knows; elsewhere it is 0.
	InStep int
	// PendingRequests of the engine's API wait on this node.
	PendingRequests int
	// Healthy is the engine's own verdict on its streams and durables.
	Healthy bool
}

// ClusterStats asks the engine in this process. It fails when the store is closed.
func (h *Hub) ClusterStats(ctx context.Context) (ClusterStats, error) {
	info, err := h.engine.Jsz(nil)
	if err != nil || info.Disabled {
		return ClusterStats{}, fmt.Errorf("asking the engine for its cluster: the store is closed (%w)", err)
	}
	c := ClusterStats{Nodes: 1, Quorum: 1, LeaderKnown: true, Leads: true, InStep: 1}
	if m := info.Meta; m != nil {
		c = ClusterStats{Nodes: m.Size, Quorum: m.QuorumNeeded, PendingRequests: m.Pending,
			LeaderKnown: m.Leader != "", Leads: m.Leader != "" && m.Leader == h.engine.Name()}
		if c.Leads {
			c.InStep = 1 + inStep(m.Replicas)
		}
	}
	c.Healthy, err = h.engineHealthy(ctx)
	return c, err
}

func inStep(peers []*server.PeerInfo) int {
	n := 0
	for _, p := range peers {
		if p.Current && !p.Offline && !p.Pending {
			n++
		}
	}
	return n
}

// engineHealthy asks this node alone, over the hub's connection to it.
func (h *Hub) engineHealthy(ctx context.Context) (bool, error) {
	reply, err := h.sysConn.RequestWithContext(ctx, "$SYS.REQ.SERVER."+h.engine.ID()+".HEALTHZ", nil)
	if err != nil {
		return false, fmt.Errorf("asking the engine for its health: %w", err)
	}
	var answer struct {
		Data struct {
			Status string `json:"status"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil || answer.Data.Status == "" {
		return false, fmt.Errorf("asking the engine for its health: the answer is none (%w)", err)
	}
	return answer.Data.Status == "ok", nil
}

// ownStreams stands for the streams in which the hub keeps the directory, orders
// and statuses.
const ownStreams = "hub"

// StreamReplication is how the copies of one stream on the nodes stand; for all
// RED inboxes together, and for the hub's own streams together, the worst of them.
type StreamReplication struct {
	// Name and Audience are as in StreamStats; "hub" for the hub's own.
	Name, Audience string
	Level          stix.Level // NoLevel for the hub's own
	// Replicas are how many copies there should be. Without a leader nothing is
	// stored in the stream.
	Replicas    int
	LeaderKnown bool
	// Leads says that the leader of all of it is this node, and only then InStep,
	// how many copies have everything, and Lag, by how many operations the last of
	// the others is behind, are known.
	Leads  bool
	InStep int
	Lag    uint64
}

// StreamReplications tells of every stream that has a copy on this node.
func (h *Hub) StreamReplications() ([]StreamReplication, error) {
	detail, err := h.engine.JszAccount(&server.JSzOptions{Account: public(h.keys.hub), Streams: true, Config: true})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its streams: %w", err)
	}
	var out []StreamReplication
	together := map[string]*StreamReplication{}
	for i := range detail.Streams {
		s := h.replication(&detail.Streams[i])
		if s.Name != redStream && s.Name != ownStreams {
			out = append(out, s)
			continue
		}
		if t := together[s.Name]; t != nil {
			t.worsen(s)
		} else {
			together[s.Name] = &s
		}
	}
	for _, t := range together {
		out = append(out, *t)
	}
	return out, nil
}

func (h *Hub) replication(d *server.StreamDetail) StreamReplication {
	s := StreamReplication{Name: ownStreams, Audience: ownStreams, Replicas: 1, LeaderKnown: true, Leads: true, InStep: 1}
	if d.Config != nil {
		s.Replicas = max(1, d.Config.Replicas)
	}
	if isObjects(d.Name) {
		s.Name, s.Audience, s.Level = redStream, redAudience, stix.Red
		if d.Config != nil {
			if level := streamLevel(d.Config.Metadata); level != stix.Red {
				s.Name, s.Audience, s.Level = d.Name, d.Config.Metadata["selat.audience"], level
			}
		}
	}
	if c := d.Cluster; c != nil {
		s.LeaderKnown = c.Leader != ""
		s.Leads = s.LeaderKnown && c.Leader == h.engine.Name()
		s.InStep += inStep(c.Replicas)
		for _, p := range c.Replicas {
			s.Lag = max(s.Lag, p.Lag)
		}
	}
	return s
}

// worsen makes s the worse of both in each respect.
func (s *StreamReplication) worsen(o StreamReplication) {
	s.Replicas = max(s.Replicas, o.Replicas)
	s.LeaderKnown = s.LeaderKnown && o.LeaderKnown
	s.Leads = s.Leads && o.Leads
	s.InStep = min(s.InStep, o.InStep)
	s.Lag = max(s.Lag, o.Lag)
}
