package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/selat-hub/selat/broker/api"
	"github.com/selat-hub/selat/stix"
)

// What nodes ask each other on behalf of the hub's team: how each is, to verify its
// catalogue, to end. No seat reaches these subjects.
const (
	nodesAsked = "nodes.status"
	nodeVerbs  = "nodes.of."
	nodesWait  = 2 * time.Second
)

func (h *Hub) openNode() error {
	own := nodeVerbs + h.cfg.Cluster.Node
	for subject, answer := range map[string]func(m *nats.Msg) any{
		nodesAsked:      func(*nats.Msg) any { return h.nodeStatus() },
		own + ".verify": h.answerVerify,
		own + ".drain": func(*nats.Msg) any {
			h.drain()
			return api.Done{Done: true, At: time.Now().UTC()}
		},
	} {
		if _, err := h.conn.Subscribe(subject, func(m *nats.Msg) { h.respond(m, answer(m)) }); err != nil {
			return fmt.Errorf("subscribing to %s: %w", subject, err)
		}
	}
	return h.conn.Flush()
}

func (h *Hub) answerVerify(m *nats.Msg) any {
	var q api.CatalogVerify
	if err := json.Unmarshal(m.Data, &q); err != nil {
		return invalid("the request is not JSON as described: %v", err)
	}
	return h.VerifyCatalogue(q.Begin)
}

func (h *Hub) nodeStatus() api.NodeStatus {
	s := api.NodeStatus{Node: h.cfg.Cluster.Node, Answers: true, Version: Version(), Leads: h.leading(), Positions: map[string]uint64{}}
	if err := h.Ready(); err != nil {
		s.NotReady = err.Error()
	}
	local, err := h.localPositions()
	if err != nil {
		return s
	}
	for stream := range local {
		if at, _, err := h.index.Position(stream); err == nil && at > 0 {
			s.Positions[stream] = at
		}
	}
	return s
}

// ClusterStatus asks every node how it is. The error is an *api.Error of code invalid
// where the hub is a single node.
func (h *Hub) ClusterStatus(ctx context.Context) (api.ClusterStatus, error) {
	var out api.ClusterStatus
	if h.lead == nil {
		return out, invalid("this hub is a single node: `selat init --cluster` prepares several")
	}
	nodes, err := h.cfg.AllNodes()
	if err != nil {
		return out, err
	}
	out.Term = h.lead.term.Load()
	answers, err := h.askNodes(ctx, len(nodes))
	if err != nil {
		return out, err
	}
	mine := h.positions()
	for _, n := range nodes {
		s, there := answers[n.Name]
		if !there {
			s = api.NodeStatus{Node: n.Name}
		}
		for stream, at := range mine {
			if there {
				s.Behind += at - min(at, s.Positions[stream])
			}
		}
		s.Positions = nil
		out.Nodes = append(out.Nodes, s)
	}
	out.Streams, err = h.streamReplicas(ctx)
	return out, err
}

// askNodes collects what up to n nodes answer in time.
func (h *Hub) askNodes(ctx context.Context, n int) (map[string]api.NodeStatus, error) {
	inbox := h.conn.NewInbox()
	sub, err := h.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("asking the nodes: %w", err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // it ends with the connection too
	if err := h.conn.PublishRequest(nodesAsked, inbox, nil); err != nil {
		return nil, fmt.Errorf("asking the nodes: %w", err)
	}
	ctx, done := context.WithTimeout(ctx, nodesWait)
	defer done()
	out := map[string]api.NodeStatus{}
	for len(out) < n {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			break
		}
		var s api.NodeStatus
		if json.Unmarshal(m.Data, &s) == nil && s.Node != "" {
			out[s.Node] = s
		}
	}
	return out, nil
}

// streamReplicas tells how each stream is kept; those of RED as one.
func (h *Hub) streamReplicas(ctx context.Context) ([]api.StreamReplicas, error) {
	red := api.StreamReplicas{Stream: redStream, InStep: h.cfg.replicas(), Replicas: h.cfg.replicas()}
	var out []api.StreamReplicas
	err := h.eachStream(ctx, func(info *jetstream.StreamInfo, level stix.Level) {
		r := api.StreamReplicas{Stream: info.Config.Name, Replicas: info.Config.Replicas}
		if c := info.Cluster; c != nil {
			if r.Leader = c.Leader; r.Leader != "" {
				r.InStep = 1
			}
			for _, p := range c.Replicas {
				if p.Current && !p.Offline {
					r.InStep++
				}
				r.Lag = max(r.Lag, p.Lag)
			}
		}
		if level != stix.Red {
			out = append(out, r)
			return
		}
		red.InStep, red.Lag = min(red.InStep, r.InStep), max(red.Lag, r.Lag)
	})
	slices.SortFunc(out, func(a, b api.StreamReplicas) int { return strings.Compare(a.Stream, b.Stream) })
	return append(out, red), err
}

// drain has this node end: Drained is closed, and whoever runs the hub closes it.
func (h *Hub) drain() { h.drainOnce.Do(func() { close(h.drained) }) }

// Drained is closed when the hub's team asked for this node to end. Close hands its
// part of the cluster to the others.
func (h *Hub) Drained() <-chan struct{} { return h.drained }

// Drain has a node of the cluster end. It returns when the node has begun to.
func (h *Hub) Drain(ctx context.Context, node string) error {
	var done api.Done
	return h.askNode(ctx, node, "drain", struct{}{}, &done)
}

// askNode asks one node.
func (h *Hub) askNode(ctx context.Context, node, verb string, q, out any) error {
	if h.lead == nil {
		return invalid("this hub is a single node")
	}
	nodes, err := h.cfg.AllNodes()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(nodes, func(n Node) bool { return n.Name == node }) {
		return notFound("node", node, "selat cluster status")
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, writeTimeout)
	defer done()
	m, err := h.conn.RequestWithContext(ctx, nodeVerbs+node+"."+verb, body)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) {
		return &api.Error{Code: "unavailable", Message: "node " + node + " does not answer"}
	}
	if err != nil {
		return err
	}
	var failed struct{ Error *api.Error }
	if err := json.Unmarshal(m.Data, &failed); err == nil && failed.Error != nil {
		return failed.Error
	}
	return json.Unmarshal(m.Data, out)
}

// verifyOn tells how the comparison of a node's catalogue goes; of this one if none is
// named.
func (h *Hub) verifyOn(ctx context.Context, q api.CatalogVerify) (any, error) {
	if q.Node == "" || q.Node == h.cfg.Cluster.Node {
		return h.VerifyCatalogue(q.Begin), nil
	}
	var v api.CatalogVerification
	err := h.askNode(ctx, q.Node, "verify", api.CatalogVerify{Begin: q.Begin}, &v)
	return v, err
}
